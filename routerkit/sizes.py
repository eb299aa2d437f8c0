"""How large a request is, in characters, bytes and media, without a tokenizer and without reading long texts whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from routerkit.messages import Json, Request, text_of

CHARS_PER_TOKEN: Final = 4.0
"""Mean of English prose and source code for current tokenizers; used for expected cost."""
MIN_BYTES_PER_TOKEN: Final = 3.5
"""Safe lower end for prose and code: bytes / 3.5 bounds the token count from above for all but unusual text."""
_TOKENS_PER_MEDIA: Final = 1_500
"""About one high-detail image; providers charge 258 to 2,000."""

_EXACT_CHARS: Final = 64_000
"""Texts up to this length are encoded whole to count their bytes."""
_BLOCK_CHARS: Final = 1_000
_STRIDE_CHARS: Final = 7_919
"""Distance of the blocks that are counted of longer texts; a prime, so that it falls into step with nothing that repeats."""

_MEDIA_NEEDS: Final = {
    "image_url": "vision",
    "image": "vision",
    "input_audio": "audio",
    "audio": "audio",
    "file": "pdf",
    "input_file": "pdf",
}


class Size(NamedTuple):
    """What a request sends."""

    chars: int
    """Characters of all messages and tool definitions."""
    tokens: int
    """Expected prompt tokens."""
    tokens_bound: int
    """Upper bound of prompt tokens; of long texts outside ASCII an estimate."""
    media: Mapping[str, int]
    """Images, sounds and files by the capability they need."""


def measure(request: Request) -> Size:
    """Size of everything that is sent."""
    chars = bytes_ = 0
    media: dict[str, int] = {}
    for message in request.messages:
        content = message.get("content")
        text = content if isinstance(content, str) else text_of(content)
        chars += len(text)
        bytes_ += _utf8_bytes(text)
        if content is not text:
            _count_media(content, media)
        if calls := message.get("tool_calls"):
            for text in _call_texts(calls):
                chars += len(text)
                bytes_ += _utf8_bytes(text)
    tools = len(str(request.tools)) if request.tools else 0
    more = sum(media.values()) * _TOKENS_PER_MEDIA + 1 if media else 1
    chars, bytes_ = chars + tools, bytes_ + tools
    return Size(chars, int(chars / CHARS_PER_TOKEN) + more, int(bytes_ / MIN_BYTES_PER_TOKEN) + more, media)


def _utf8_bytes(text: str) -> int:
    """Length in UTF-8; of long texts outside ASCII an estimate from every eighth block, because encoding them takes a millisecond."""
    if text.isascii():
        return len(text)
    if len(text) <= _EXACT_CHARS:
        return len(text.encode("utf-8", "surrogatepass"))
    sample = "".join([text[i : i + _BLOCK_CHARS] for i in range(0, len(text), _STRIDE_CHARS)])
    return len(text) * len(sample.encode("utf-8", "surrogatepass")) // len(sample) + 1


def _call_texts(calls: Json) -> Sequence[str]:
    """What tool calls add to the prompt: names and arguments, read out, because `str` of long ones takes milliseconds."""
    if not isinstance(calls, (list, tuple)):
        return [str(calls)]
    functions = [call.get("function") if isinstance(call, Mapping) else None for call in calls]
    parts = [
        (f.get("name"), f.get("arguments")) if isinstance(f, Mapping) else (str(call),) for f, call in zip(functions, calls, strict=True)
    ]
    return [part if isinstance(part, str) else str(part) for texts in parts for part in texts if part]


def _count_media(content: Json, media: dict[str, int]) -> None:
    if not isinstance(content, (list, tuple)):
        return
    for part in content:
        need = _MEDIA_NEEDS.get(str(part.get("type"))) if isinstance(part, Mapping) else None
        if need:
            media[need] = media.get(need, 0) + 1
