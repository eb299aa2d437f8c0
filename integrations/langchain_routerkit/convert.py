"""LangChain messages to OpenAI's chat format, nothing lost that a target could use and nothing kept that only one could read.

What the answering target alone understands (signed thinking, encrypted reasoning) is sent along with the target's name; the router gives
it back to that target only (`routerkit.normalise`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, FunctionMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_routerkit.blocks import Block, as_part, is_private, refuse
from routerkit import Json, Message

OWN_FIELDS: Final = ("thinking_blocks", "reasoning_items", "reasoning_details", "provider_specific_fields", "extra_content")
"""Parts of an answer that return to the target that wrote them; kept in `AIMessage.additional_kwargs` under these names."""


def to_messages(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    """The conversation in OpenAI's chat format.

    Raises:
        ProviderError: `invalid_request` for a message or content block that cannot be said in it.
    """
    return tuple(one for message in messages for one in _convert(message))


def last_target(messages: Sequence[BaseMessage]) -> str | None:
    """Target that wrote the last answer of the conversation; None if it was not one of ours."""
    answer = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    return _origin(answer) if answer else None


def _convert(message: BaseMessage) -> list[Message]:
    if isinstance(message, AIMessage):
        return [_assistant(message)]
    if isinstance(message, ToolMessage):
        return [_tool(message)]
    if isinstance(message, HumanMessage):
        return _user(message)
    if isinstance(message, SystemMessage):
        role = str(message.additional_kwargs.get("__openai_role__", "system"))
        return [_named(message, {"role": role, "content": _content(message)})]
    if isinstance(message, FunctionMessage):
        return [{"role": "function", "name": message.name, "content": message.text}]
    if isinstance(message, ChatMessage):
        return [_named(message, {"role": message.role, "content": _content(message)})]
    raise refuse(f"a {type(message).__name__} cannot be sent to a model")


def _user(message: HumanMessage) -> list[Message]:
    """A user message; Anthropic's `tool_result` parts become tool messages before it."""
    if isinstance(message.content, str):
        return [_named(message, {"role": "user", "content": message.content})]
    blocks = _blocks(message)
    results = [_tool_result(b) for b in blocks if b.get("type") == "tool_result"]
    parts = [as_part(b) for b in blocks if b.get("type") != "tool_result"]
    return results if results and not parts else [*results, _named(message, {"role": "user", "content": parts or ""})]


def _tool_result(block: Block) -> Message:
    content = block.get("content")
    parts: Json = [as_part(b) for b in _as_blocks(content)] if isinstance(content, list) else str(content or "")
    return {"role": "tool", "tool_call_id": str(block.get("tool_use_id")), "content": _as_error(parts) if block.get("is_error") else parts}


def _tool(message: ToolMessage) -> Message:
    content = _content(message)
    if message.status == "error":
        content = _as_error(content)
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}


def _as_error(content: Json) -> Json:
    """The format has no field for a failed call, so its text says so."""
    if isinstance(content, str):
        return content if content.lower().startswith("error") else f"Error: {content}"
    return [{"type": "text", "text": "Error:"}, *(content if isinstance(content, list) else [])]


def _assistant(message: AIMessage) -> Message:
    calls = _tool_calls(message)
    content = _said(message)
    sent: dict[str, Json] = {"role": "assistant", "content": content or (None if calls else "")}
    if calls:
        sent["tool_calls"] = calls
    if message.name:
        sent["name"] = message.name
    if refusal := message.additional_kwargs.get("refusal"):
        sent["refusal"] = refusal
    if origin := _origin(message):
        sent["origin"] = origin
        sent.update(_own_fields(message))
    return sent


def _own_fields(message: AIMessage) -> dict[str, Json]:
    more = message.additional_kwargs
    found: dict[str, Json] = {name: more[name] for name in OWN_FIELDS if more.get(name)}
    if isinstance(blocks := found.get("thinking_blocks"), list):
        found["thinking_blocks"] = _whole_thoughts(cast("list[Block]", blocks))
    if reasoning := more.get("reasoning_content"):
        found["reasoning_content"] = reasoning
    return found


def _whole_thoughts(pieces: list[Block]) -> list[Json]:
    """Thinking blocks as they were signed: a stream delivers them in pieces, of which the last carries the signature."""
    whole: list[dict[str, Json]] = []
    is_open = False
    for piece in pieces:
        if piece.get("type") == "thinking" and is_open:
            whole[-1]["thinking"] = f"{whole[-1].get('thinking') or ''}{piece.get('thinking') or ''}"
            whole[-1]["signature"] = piece.get("signature") or whole[-1].get("signature")
        else:
            whole.append(dict(piece))
        is_open = piece.get("type") == "thinking" and not piece.get("signature")
    return list(whole)


def _tool_calls(message: AIMessage) -> list[Json]:
    """Every call the model made; those it wrote wrongly exactly as it wrote them."""
    valid: list[Json] = [_tool_call(c["id"], c["name"], _as_json(c["name"], c["args"])) for c in message.tool_calls]
    invalid: list[Json] = [_tool_call(c["id"], c["name"] or "", c["args"] or "") for c in message.invalid_tool_calls]
    return valid + invalid


def _as_json(name: str, arguments: object) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            f"tool call {name!r} of an earlier answer has arguments that are not JSON: {exc}; give them as JSON has them"
        ) from exc


def _tool_call(call_id: str | None, name: str, arguments: str) -> Json:
    return {"id": call_id or "", "type": "function", "function": {"name": name, "arguments": arguments}}


def _said(message: AIMessage) -> Json:
    """What the answer said: text only, since no target takes media or private blocks of an assistant."""
    if isinstance(message.content, str):
        return message.content
    parts = [as_part(b) for b in _blocks(message) if not is_private(b)]
    if all(isinstance(p, Mapping) and p.keys() == {"type", "text"} for p in parts):
        return "".join(str(p["text"]) for p in parts if isinstance(p, Mapping))
    return parts


def _content(message: BaseMessage) -> Json:
    if isinstance(message.content, str):
        return message.content
    return [as_part(b) for b in _blocks(message)] or ""  # a tool that had nothing to say; an empty list is refused


def _blocks(message: BaseMessage) -> list[Block]:
    return _as_blocks(message.content)


def _as_blocks(content: object) -> list[Block]:
    items = content if isinstance(content, list) else [content]
    return [{"type": "text", "text": item} if isinstance(item, str) else cast("Block", item) for item in items]


def _named(message: BaseMessage, sent: dict[str, Json]) -> Message:
    name = message.name or message.additional_kwargs.get("name")
    return {**sent, "name": str(name)} if name else sent


def _origin(message: AIMessage) -> str | None:
    ours = message.response_metadata.get("routerkit")
    target = ours.get("target") if isinstance(ours, Mapping) else None
    return str(target) if target else None
