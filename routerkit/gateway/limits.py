"""How much one caller may send, and how deep it may be nested."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from routerkit.messages import Json

_Nesting: Final = dict | list
_SHORT_BYTES: Final = 4_096
"""Of short bodies the brackets are counted first; of one of 40 kB that takes 45 µs, more than going through what was parsed."""

LONG_BYTES: Final = 512 * 1024
"""Bodies from which on their objects and lists are counted before they are read."""
_TELLING_BYTES: Final = 4 * LONG_BYTES
"""The beginning of a body, which often tells what the rest is like."""
_OTHER: Final = bytes(set(range(256)) - set(b'"{['))
_TEXT: Final = re.compile(rb'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. Defaults let the longest contexts of today through and nothing much beyond."""

    body_bytes: int = 10 * 1024 * 1024
    depth: int = 64
    """Levels of nested JSON."""
    containers: int = 50_000
    """Objects and lists of one body; each costs far more than its bytes, and everybody waits while millions are read."""
    messages: int = 2_000
    inputs: int = 2_048
    """Texts of one request for embeddings; as many as OpenAI takes."""
    body_s: float = 30.0
    """Longest wait for a whole body, in seconds."""
    deadline_s: float = 600.0
    """Longest total time a caller may ask for, and what it gets when it does not ask."""


def holds_more(data: bytes, containers: int) -> bool:
    """Whether JSON has more than so many objects and lists; only looked at in bodies long enough for reading them to take 100 ms."""
    if len(data) < LONG_BYTES or _count(data) <= containers:
        return False
    return _containers(data[:_TELLING_BYTES]) > containers or (len(data) > _TELLING_BYTES and _containers(data) > containers)


def _containers(data: bytes) -> int:
    """Objects and lists that begin in JSON; of a cut one at least so many."""
    # Brackets within texts are none. Without escapes, and with nothing but quotes and brackets left, most texts are two quotes.
    unescaped = data.replace(rb"\\", b"").replace(rb"\"", b"")
    bare = _TEXT.sub(b"", unescaped.translate(None, _OTHER).replace(b'""', b""))
    return _count(bare.partition(b'"')[0])


def _count(data: bytes) -> int:
    return data.count(b"{") + data.count(b"[")


def is_deeper(value: Json, data: bytes, levels: int) -> bool:
    """Whether JSON is nested more than `levels` deep; goes down level by level and stops as soon as it knows.

    Args:
        value: What was parsed.
        data: What it was parsed from.
        levels: How deep it may be.
    """
    if len(data) < _SHORT_BYTES and _count(data) <= levels:
        return False
    containers: list[Any] = [value] if isinstance(value, _Nesting) else []
    for _ in range(levels):
        if not containers:
            return False
        inner = [container.values() if isinstance(container, dict) else container for container in containers]
        containers = [part for parts in inner for part in parts if isinstance(part, _Nesting)]
    return bool(containers)
