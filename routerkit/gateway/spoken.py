"""Texts of the latest answers, to which callers of `/v1/responses` may refer by id instead of sending them again."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Final

from routerkit.known import KnownMessage
from routerkit.messages import Json

CALLER: Final[ContextVar[str | None]] = ContextVar("CALLER", default=None)
"""Id of the key that asks, set within each request's own context: what was said to one key is no other's. None where none is needed."""
_OVERHEAD_BYTES: Final = 1_000
"""About what is kept of a short text."""


class Spoken:
    """Remembers texts by the ids that they were answered with, in this process only, until there are too many.

    The AI SDK refers to them in each following turn unless it is told that nothing is stored, which those who wrote to OpenAI need not say.
    """

    def __init__(self, most_bytes: int = 8 * 1024 * 1024) -> None:
        """Begin with nothing.

        Args:
            most_bytes: How much is remembered of all callers together; the oldest half is forgotten at once.
        """
        self._half = most_bytes // 2
        self._young: dict[tuple[str | None, str], KnownMessage] = {}
        self._old: dict[tuple[str | None, str], KnownMessage] = {}
        self._n_bytes = 0
        """Of the young ones."""

    def keep(self, items: Iterable[Mapping[str, Any]], asked: Mapping[str, Json]) -> None:
        """Remember the messages among what was answered, unless the caller wants nothing stored."""
        if asked.get("store") is False:
            return
        for item in items:
            if item["type"] == "message":
                self._keep(item["id"], "".join(part.get("text") or part.get("refusal") or "" for part in item["content"]))

    def message(self, item_id: str) -> KnownMessage | None:
        """What was said to the caller under an id; None if that is not known, or not any more."""
        place = CALLER.get(), item_id
        return self._young.get(place) or self._old.get(place)

    def _keep(self, item_id: str, text: str) -> None:
        n_bytes = sys.getsizeof(text) + _OVERHEAD_BYTES
        if n_bytes > self._half:
            return
        self._n_bytes += n_bytes
        if self._n_bytes > self._half:
            self._old, self._young, self._n_bytes = self._young, {}, n_bytes
        self._young[CALLER.get(), item_id] = KnownMessage({"role": "assistant", "content": text})
