"""Values of every other kind, put in place of each part of a healthy one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

ODD: Final[tuple[Any, ...]] = (None, True, 0, -1, 1e308, 10**30, "", "x", "\ud800", [], {}, [None], [[]], [{}], {"x": None}, ["a", 1])
CALL: Final = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def variants(value: Any) -> Iterator[Any]:
    """The value with each part of it replaced by each odd one, and with each part left out."""
    yield from ODD
    parts = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    for key, part in parts:
        for odd in variants(part):
            changed = copy.copy(value)
            changed[key] = odd
            yield changed
        without = copy.copy(value)
        del without[key]
        yield without


def surprises(healthy: Any, read: Callable[[Any], object], allowed: tuple[type[Exception], ...]) -> list[str]:
    """What reading a variant raised although it is not allowed to."""
    found = []
    for value in variants(healthy):
        try:
            read(value)
        except allowed:
            continue
        except Exception as exc:
            found.append(f"{type(exc).__name__}: {exc} for {json.dumps(value)[:400]}")
    return found
