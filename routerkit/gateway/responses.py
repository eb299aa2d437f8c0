"""OpenAI's second format, for callers of `/v1/responses`: requests in. Answers are in `responses_answer`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from routerkit.gateway.refusal import bad
from routerkit.messages import Json

Object = Mapping[str, Json]
_SAME: Final = ("model", "temperature", "top_p", "stream", "metadata", "parallel_tool_calls", "prompt_cache_key", "service_tier", "user")
KNOWN: Final = frozenset(
    {*_SAME, "input", "instructions", "tools", "tool_choice", "max_output_tokens", "text", "reasoning", "store", "include", "truncation"}
)
_IGNORED_ITEMS: Final = ("reasoning", "item_reference")  # no set: what callers send may be unhashable
"""Encrypted by one provider for itself."""


def chat_body(body: Json) -> Object:
    """The same request in OpenAI's chat format.

    Raises:
        Refusal: a field is wrong, or needs answers stored at a provider.
    """
    if not isinstance(body, Mapping):
        raise bad("the body must be a JSON object")
    if body.get("previous_response_id") or body.get("conversation"):
        raise bad("nothing is stored here; send the whole conversation as input", param="previous_response_id")
    unknown = sorted(name for name in body.keys() - KNOWN if body[name] is not None)
    if unknown:
        raise bad(f"unknown field {unknown[0][:80]!r}; remove it", param=unknown[0][:80], code="unknown_parameter")
    found: dict[str, Any] = {name: body[name] for name in _SAME if body.get(name) is not None}
    said = [{"role": "system", "content": body["instructions"]}] if body.get("instructions") else []
    found["messages"] = [*said, *_messages(body.get("input"))]
    found |= _tools(body)
    if body.get("max_output_tokens") is not None:
        found["max_tokens"] = body["max_output_tokens"]
    return found | _text_format(body.get("text")) | _effort(body.get("reasoning"))


def _messages(value: Json) -> Iterator[Object]:
    if isinstance(value, str):
        yield {"role": "user", "content": value}
        return
    calls: list[Json] = []
    for item in _objects(value, "input"):
        if item.get("type") == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments") or "{}"}
            calls.append({"id": item.get("call_id"), "type": "function", "function": function})
            continue
        if calls:
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        if item.get("type") not in _IGNORED_ITEMS:
            yield _message(item)
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _message(item: Object) -> Object:
    if item.get("type") == "function_call_output":
        output = item.get("output")
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": output if isinstance(output, str) else _content(output)}
    if item.get("type") not in (None, "message"):
        raise bad(f"an input item of type {str(item.get('type'))[:40]!r} cannot be routed", param="input")
    return {"role": item.get("role"), "content": _content(item.get("content"))}


def _content(value: Json) -> Json:
    if isinstance(value, str):
        return value
    parts = [_part(part) for part in _objects(value, "content")]
    is_text = all(part["type"] == "text" for part in parts)
    return "".join(str(part["text"]) for part in parts) if is_text else parts


def _part(part: Object) -> Object:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.get("text") or ""}
        case "refusal":
            return {"type": "text", "text": part.get("refusal") or ""}
        case "input_image" if part.get("image_url"):
            return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail") or "auto"}}
    raise bad(f"a content part of type {str(part.get('type'))[:40]!r} cannot be routed; send text or image_url", param="input")


def _tools(body: Object) -> dict[str, Json]:
    tools: list[Json] = []
    for tool in _objects(body.get("tools") or [], "tools"):
        if tool.get("type") != "function":
            raise bad(f"tool type {str(tool.get('type'))[:40]!r} runs at one provider only; give functions", param="tools")
        tools.append(
            {"type": "function", "function": {name: value for name, value in tool.items() if name != "type" and value is not None}}
        )
    choice = body.get("tool_choice")
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        choice = {"type": "function", "function": {"name": choice.get("name")}}
    found: dict[str, Json] = {"tools": tools} if tools else {}
    return {**found, "tool_choice": choice} if tools and choice is not None else found


def _text_format(value: Json) -> dict[str, Json]:
    chosen = value.get("format") if isinstance(value, Mapping) else None
    if not isinstance(chosen, Mapping) or chosen.get("type") == "text":
        return {}
    if chosen.get("type") == "json_schema":
        schema = {name: part for name, part in chosen.items() if name != "type"}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    return {"response_format": chosen}


def _effort(value: Json) -> dict[str, Json]:
    effort = value.get("effort") if isinstance(value, Mapping) else None
    return {} if effort is None else {"reasoning_effort": effort}


def _objects(value: Json, name: str) -> list[Object]:
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        raise bad(f"{name} must be a text or a list of objects", param=name)
    return [v for v in value if isinstance(v, Mapping)]
