"""How alike two texts are, found out in a thread of its own and within a time limit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import Any, Final, TypeAlias

from routerkit.cache import forks
from routerkit.waiting import Wait

_log: Final = logging.getLogger(__name__)
_LIMIT_S: Final = 0.2
"""Longest wait for a comparison; a call that needs longer asks a target instead."""
_MAX_WAITING: Final = 4
"""Comparisons under way or waiting; with more, or with one that hangs, the next call does not wait at all."""

Likeness: TypeAlias = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosine between a text and each of the others, -1..1. Called by one thread at a time; may raise anything."""


class LikenessThread:
    """Compares texts beside the calls. What fails or is late is skipped, counted, and said once."""

    def __init__(self, likeness: Likeness) -> None:
        self._likeness = likeness
        self._trouble = ""
        self.n_skipped = 0
        """Comparisons that failed or came too late."""
        forks.start(self)

    def start(self) -> None:
        """Begin, and again in a forked child."""
        self._thread = ThreadPoolExecutor(1, "routerkit-likeness")
        self._room = BoundedSemaphore(_MAX_WAITING)

    def compare(self, text: str, others: Sequence[str]) -> Generator[Wait, Any, Sequence[float]]:
        """How alike the others are to the text; nothing when that is not known in time."""
        room = self._room
        if not room.acquire(blocking=False):
            return self._skip("has too much to do")
        future = self._thread.submit(self._compare, text, others)
        future.add_done_callback(lambda _: room.release())
        found = yield Wait(future, _LIMIT_S)
        if found is None:
            future.cancel()
            return self._skip(f"took longer than {_LIMIT_S} s")
        if isinstance(found, Exception):
            return self._skip(f"failed ({type(found).__name__})")  # its message may hold the prompt
        self._trouble = ""
        return found  # type: ignore[no-any-return]  # what `_compare` returns

    def close(self) -> None:
        """Compare no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _compare(self, text: str, others: Sequence[str]) -> Sequence[float] | Exception:
        try:
            return tuple(map(float, self._likeness(text, others)))
        except Exception as exc:  # noqa: BLE001  foreign code: whatever it raises must not cost the caller the answer
            return exc

    def _skip(self, trouble: str) -> Sequence[float]:
        self.n_skipped += 1
        if trouble != self._trouble:
            _log.warning("[cache] semantic: the embedder %s; only equal prompts are repeated meanwhile", trouble)
        self._trouble = trouble
        return ()
