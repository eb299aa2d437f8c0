"""Which answers may do for a prompt that was never seen in these words."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator
from typing import Any, Final, NamedTuple

from routerkit.cache.likeness import LikenessThread
from routerkit.waiting import Wait

THRESHOLD: Final = 0.95
"""Least likeness of two openings. Lower ones are for search, where somebody reads the result (docs/caching.md, "Alike is not equal")."""
_MAX_FORMS: Final = 1_000
_MAX_OPENINGS: Final = 4
"""Openings kept of each form, the newest ones."""


class Alike(NamedTuple):
    """A request, as others may ask for the same in other words."""

    key: str
    """SHA-256 over everything but the opening, and what must be equal of that; see `asking`."""
    opening: str


class Match(NamedTuple):
    """An answer that may do."""

    key: str
    """Of the request it was given to, in the exact cache."""
    likeness: float
    """0.95..1; 1 = the openings are equal."""


class Paraphrases:
    """Openings of the prompts answered last, in this process. Thread-safe."""

    def __init__(self, thread: LikenessThread) -> None:
        self.thread = thread
        self._openings: OrderedDict[str, OrderedDict[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def note(self, alike: Alike, key: str) -> None:
        """The exact cache has an answer under this key."""
        with self._lock:
            openings = self._openings.setdefault(alike.key, OrderedDict())
            self._openings.move_to_end(alike.key)
            openings[alike.opening] = key
            openings.move_to_end(alike.opening)
            if len(openings) > _MAX_OPENINGS:
                openings.popitem(last=False)
            if len(self._openings) > _MAX_FORMS:
                self._openings.popitem(last=False)

    def find(self, alike: Alike) -> Generator[Wait, Any, Match | None]:
        """The most alike of the prompts that ask for the same."""
        openings = self._known(alike)
        if alike.opening in openings:
            return Match(openings[alike.opening], 1.0)
        if not openings:
            return None
        scores = yield from self.thread.compare(alike.opening, tuple(openings))
        best = max(zip(scores, openings.values(), strict=False), default=(0.0, ""))
        return Match(best[1], best[0]) if best[0] >= THRESHOLD else None

    def _known(self, alike: Alike) -> dict[str, str]:
        with self._lock:
            return dict(self._openings.get(alike.key, ()))
