"""Anthropic's format, for callers of `/v1/messages`: requests in. Answers are in `anthropic_answer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from routerkit.gateway.exchange import encode
from routerkit.gateway.refusal import bad
from routerkit.messages import Json

Object = Mapping[str, Json]
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_SAME: Final = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream", "service_tier")
KNOWN: Final = frozenset(
    {*_SAME, "messages", "system", "tools", "tool_choice", "stop_sequences", "metadata", "thinking", "context_management", "output_config"}
)
_UNSENT: Final = ("thinking", "redacted_thinking")  # no set: what callers send may be unhashable
"""Signed by one model and refused by all others; the next target may be another one."""


def chat_body(body: Json) -> Object:
    """The same request in OpenAI's chat format.

    Raises:
        Refusal: a field is wrong, or asks for something no other provider has.
    """
    if not isinstance(body, Mapping):
        raise bad("the body must be a JSON object")
    unknown = sorted(body.keys() - KNOWN)
    if unknown:
        raise bad(f"unknown field {unknown[0][:80]!r}; remove it", param=unknown[0][:80])
    if not isinstance(body.get("max_tokens"), int):
        raise bad("max_tokens is missing; it must be a whole number", param="max_tokens")
    found: dict[str, Any] = {name: body[name] for name in _SAME if body.get(name) is not None}
    found["messages"] = [*_system(body.get("system")), *(m for message in _objects(body, "messages") for m in _message(message))]
    if tools := [_tool(tool) for tool in _objects(body, "tools")]:
        found["tools"] = tools
    found |= _tool_choice(body.get("tool_choice"))
    if body.get("stop_sequences"):
        found["stop"] = body["stop_sequences"]
    metadata = body.get("metadata")
    if isinstance(metadata, Mapping) and isinstance(metadata.get("user_id"), str):
        found["metadata"] = {"session": metadata["user_id"]}
    return found


def _system(value: Json) -> list[Object]:
    if not value:
        return []
    if isinstance(value, str):
        return [{"role": "system", "content": value}]
    return [{"role": "system", "content": [_part(block) for block in _blocks(value, "system")]}]


def _message(message: Object) -> Iterator[Object]:
    role, content = message.get("role"), message.get("content")
    if role not in ("user", "assistant", "system"):
        raise bad("messages[].role must be user or assistant", param="messages")
    if isinstance(content, str):
        yield {"role": role, "content": content}
    elif role == "assistant":
        yield _assistant(_blocks(content, "messages"))
    else:
        yield from _user(_blocks(content, "messages"), str(role))


def _assistant(blocks: Sequence[Object]) -> Object:
    calls = [
        {"id": b.get("id"), "type": "function", "function": {"name": b.get("name"), "arguments": _json(b.get("input") or {})}}
        for b in blocks
        if b.get("type") == "tool_use"
    ]
    parts = [_part(b) for b in blocks if b.get("type") not in ("tool_use", *_UNSENT)]
    said: dict[str, Any] = {"role": "assistant", "content": _plain(parts) or None}
    if calls:
        said["tool_calls"] = calls
    return said


def _user(blocks: Sequence[Object], role: str) -> Iterator[Object]:
    """Tool results become messages of their own, and come before what the user adds."""
    for block in blocks:
        if block.get("type") == "tool_result":
            yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _result(block)}
    if parts := [_part(b) for b in blocks if b.get("type") != "tool_result"]:
        yield {"role": role, "content": _plain(parts)}


def _result(block: Object) -> Json:
    content = block.get("content")
    text = content if isinstance(content, str) or content is None else _plain([_part(b) for b in _blocks(content, "tool_result")])
    return f"Error: {text}" if block.get("is_error") and isinstance(text, str) else text or ""


def _plain(parts: Sequence[Object]) -> Json:
    """Text alone where that says it all, because some servers take nothing else."""
    if all(part.keys() == {"type", "text"} for part in parts):
        return "\n".join(str(part["text"]) for part in parts)
    return list(parts)


def _part(block: Object) -> Object:
    marker = {"cache_control": block["cache_control"]} if block.get("cache_control") else {}
    match block.get("type"), block.get("source"):
        case "text", _:
            return {"type": "text", "text": block.get("text") or "", **marker}
        case "image", {"type": "base64", "media_type": media, "data": data}:
            return {"type": "image_url", "image_url": {"url": f"data:{media};base64,{data}"}}
        case "image", {"type": "url", "url": url}:
            return {"type": "image_url", "image_url": {"url": url}}
    raise bad(f"a content block of type {str(block.get('type'))[:40]!r} cannot be routed; send text, image, tool_use or tool_result")


def _tool(tool: Object) -> Object:
    if tool.get("type") not in (None, "custom"):
        raise bad(f"tool type {str(tool.get('type'))[:40]!r} runs at one provider only; give tools with an input_schema", param="tools")
    function = {"name": tool.get("name"), "description": tool.get("description") or "", "parameters": tool.get("input_schema") or {}}
    return {"type": "function", "function": function}


def _tool_choice(value: Json) -> dict[str, Json]:
    if value is None:
        return {}
    choice = value if isinstance(value, Mapping) else {}
    found: dict[str, Json] = {"parallel_tool_calls": False} if choice.get("disable_parallel_tool_use") else {}
    kind = choice.get("type")
    if kind == "tool":
        return {**found, "tool_choice": {"type": "function", "function": {"name": choice.get("name")}}}
    if not isinstance(kind, str) or kind not in _CHOICES:
        raise bad("tool_choice.type must be auto, any, tool or none", param="tool_choice")
    return {**found, "tool_choice": _CHOICES[kind]}


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
