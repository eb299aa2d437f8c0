"""From LlamaIndex messages to OpenAI's chat format. The messages are only read, never changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
    VideoBlock,
)

from routerkit import Json, Message

_ROLES: Final[Mapping[MessageRole, str]] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",  # the newer word is refused by most servers, the older one by none
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}


def to_wire(messages: Sequence[ChatMessage]) -> tuple[Message, ...]:
    """Messages as a request carries them.

    Media in tool results, which the format has no place for, follow the results in a user message. Reasoning is left out: signed
    reasoning is valid only at the endpoint that wrote it.
    """
    wire: list[Message] = []
    media: list[Json] = []
    for message in messages:
        role = _ROLES[message.role]
        if media and role != "tool":
            wire.append({"role": "user", "content": media})
            media = []
        if role == "tool":
            wire.append(_tool_result(message, media))
        else:
            wire.append(_assistant(message) if role == "assistant" else _said(message, role))
    if media:
        wire.append({"role": "user", "content": media})
    return tuple(wire)


def has_remote_media(messages: Sequence[ChatMessage]) -> bool:
    """Whether converting would download something: audio, video and documents travel inline only."""
    return any(
        isinstance(block, AudioBlock | DocumentBlock) and block.url is not None and block.path is None
        for message in messages
        for block in message.blocks
    )


def _said(message: ChatMessage, role: str) -> Message:
    parts = _parts(message.blocks)
    content: Json = parts if role == "user" and any(p["type"] != "text" for p in parts) else _joined(parts)
    return _named({"role": role, "content": content}, message)


def _assistant(message: ChatMessage) -> Message:
    text = _joined(_parts(message.blocks))
    calls = _tool_calls(message)
    if not calls:
        return _named({"role": "assistant", "content": text}, message)
    return _named({"role": "assistant", "content": text or None, "tool_calls": calls}, message)


def _tool_result(message: ChatMessage, media: list[Json]) -> Message:
    parts = _parts(message.blocks)
    found: list[Json] = [p for p in parts if p["type"] != "text"]
    media.extend(found)
    text = _joined(parts) or ("(shown below)" if found else "")
    call_id = message.additional_kwargs.get("tool_call_id") or message.additional_kwargs.get("name") or ""
    return {"role": "tool", "tool_call_id": str(call_id), "content": text}


def _named(wire: dict[str, Json], message: ChatMessage) -> Message:
    name = message.additional_kwargs.get("name")
    if isinstance(name, str) and name:
        wire["name"] = name
    return wire


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
    text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
    return {"id": call_id or name, "type": "function", "function": {"name": name, "arguments": text or "{}"}}


def _parts(blocks: Iterable[object]) -> list[dict[str, Json]]:
    return [part for block in blocks if (convert := _CONVERTERS.get(type(block))) for part in convert(block)]


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
"""Blocks that become content; thinking, tool calls and cache points do not."""
