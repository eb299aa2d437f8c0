"""Texts of the latest answers, to which callers of `/v1/responses` may refer by id instead of sending them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from routerkit.messages import Json


class Spoken:
    """Remembers texts by the ids that they were answered with, in this process only, until there are too many.

    The AI SDK refers to them in each following turn unless it is told that nothing is stored, which those who wrote to OpenAI need not say.
    """

    def __init__(self, most_chars: int = 8 * 1024 * 1024) -> None:
        """Begin with nothing.

        Args:
            most_chars: How much text is remembered; the oldest half is forgotten at once.
        """
        self._half = most_chars // 2
        self._young: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._n_chars = 0
        """Of the young ones."""

    def keep(self, items: Iterable[Mapping[str, Any]], asked: Mapping[str, Json]) -> None:
        """Remember the messages among what was answered, unless the caller wants nothing stored."""
        if asked.get("store") is False:
            return
        for item in items:
            if item["type"] == "message":
                self._keep(item["id"], "".join(part.get("text", "") for part in item["content"]))

    def text(self, item_id: Json) -> str | None:
        """What was said under an id; None if that is not known, or not any more."""
        return None if not isinstance(item_id, str) else self._young.get(item_id) or self._old.get(item_id)

    def _keep(self, item_id: str, text: str) -> None:
        if not 0 < len(text) <= self._half:
            return
        self._n_chars += len(text)
        if self._n_chars > self._half:
            self._old, self._young, self._n_chars = self._young, {}, len(text)
        self._young[item_id] = text
