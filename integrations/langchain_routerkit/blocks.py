"""Content blocks of every convention LangChain knows (OpenAI's, Anthropic's, its own v0 and v1) as parts of OpenAI's chat format."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from routerkit import Json, ProviderError

Block = Mapping[str, Json]
"""One content block."""

_AS_IS: Final = frozenset({"image_url", "video_url", "input_audio", "refusal"})
_PRIVATE: Final = frozenset(
    {
        "thinking",
        "redacted_thinking",
        "reasoning",
        "reasoning_content",
        "function_call",
        "tool_use",
        "tool_call",
        "tool_call_chunk",
        "invalid_tool_call",
        "input_json_delta",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
        "server_tool_use",
        "web_search_call",
        "web_search_tool_result",
        "non_standard",
    }
)
"""Blocks of an answer that only its author can read, or that `AIMessage.tool_calls` says again."""
_AUDIO_FORMATS: Final = {"audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav"}


def refuse(what: str) -> ProviderError:
    """The conversation holds something that cannot be sent."""
    return ProviderError(f"{what}; nothing was sent", code="invalid_request")


def is_private(block: Block) -> bool:
    """Whether a block of an answer must not be shown to other targets."""
    return block.get("type") in _PRIVATE


def as_part(block: Block) -> Json:
    """One content part, with its cache mark if it has one.

    Raises:
        ProviderError: `invalid_request` if the format has no such part.
    """
    part = _part(block)
    mark = block.get("cache_control") or _mapping(block.get("extras")).get("cache_control")
    return {**part, "cache_control": mark} if mark else part


def _part(block: Block) -> dict[str, Json]:
    kind = block.get("type")
    if kind in {"text", "text-plain", "input_text", "output_text"}:
        return {"type": "text", "text": block.get("text") or _mapping(block).get("data") or ""}
    if kind in _AS_IS:
        return _as_is(str(kind), block)
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _location(block, "image/png")}}
    if kind == "video":  # no part of OpenAI's own: vLLM's, OpenRouter's and, through litellm, Gemini's
        return {"type": "video_url", "video_url": {"url": _location(block, "video/mp4")}}
    if kind == "audio":
        return _audio(block)
    if kind in {"file", "document"}:
        return _file(block)
    raise refuse(f"content block of type {kind!r} cannot be sent to a chat model; use text, image, file, audio or video")


def _as_is(kind: str, block: Block) -> dict[str, Json]:
    value = block.get(kind)
    if kind in {"image_url", "video_url"} and isinstance(value, str):
        value = {"url": value}
    return {"type": kind, kind: value}


def _audio(block: Block) -> dict[str, Json]:
    media_type = str(block.get("mime_type") or "audio/wav")
    if (encoded := _encoded(block)) is None:
        raise refuse("audio by address cannot be sent to a chat model; give its base64 bytes")
    return {
        "type": "input_audio",
        "input_audio": {"data": encoded, "format": _AUDIO_FORMATS.get(media_type, media_type.rpartition("/")[2])},
    }


def _file(block: Block) -> dict[str, Json]:
    if isinstance(block.get("file"), Mapping):
        return {"type": "file", "file": block["file"]}
    source = _mapping(block.get("source"))
    if source.get("type") == "text":
        return {"type": "text", "text": source.get("data") or ""}
    if file_id := block.get("file_id") or block.get("id") if block.get("source_type") == "id" or "file_id" in block else None:
        return {"type": "file", "file": {"file_id": file_id}}
    name = block.get("filename") or _mapping(block.get("extras")).get("filename") or _mapping(block.get("metadata")).get("filename")
    location = _location(block, "application/pdf")
    if not location.startswith("data:"):
        return {"type": "file", "file": {"file_id": location}}  # litellm passes addresses on under this name
    return {"type": "file", "file": {"filename": str(name or block.get("title") or "document.pdf"), "file_data": location}}


def _location(block: Block, default_type: str) -> str:
    """A data URI or an address."""
    source = _mapping(block.get("source"))
    if (encoded := _encoded(block)) is not None:
        media_type = block.get("mime_type") or source.get("media_type") or default_type
        return f"data:{media_type};base64,{encoded}"
    if address := block.get("url") or source.get("url"):
        return str(address)
    raise refuse(f"content block of type {block.get('type')!r} has neither base64 bytes nor an address")


def _encoded(block: Block) -> str | None:
    source = _mapping(block.get("source"))
    found = block.get("base64") or block.get("data") or (source.get("data") if source.get("type") != "url" else None)
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    return None if found is None else str(found)


def _mapping(value: Json) -> Block:
    return value if isinstance(value, Mapping) else {}
