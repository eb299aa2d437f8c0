"""Where answers outlive this process, and the thread that goes there, so that no request waits for a disk."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, Protocol, TypeVar

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


S_co = TypeVar("S_co", bound=Shelf, covariant=True)
T = TypeVar("T")


class ShelfThread(Generic[S_co]):
    """Goes to a shelf in a thread of its own; also in a forked child, which opens the shelf anew. What fails is a miss, and said once."""

    def __init__(self, open_shelf: Callable[[], S_co]) -> None:
        self._open_shelf = open_shelf
        forks.start(self)

    def start(self) -> None:
        """Begin, and again in a forked child, to which neither the thread nor the open shelf of its parent is of use."""
        self._thread = ThreadPoolExecutor(1, "routerkit-cache")
        self._shelf: S_co | None = None
        self._room = threading.BoundedSemaphore(_MAX_WAITING)
        self._trouble: str | None = None

    def ask(self, step: Callable[[S_co], T]) -> Future[T | None]:
        """Do something at the shelf, after all that was asked before; None when it cannot be reached, or was closed."""
        try:
            return self._thread.submit(self._try, step)
        except RuntimeError:  # a call that ends after its router was closed
            nothing: Future[T | None] = Future()
            nothing.set_result(None)
            return nothing

    def fetch(self, key: str) -> Future[bytes | None]:
        """What is kept under a key."""
        return self.ask(_get(key))

    def store(self, key: str, data: bytes, expires_at: float) -> None:
        """Keep data, soon."""
        room = self._room
        if room.acquire(blocking=False):
            self.ask(_put(key, data, expires_at)).add_done_callback(lambda _: room.release())

    def drop(self, key: str) -> None:
        """Keep no longer, soon."""
        self.ask(_drop(key))

    def close(self) -> None:
        """Store what waits, then let go of the shelf."""
        self._thread.submit(self._let_go)
        self._thread.shutdown()

    def _try(self, step: Callable[[S_co], T]) -> T | None:
        try:
            if self._shelf is None:
                self._shelf = self._open_shelf()
            done = step(self._shelf)
        except StateError as exc:
            if str(exc) != self._trouble:
                _log.warning("answers are cached by this process alone: %s", exc)
            self._trouble = str(exc)
            return None
        self._trouble = None
        return done

    def _let_go(self) -> None:
        if self._shelf is not None:
            self._shelf.close()


def _get(key: str) -> Callable[[Shelf], bytes | None]:
    return lambda shelf: shelf.get(key)


def _put(key: str, data: bytes, expires_at: float) -> Callable[[Shelf], None]:
    return lambda shelf: shelf.put(key, data, expires_at)


def _drop(key: str) -> Callable[[Shelf], None]:
    return lambda shelf: shelf.drop(key)
