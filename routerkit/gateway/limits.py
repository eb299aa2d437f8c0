"""How much one caller may send, and how deep it may be nested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from routerkit.messages import Json

_Nesting: Final = dict | list
_SHORT_BYTES: Final = 4_096
"""Of short bodies the brackets are counted first; of one of 40 kB that takes 45 µs, more than going through what was parsed."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. Defaults let the longest contexts of today through and nothing much beyond."""

    body_bytes: int = 10 * 1024 * 1024
    depth: int = 64
    """Levels of nested JSON."""
    messages: int = 2_000
    inputs: int = 2_048
    """Texts of one request for embeddings; as many as OpenAI takes."""
    body_s: float = 30.0
    """Longest wait for a whole body, in seconds."""
    deadline_s: float = 600.0
    """Longest total time a caller may ask for, and what it gets when it does not ask."""


def is_deeper(value: Json, data: bytes, levels: int) -> bool:
    """Whether JSON is nested more than `levels` deep; goes down level by level and stops as soon as it knows.

    Args:
        value: What was parsed.
        data: What it was parsed from.
        levels: How deep it may be.
    """
    if len(data) < _SHORT_BYTES and data.count(b"[") + data.count(b"{") <= levels:
        return False
    containers: list[Any] = [value] if isinstance(value, _Nesting) else []
    for _ in range(levels):
        if not containers:
            return False
        inner = [container.values() if isinstance(container, dict) else container for container in containers]
        containers = [part for parts in inner for part in parts if isinstance(part, _Nesting)]
    return bool(containers)
