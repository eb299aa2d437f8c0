"""How much one caller may send, and how deep it may be nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from routerkit.messages import Json


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request. Defaults let the longest contexts of today through and nothing much beyond."""

    body_bytes: int = 10 * 1024 * 1024
    depth: int = 64
    """Levels of nested JSON."""
    messages: int = 2_000
    body_s: float = 30.0
    """Longest wait for a whole body, in seconds."""
    deadline_s: float = 600.0
    """Longest total time a caller may ask for, and what it gets when it does not ask."""


def is_deeper(value: Json, levels: int) -> bool:
    """Whether JSON is nested more than `levels` deep; stops looking as soon as it knows."""
    if isinstance(value, str) or not isinstance(value, Mapping | Sequence):
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, Mapping) else value
    return any(is_deeper(part, levels - 1) for part in inner)
