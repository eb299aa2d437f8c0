"""Content blocks of every convention LangChain knows (OpenAI's, Anthropic's, its own v0 and v1) as parts of OpenAI's chat format."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
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
_TEXTS: Final = frozenset({"text", "input_text", "output_text"})
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
    kind = str(_kind(block))
    if kind in _TEXTS:
        return {"type": "text", "text": block.get("text") or ""}
    if kind in _AS_IS:
        return _as_is(kind, block)
    if convert := _CONVERTERS.get(kind):
        return convert(block)
    raise refuse(f"content block of type {block.get('type')!r} cannot be sent to a chat model; use text, image, file, audio or video")


def _kind(block: Block) -> Json:
    """Type of a block; Google's `media` is what its media type says."""
    kind = block.get("type")
    if kind != "media":
        return kind
    general = str(block.get("mime_type")).partition("/")[0]
    return general if general in {"image", "audio", "video"} else "file"


def _of_responses(block: Block) -> dict[str, Json]:
    """A part of OpenAI's Responses format."""
    if block.get("type") == "input_image" and block.get("image_url"):
        return {"type": "image_url", "image_url": {"url": block["image_url"], **_given(block, "detail")}}
    if file := _given(block, "file_id", "filename", "file_data"):
        return {"type": "file", "file": file}
    raise refuse(f"content block of type {block.get('type')!r} has neither bytes nor an address that a chat model takes")


def _as_is(kind: str, block: Block) -> dict[str, Json]:
    value = block.get(kind)
    if kind in {"image_url", "video_url"} and isinstance(value, str):
        value = {"url": value}
    return {"type": kind, kind: value}


def _plain(block: Block) -> dict[str, Json]:
    return {"type": "text", "text": block.get("text") or _decoded(block)}


def _image(block: Block) -> dict[str, Json]:
    return {"type": "image_url", "image_url": {"url": _location(block, "image/png")}}


def _video(block: Block) -> dict[str, Json]:
    # No part of OpenAI's own: vLLM's, OpenRouter's and, through litellm, Gemini's.
    return {"type": "video_url", "video_url": {"url": _location(block, "video/mp4")}}


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
    if _media_type(block, "").startswith("text/"):  # file parts may be PDF only
        return {"type": "text", "text": _decoded(block)}
    name = block.get("filename") or _mapping(block.get("extras")).get("filename") or _mapping(block.get("metadata")).get("filename")
    location = _location(block, "application/pdf")
    if not location.startswith("data:"):
        return {"type": "file", "file": {"file_id": location}}  # litellm passes addresses on under this name
    return {"type": "file", "file": {"filename": str(name or block.get("title") or "document.pdf"), "file_data": location}}


def _location(block: Block, default_type: str) -> str:
    """A data URI or an address."""
    if (encoded := _encoded(block)) is not None:
        return f"data:{_media_type(block, default_type)};base64,{encoded}"
    if address := block.get("url") or _mapping(block.get("source")).get("url"):
        return str(address)
    raise refuse(f"content block of type {block.get('type')!r} has neither base64 bytes nor an address")


def _media_type(block: Block, default: str) -> str:
    return str(block.get("mime_type") or _mapping(block.get("source")).get("media_type") or default)


def _decoded(block: Block) -> str:
    """Text that is given as base64 bytes; empty if nothing is given."""
    encoded = _encoded(block)
    if encoded is None and "text" not in block:
        raise refuse("text by address cannot be sent to a chat model; give the text itself")
    try:
        return base64.b64decode(encoded or "", validate=True).decode()
    except ValueError as exc:
        raise refuse(f"content block of type {block.get('type')!r} is not text in UTF-8 and base64 ({exc})") from exc


def _encoded(block: Block) -> str | None:
    source = _mapping(block.get("source"))
    found = block.get("base64") or block.get("data") or (source.get("data") if source.get("type") != "url" else None)
    if isinstance(found, bytes):
        return base64.b64encode(found).decode()
    return None if found is None else str(found)


def _given(block: Block, *names: str) -> dict[str, Json]:
    return {name: block[name] for name in names if block.get(name)}


def _mapping(value: Json) -> Block:
    return value if isinstance(value, Mapping) else {}


_CONVERTERS: Final[Mapping[str, Callable[[Block], dict[str, Json]]]] = {
    "text-plain": _plain,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "file": _file,
    "document": _file,
    "input_image": _of_responses,
    "input_file": _of_responses,
}
