"""Anthropic's format, for callers of `/v1/messages`: requests in. Answers are in `anthropic_answer`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from routerkit.gateway.anthropic_shape import check
from routerkit.gateway.anthropic_tools import RUN_ELSEWHERE, found_of, is_result, use_id, with_results
from routerkit.gateway.exchange import encode
from routerkit.gateway.refusal import Refusal, bad, refuse_unknown
from routerkit.gateway.tool_names import portable_name
from routerkit.messages import Json, text_of

Object = Mapping[str, Json]
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_SAME: Final = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream", "service_tier")
KNOWN: Final = frozenset(
    {
        *_SAME,
        "cache_control",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "stop_sequences",
        "metadata",
        "thinking",
        "context_management",
        "output_config",
        "diagnostics",
        "speed",
    }
)
_NOTHING: Final[tuple[Json, ...]] = ([], {})
"""Asks for nothing, whatever it is called (`mcp_servers`)."""
_UNSENT: Final = ("thinking", "redacted_thinking")  # no set: what callers send may be unhashable
"""Signed by one model and refused by all others; the next target may be another one."""
_USES: Final = ("tool_use", *RUN_ELSEWHERE)


def chat_body(body: Object) -> Object:
    """The same request in OpenAI's chat format.

    Raises:
        Refusal: a field is wrong, or asks for something no other provider has.
    """
    check_all(body)
    messages = [*system_of(body.get("system")), *(m for message in _objects(body, "messages") for m in messages_of(message))]
    return translated(body, messages, offer_of(body))


def check_all(body: Object) -> None:
    """Look at every field.

    Raises:
        Refusal: one is wrong.
    """
    if body.get("thread") is not None:
        # With these details Anthropic's SDK goes on by itself with the whole conversation.
        details: Json = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
        raise Refusal(400, "nothing is stored here; send the whole conversation", code="invalid_value", param="thread", details=details)
    refuse_unknown({name: value for name, value in body.items() if value not in _NOTHING}, KNOWN)
    check(body)
    if not isinstance(body.get("max_tokens"), int):
        raise bad("max_tokens is missing; it must be a whole number", param="max_tokens")


def translated(body: Object, messages: Sequence[Object], offer: Offer | None) -> Object:
    """The request in OpenAI's chat format, given what its messages and its tools are there."""
    found: dict[str, Any] = {name: body[name] for name in _SAME if body.get(name) is not None}
    found["messages"] = _with_mark(messages, _mark(body))
    if offer is not None:
        found |= {"tools": offer.sent} | _tool_choice(body.get("tool_choice"), offer.names)
    found |= _text_format(body.get("output_config"))
    if body.get("stop_sequences"):
        found["stop"] = body["stop_sequences"]
    return found | _session(body.get("metadata"))


def system_of(value: Json) -> list[Object]:
    """The system prompt as messages, of which there is one or none."""
    if not value:
        return []
    if isinstance(value, str):
        return [{"role": "system", "content": value}]
    return [{"role": "system", "content": [_part(block) for block in _blocks(value, "system")]}]


def messages_of(message: Object) -> Iterator[Object]:
    """A message as those of a chat."""
    role, content = message.get("role"), message.get("content")
    if isinstance(content, str):
        yield {"role": role, "content": content}
    elif role == "assistant":
        yield from _assistant(_blocks(content, "messages"))
    else:
        yield from _user(_blocks(content, "messages"), str(role))


def _assistant(blocks: Sequence[Object]) -> Iterator[Object]:
    """A turn, which what came of a tool that Anthropic ran within it divides: here results are messages of their own, behind the calls."""
    said, kept = list[Object](), with_results(blocks)
    results = {use_id(block): block for block in kept if is_result(block)}
    for block in kept:
        if not is_result(block):
            said.append(block)
        elif said:
            yield from _told(said, results)
            said = []
    if said or not kept:
        yield from _told(said, results)


def _told(said: Sequence[Object], results: Mapping[str | None, Object]) -> Iterator[Object]:
    yield _turn(said)
    for block in said:
        if block.get("type") in RUN_ELSEWHERE:
            yield {"role": "tool", "tool_call_id": block.get("id"), "content": found_of(results[use_id(block)])}


def _turn(blocks: Sequence[Object]) -> Object:
    calls = [
        {"id": b.get("id"), "type": "function", "function": {"name": _name(b), "arguments": _json(b.get("input") or {})}}
        for b in blocks
        if b.get("type") in _USES
    ]
    parts = [_part(b) for b in blocks if b.get("type") not in (*_USES, *_UNSENT)]
    said: dict[str, Any] = {"role": "assistant", "content": _plain(parts) or (None if calls else "")}
    if calls:
        said["tool_calls"] = calls
    return said


def _user(blocks: Sequence[Object], role: str) -> Iterator[Object]:
    """Tool results become messages of their own, and come before what the user adds."""
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _result(block), **_mark(block)}
    if parts := [_part(b) for b in blocks if b.get("type") != "tool_result"]:
        yield {"role": role, "content": _plain(parts)}


def _result(block: Object) -> Json:
    content = block.get("content")
    said = content if isinstance(content, str) or content is None else _plain([_part(b) for b in _blocks(content, "tool_result")])
    return _failed(said) if block.get("is_error") else said or ""


def _failed(said: Json) -> Json:
    """What a tool said that failed; the format has no other place for that."""
    if not isinstance(said, list):
        return f"Error: {said or ''}"
    first, *others = _objects({"content": said}, "content")
    if first["type"] != "text":
        return [{"type": "text", "text": "Error:"}, *said]
    return [{**first, "text": f"Error: {first['text']}"}, *others]


def _plain(parts: Sequence[Object]) -> Json:
    """One text where that says it all, because some servers take nothing else; the same one with and without a cache mark at its end."""
    if any(part["type"] != "text" for part in parts) or any("cache_control" in part for part in parts[:-1]):
        return list(parts)
    text = "\n".join(str(part["text"]) for part in parts)
    return [{"type": "text", "text": text, **_mark(parts[-1])}] if parts and _mark(parts[-1]) else text


def _part(block: Object) -> Object:
    match block.get("type"), block.get("source"):
        case "text", _:
            return {"type": "text", "text": block.get("text") or "", **_mark(block)}
        case "image", {"type": "base64", "media_type": media, "data": data}:
            return {"type": "image_url", "image_url": {"url": f"data:{media};base64,{data}"}}
        case "image", {"type": "url", "url": url}:
            return {"type": "image_url", "image_url": {"url": url}}
        case "document", {"type": "base64", "media_type": media, "data": data}:
            file = {"filename": block.get("title") or "document.pdf", "file_data": f"data:{media};base64,{data}"}
            return {"type": "file", "file": file, **_mark(block)}
        case "document", {"type": "text", "data": text} | {"type": "content", "content": str(text)}:
            return {"type": "text", "text": text, **_mark(block)}
        case "search_result", source:
            text = "\n".join([str(block.get("title") or ""), str(source or ""), text_of(block.get("content"))])
            return {"type": "text", "text": text, **_mark(block)}
        case "tool_reference", _:
            return {"type": "text", "text": f"The tool {_name({'name': block.get('tool_name')})} can be called."}
    raise _unroutable(block)


def _unroutable(block: Object) -> Refusal:
    kind, source = str(block.get("type"))[:40], block.get("source")
    if kind in ("document", "image") and isinstance(source, Mapping):
        from_where = str(source.get("type"))[:40]
        return bad(
            f"{kind}: a source of type {from_where!r} cannot be routed, because not every provider could fetch it; send it as base64"
        )
    return bad(f"a content block of type {kind!r} cannot be routed; send text, image, tool_use or tool_result")


def _with_mark(messages: Sequence[Object], mark: Object) -> Sequence[Object]:
    """A mark for the whole request is one at its end, wherever that will be next time."""
    if not mark or not messages:
        return messages
    *before, last = messages
    content = last.get("content")
    if last.get("role") == "tool" or not content:
        return [*before, {**last, **mark}]
    parts = _objects({"content": [{"type": "text", "text": content}] if isinstance(content, str) else content}, "content")
    return [*before, {**last, "content": [*parts[:-1], {**parts[-1], **mark}]}]


def _mark(block: Object) -> Object:
    """Where a prompt cache shall end; targets that have no such marks never see it."""
    return {"cache_control": block["cache_control"]} if block.get("cache_control") else {}


class Offer(NamedTuple):
    """The tools a caller runs itself."""

    sent: Sequence[Object]
    """As functions."""
    names: Sequence[Json]
    """What the caller calls them."""


def offer_of(body: Object) -> Offer | None:
    """The tools a caller runs itself. Those that Anthropic would run are left out beside them, as in `response_tools.tools_of`.

    Raises:
        Refusal: there are none but those.
    """
    given = _objects(body, "tools")
    own = [tool for tool in given if tool.get("type") in (None, "custom")]
    if given and not own:
        raise bad(f"tool type {str(given[0].get('type'))[:40]!r} runs at one provider only; give tools with an input_schema", param="tools")
    return Offer([_tool(tool) for tool in own], [tool.get("name") for tool in own]) if own else None


def _tool(tool: Object) -> Object:
    function = {"name": _name(tool), "description": tool.get("description") or "", "parameters": tool.get("input_schema") or {}}
    return {"type": "function", "function": function, **_mark(tool)}


def _name(tool: Object) -> Json:
    name = tool.get("name")
    return portable_name(name) if isinstance(name, str) else name


def _tool_choice(value: Json, names: Sequence[Json]) -> dict[str, Json]:
    if value is None:
        return {}
    choice = value if isinstance(value, Mapping) else {}
    found: dict[str, Json] = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {}
    kind = choice.get("type")
    if kind == "tool":
        if choice.get("name") not in names:
            raise bad(f"tool_choice names {str(choice.get('name'))[:40]!r}, which is no tool that you run", param="tool_choice")
        return {**found, "tool_choice": {"type": "function", "function": {"name": _name(choice)}}}
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise bad("tool_choice.type must be auto, any, tool or none", param="tool_choice")
    return {**found, "tool_choice": _CHOICES[kind]}


def _text_format(value: Json) -> dict[str, Json]:
    chosen = value.get("format") if isinstance(value, Mapping) else None
    if chosen is None:
        return {}
    if not isinstance(chosen, Mapping) or chosen.get("type") != "json_schema":
        raise bad("output_config.format.type must be json_schema", param="output_config")
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": chosen.get("schema"), "strict": True}}}


def _session(metadata: Json) -> dict[str, Json]:
    """The session of a caller; Claude Code names it within its user's id."""
    user = metadata.get("user_id") if isinstance(metadata, Mapping) else None
    if not isinstance(user, str):
        return {}
    try:
        told = json.loads(user)
    except (ValueError, RecursionError):
        told = None
    named = told.get("session_id") if isinstance(told, dict) else None
    return {"metadata": {"session": named if isinstance(named, str) else user}}


def _blocks(value: Json, where: str) -> list[Object]:
    if not isinstance(value, list) or not all(isinstance(b, Mapping) for b in value):
        raise bad(f"{where}: content must be a text or a list of blocks", param=where)
    return [b for b in value if isinstance(b, Mapping)]


def _objects(body: Object, name: str) -> list[Object]:
    value = body.get(name) or []
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        raise bad(f"{name} must be a list of objects", param=name)
    return [v for v in value if isinstance(v, Mapping)]


def _json(value: Json) -> str:
    return encode(value).decode()
