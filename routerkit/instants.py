"""Instants as texts, for what is written with every call: the standard library takes as long for one as for a decision's scores.

All calls of a second begin alike, and all of a day have the same date.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_SECOND: Final = timedelta(seconds=1)


@lru_cache(maxsize=16)
def _day(ordinal: int) -> str:
    return datetime.fromordinal(ordinal).date().isoformat()


def day_of(at: datetime) -> str:
    """As `at.date().isoformat()`."""
    return _day(at.toordinal())


class Seconds:
    """Writes instants in UTC, most of them a moment after the one before. For one thread at a time."""

    def __init__(self) -> None:
        self._from = self._until = datetime.min.replace(tzinfo=UTC)
        self._text = ""

    def text(self, at: datetime) -> str:
        """As `at.isoformat()` without the offset."""
        if not self._from < at < self._until:  # one without microseconds is written without a fraction
            self._from = at.replace(microsecond=0)
            self._until = self._from + _SECOND
            self._text = self._from.isoformat()[: -len("+00:00")]
            if at == self._from:
                return self._text
        return f"{self._text}.{at.microsecond:06d}"
