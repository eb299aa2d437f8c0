"""From LlamaIndex messages to OpenAI's chat format. The messages are only read, never changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from routerkit import Json, Message

_ROLES: Final[Mapping[MessageRole, str]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "developer",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}


def to_wire(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Messages as a request carries them; the router makes them acceptable to the target it chooses."""
    return tuple(_message(message) for message in messages)


def has_remote_media(messages: Sequence[ChatMessage]) -> bool:
    """Whether converting would download something: audio, video and documents travel inline only."""
    return any(
        isinstance(block, AudioBlock | DocumentBlock) and block.url is not None and block.path is None
        for message in messages
        for block in message.blocks
    )


def _message(message: ChatMessage) -> Message:
    role = _ROLES[message.role]
    if role == "assistant":
        return _assistant(message)
    content = _content(_parts(message.blocks))
    if role == "tool":
        call_id = message.additional_kwargs.get("tool_call_id") or message.additional_kwargs.get("name") or ""
        return {"role": role, "tool_call_id": str(call_id), "content": content}
    return _named({"role": role, "content": content}, message)


def _assistant(message: ChatMessage) -> Message:
    text = _joined(_parts(message.blocks))
    wire: dict[str, Json] = {"role": "assistant", "content": text}
    if calls := _tool_calls(message):
        wire |= {"content": text or None, "tool_calls": calls}
    return _named({**wire, **_own_parts(message, is_calling=bool(calls))}, message)


def _own_parts(message: ChatMessage, *, is_calling: bool) -> dict[str, Json]:
    """What only the writer of this turn may see, and who that was (`origin`); the router drops both for everybody else."""
    facts = message.additional_kwargs.get("routerkit")
    if not isinstance(facts, Mapping) or not facts.get("target"):
        return {}
    parts = dict(facts.get("parts") or {})
    thought = next((b.content for b in message.blocks if isinstance(b, ThinkingBlock) and b.content), None)
    if thought and is_calling and "thinking_blocks" not in parts:
        parts["reasoning_content"] = thought  # some models refuse to go on with a tool loop without it
    return {**parts, "origin": facts["target"]} if parts else {}


def _named(wire: dict[str, Json], message: ChatMessage) -> Message:
    name = message.additional_kwargs.get("name")
    if isinstance(name, str) and name:
        wire["name"] = name
    return wire


def _content(parts: list[dict[str, Json]]) -> Json:
    """Plain text where that is all there is, which even the plainest server takes."""
    if all(p.keys() == {"type", "text"} for p in parts):
        return _joined(parts)
    return list(parts)


def _joined(parts: Iterable[Mapping[str, Json]]) -> str:
    """Text parts, put together as `ChatMessage.content` does it."""
    return "\n".join(str(p["text"]) for p in parts if p["type"] == "text")


def _tool_calls(message: ChatMessage) -> list[Json]:
    """Calls of an assistant turn, from whichever of the two places LlamaIndex keeps them in."""
    kept = message.additional_kwargs.get("tool_calls")
    if kept:
        return [_kept_call(call) for call in kept]
    return [_call(b.tool_call_id, b.tool_name, b.tool_kwargs) for b in message.blocks if isinstance(b, ToolCallBlock)]


def _kept_call(call: Any) -> Json:  # other integrations keep their SDK's objects here
    fields: Mapping[str, Any] = call if isinstance(call, Mapping) else call.model_dump()
    function = fields.get("function")
    if isinstance(function, Mapping):
        return _call(fields.get("id"), str(function.get("name")), function.get("arguments"))
    return _call(fields.get("id"), str(fields.get("name")), fields.get("input"))


def _call(call_id: str | None, name: str, arguments: object) -> Json:
    text = arguments if isinstance(arguments, str) else _as_json(name, arguments or {})
    return {"id": call_id or name, "type": "function", "function": {"name": name, "arguments": text or "{}"}}


def _as_json(name: str, arguments: object) -> str:
    try:
        return json.dumps(arguments, ensure_ascii=False)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            f"tool call {name!r} of an earlier answer has arguments that are not JSON: {exc}; give them as JSON has them"
        ) from exc


def _parts(blocks: Iterable[object]) -> list[dict[str, Json]]:
    parts: list[dict[str, Json]] = []
    for block in blocks:
        if isinstance(block, CachePoint):
            if parts:
                parts[-1]["cache_control"] = {"type": block.cache_control.type, "ttl": block.cache_control.ttl}
        elif convert := _CONVERTERS.get(type(block)):
            parts.extend(convert(block))
    return parts


def _text(block: TextBlock) -> list[dict[str, Json]]:
    return [{"type": "text", "text": block.text}]


def _image(block: ImageBlock) -> list[dict[str, Json]]:
    if block.url is not None:
        url = str(block.url)
    else:
        data = block.resolve_image(as_base64=True).read().decode()
        url = f"data:{block.image_mimetype or 'image/png'};base64,{data}"
    image: dict[str, Json] = {"url": url}
    if block.detail:
        image["detail"] = block.detail
    return [{"type": "image_url", "image_url": image}]


def _audio(block: AudioBlock) -> list[dict[str, Json]]:
    data = block.resolve_audio(as_base64=True).read().decode()
    return [{"type": "input_audio", "input_audio": {"data": data, "format": block.format or "wav"}}]


def _video(block: VideoBlock) -> list[dict[str, Json]]:
    # Not OpenAI's own: the part that vLLM and OpenRouter agree on.
    return [{"type": "video_url", "video_url": {"url": str(block.url) if block.url is not None else block.inline_url()}}]


def _document(block: DocumentBlock) -> list[dict[str, Json]]:
    if (block.document_mimetype or "").startswith("text/"):  # file parts may be PDF only
        return [{"type": "text", "text": block.resolve_document().read().decode("utf-8", "replace")}]
    return [{"type": "file", "file": {"filename": block.title or "document", "file_data": block.inline_url()}}]


def _citable(block: CitableBlock) -> list[dict[str, Json]]:
    return _parts(block.content)


def _citation(block: CitationBlock) -> list[dict[str, Json]]:
    return _parts([block.cited_content])


_CONVERTERS: Final[Mapping[type, Callable[[Any], list[dict[str, Json]]]]] = {
    TextBlock: _text,
    ImageBlock: _image,
    AudioBlock: _audio,
    VideoBlock: _video,
    DocumentBlock: _document,
    CitableBlock: _citable,
    CitationBlock: _citation,
}
"""Blocks that become content; thinking and tool calls do not."""
