"""Typed reading of one JSON object, with errors that name place and field."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from routerkit import Json
from routerkit_evals.errors import TaskError

_SHOWN_CHARS: Final = 80
_MOST: Final = sys.float_info.max


def shown(value: object) -> str:
    """A value as a message shows it: escaped, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS + 1 else f"{text[:_SHOWN_CHARS]}…"


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of a task file. Every method raises `TaskError` with one line for a field that is wrong."""

    row: Mapping[str, Json]
    where: str
    """What stands before each message, e.g. file and line."""

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it must be there and not empty."""
        value = self.row.get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(name, "must be a string")
        return value

    def line(self, name: str, default: str | None = None) -> str:
        """A text that is printed: one line, and nothing that moves a terminal's cursor."""
        value = self.text(name, default)
        if not value.isprintable():
            raise self.wrong(name, f"is {shown(value)}; it must be one line without control characters")
        return value

    def number(self, name: str, default: float) -> float:
        """A number above 0, and not infinite."""
        value = self.row.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST:
            raise self.wrong(name, "must be a number above 0")
        return float(value)

    def share(self, name: str, default: float) -> float:
        """A number above 0 and at most 1."""
        value = self.number(name, default)
        if value > 1:
            raise self.wrong(name, f"is {value:g}; it must be a share, above 0 and at most 1")
        return value

    def count(self, name: str) -> int | None:
        """A whole number from 0 up; None when it is not there."""
        value = self.row.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.wrong(name, "must be a whole number from 0 up")
        return value

    def flag(self, name: str) -> bool:
        """True or false; false when it is not there."""
        value = self.row.get(name, False)
        if not isinstance(value, bool):
            raise self.wrong(name, "must be true or false")
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """One of these texts."""
        value = self.text(name)
        if value not in allowed:
            raise self.wrong(name, f"is {shown(value)}; it must be one of {', '.join(allowed)}")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        """A list of texts, perhaps empty."""
        value = self.row.get(name) or ()
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
            raise self.wrong(name, "must be a list of strings")
        return tuple(str(v) for v in value)

    def texts(self, name: str) -> Mapping[str, str]:
        """An object of path and text, perhaps empty."""
        value = self.row.get(name) or {}
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise self.wrong(name, "must be an object of path and text")
        return {k: str(v) for k, v in value.items()}

    def each(self, name: str) -> tuple[Fields, ...]:
        """A list of objects, perhaps empty; each names its place in messages."""
        value = self.row.get(name) or ()
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise self.wrong(name, "must be a list of objects")
        found = []
        for number, row in enumerate(value, 1):
            if not isinstance(row, Mapping):
                raise self.wrong(name, f"must be a list of objects; entry {number} is not one")
            found.append(Fields(row, f"{self.where}: {name} {number}"))
        return tuple(found)

    def only(self, *known: str) -> None:
        """Refuse fields of other names: a misspelled rule must not pass for no rule."""
        unknown = sorted(set(self.row) - set(known))
        if unknown:
            raise self.wrong(unknown[0], f"is unknown; known: {', '.join(known)}")

    def wrong(self, name: str, why: str) -> TaskError:
        """The error for a field."""
        return self.fault(f"field {name!r} {why}")

    def fault(self, why: str) -> TaskError:
        """The error for what several fields say together."""
        return TaskError(f"{self.where}: {why}")
