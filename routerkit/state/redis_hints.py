"""Hints about warm prompt caches, kept in Redis until the caches go cold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import Any, Final

from routerkit.errors import StateError
from routerkit.state import lua
from routerkit.state.hints import Hint, Hints

_MAX_WAITING: Final = 1_000
"""Hints that wait to be told; more are told by a Redis that hangs to nobody, which only costs a saving."""
_PREFIX: Final = "routerkit:warm:"


class RedisHints(Hints):
    """One hash for each conversation, with a field for each target. Its thread starts with the first call that has a session."""

    def __init__(self, run: Callable[..., Any]) -> None:
        """Prepare.

        Args:
            run: As `RedisStore._run`: has Redis take a step of `lua`; raises StateError.
        """
        self._run = run
        self.start()

    def start(self) -> None:
        """Begin, also in a forked child."""
        self._thread, self._room = ThreadPoolExecutor(1, "routerkit-hints"), BoundedSemaphore(_MAX_WAITING)

    def tell(self, conversation: str, hint: Hint) -> None:
        """As `Hints.tell`."""
        if self._room.acquire(blocking=False):
            with suppress(RuntimeError):  # a call that ends after its router was closed
                self._thread.submit(self._tell, self._room, conversation, hint)

    def hear(self, conversation: str) -> Future[tuple[Hint, ...]]:
        """As `Hints.hear`."""
        return self._thread.submit(self._hear, conversation)

    def close(self) -> None:
        """Tell what waits to be told."""
        self._thread.shutdown()

    def _tell(self, room: BoundedSemaphore, conversation: str, hint: Hint) -> None:
        room.release()
        with suppress(StateError):  # the store says so
            self._run(lua.TELL, [_key(conversation)], *hint)

    def _hear(self, conversation: str) -> tuple[Hint, ...]:
        try:
            told = self._run(lua.HEAR, [_key(conversation)])
        except StateError:
            return ()
        return tuple([Hint(target, int(tokens), int(n_messages), float(left_s)) for target, tokens, n_messages, left_s in told])


def _key(conversation: str) -> str:
    return _PREFIX + hashlib.sha256(conversation.encode()).hexdigest()
