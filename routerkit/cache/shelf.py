"""Where answers outlive this process, and the thread that goes there, so that no request waits for a disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from routerkit.cache import forks
from routerkit.errors import StateError

_log: Final = logging.getLogger(__name__)
_MAX_WAITING: Final = 1_000
"""Answers that wait to be stored; a disk that hangs for longer loses some, which then are asked for again."""


class Shelf(Protocol):
    """Keeps bytes by key until they expire. Used by one thread at a time; raises `StateError` when it cannot be reached."""

    def get(self, key: str) -> bytes | None:
        """What is kept and has not expired."""
        ...

    def put(self, key: str, data: bytes, expires_at: float) -> None:
        """Keep until then (Unix time)."""
        ...

    def drop(self, key: str) -> None:
        """Keep no longer."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class ShelfThread:
    """Goes to a shelf in a thread of its own; also in a forked child, which opens the shelf anew. What fails is a miss, and said once."""

    def __init__(self, open_shelf: Callable[[], Shelf]) -> None:
        self._open_shelf = open_shelf
        forks.start(self)

    def start(self) -> None:
        """Begin, also in a forked child, to which neither the thread nor the open shelf of its parent is of use."""
        self._thread = ThreadPoolExecutor(1, "routerkit-cache")
        self._shelf: Shelf | None = None
        self._room = threading.BoundedSemaphore(_MAX_WAITING)
        self._trouble: str | None = None

    def fetch(self, key: str) -> Future[bytes | None]:
        """What is kept under a key."""
        return self._thread.submit(self._fetch, key)

    def store(self, key: str, data: bytes, expires_at: float) -> None:
        """Keep data, soon."""
        if self._room.acquire(blocking=False):
            self._thread.submit(self._store, key, data, expires_at)

    def drop(self, key: str) -> None:
        """Keep no longer, soon."""
        self._thread.submit(self._try, lambda shelf: shelf.drop(key))

    def close(self) -> None:
        """Store what waits, then let go of the shelf."""
        self._thread.submit(self._let_go)
        self._thread.shutdown()

    def _fetch(self, key: str) -> bytes | None:
        found: list[bytes | None] = [None]
        self._try(lambda shelf: found.__setitem__(0, shelf.get(key)))
        return found[0]

    def _store(self, key: str, data: bytes, expires_at: float) -> None:
        self._room.release()
        self._try(lambda shelf: shelf.put(key, data, expires_at))

    def _try(self, step: Callable[[Shelf], None]) -> None:
        try:
            if self._shelf is None:
                self._shelf = self._open_shelf()
            step(self._shelf)
        except StateError as exc:
            if str(exc) != self._trouble:
                _log.warning("answers are cached by this process alone: %s", exc)
            self._trouble = str(exc)
        else:
            self._trouble = None

    def _let_go(self) -> None:
        if self._shelf is not None:
            self._shelf.close()
