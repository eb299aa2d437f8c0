"""How large a request is, in characters, bytes and media, without a tokenizer and without reading long texts whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import filterfalse
from typing import Final, NamedTuple

from routerkit.known import KnownMessages, fact
from routerkit.messages import Json, Message, Request, text_of
from routerkit.quick import tupler
from routerkit.turns import Turns, turns_of

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
_NO_MEDIA: Final[Mapping[str, int]] = {}
_TEXTS: Final = frozenset({str})


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


class _Length(NamedTuple):
    """What messages hold."""

    chars: int
    bytes_: int
    media: Mapping[str, int] = _NO_MEDIA


_size, _measured = tupler(Size), tupler(_Length)


def measure(request: Request, turns: Turns | None = None) -> Size:
    """Size of everything that is sent; `turns` are those of its messages, where they are at hand."""
    messages = request.messages
    length = _sum(messages.each(_length_of)) if isinstance(messages, KnownMessages) else _length(turns or turns_of(messages))
    tools = fact(request.tools, _chars_of) if request.tools else 0
    more = sum(length.media.values()) * _TOKENS_PER_MEDIA + 1 if length.media else 1
    tokens, bound = (length.chars + tools) / CHARS_PER_TOKEN, (length.bytes_ + tools) / MIN_BYTES_PER_TOKEN
    return _size((length.chars + tools, int(tokens) + more, int(bound) + more, length.media))


def _length(turns: Turns) -> _Length:
    texts: list[str] = turns.contents  # type: ignore[assignment]  # if they are not, the next line finds out
    media = _NO_MEDIA
    if not _TEXTS.issuperset(map(type, texts)):
        texts, media = [text_of(content) for content in turns.contents], _count_media(turns.contents)
    if not turns.are_plain:
        texts = [*texts, *[text for m in turns.messages if (calls := m.get("tool_calls")) for text in _call_texts(calls)]]
    chars = sum(map(len, texts))
    wide = [*filterfalse(str.isascii, texts)]
    return _measured((chars, chars - sum(map(len, wide)) + sum(map(_utf8_bytes, wide)) if wide else chars, media))


def _length_of(message: Message) -> _Length:
    return _length(turns_of((message,)))


def _sum(lengths: Sequence[_Length]) -> _Length:
    chars, bytes_, media = zip(*lengths, strict=True)
    return _Length(sum(chars), sum(bytes_), sum(map(Counter, media), Counter()) if any(media) else _NO_MEDIA)


def _chars_of(tools: Sequence[Mapping[str, Json]]) -> int:
    return len(str(tools))


def _utf8_bytes(text: str) -> int:
    """Length in UTF-8; of long texts an estimate from every eighth block, because encoding them takes a millisecond."""
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


def _count_media(contents: Sequence[Json]) -> Mapping[str, int]:
    parts = [part for content in contents if isinstance(content, (list, tuple)) for part in content if isinstance(part, Mapping)]
    return Counter([need for part in parts if (need := _MEDIA_NEEDS.get(str(part.get("type"))))])
