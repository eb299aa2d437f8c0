"""Remembering what was found in long texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_MOST_CHARS: Final = 2_000_000
"""Texts kept by one function."""
_MOST_PLACES: Final = 4_096
_EDGE_CHARS: Final = 64


class LongTexts(Generic[T]):
    """A function of texts that remembers what it said of those that came twice: an agent sends the same one with every turn of its loop.

    As `functools.lru_cache`, but texts are found by their length, beginning and end, and then compared, which takes a tenth of the time
    that hashing them would; and the room they take is what is bounded.
    """

    def __init__(self, of: Callable[[str], T], most_chars: int = _MOST_CHARS) -> None:
        self._of, self._most_chars = of, most_chars
        self._kept: dict[tuple[int, str, str], tuple[str, T] | None] = {}
        """None = there was one text like that, which may be the only one."""
        self._n_chars = 0

    def __call__(self, text: str) -> T:
        """What the function says of it."""
        place = len(text), text[:_EDGE_CHARS], text[-_EDGE_CHARS:]
        kept = self._kept.get(place)
        if kept is not None and kept[0] == text:
            return kept[1]
        found = self._of(text)
        self._keep(place, text, found)
        return found

    def _keep(self, place: tuple[int, str, str], text: str, found: T) -> None:
        n_chars = len(text) if place in self._kept else 0
        if n_chars > self._most_chars:
            return
        if self._n_chars + n_chars > self._most_chars or len(self._kept) >= _MOST_PLACES:
            self._kept, self._n_chars = {}, 0
        self._kept[place] = (text, found) if n_chars else None
        self._n_chars += n_chars
