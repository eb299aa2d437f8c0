"""Hints about warm prompt caches, kept in Redis until the caches go cold."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Final

from redis import Redis

from routerkit.errors import StateError
from routerkit.state import lua
from routerkit.state.hints import Hint, Hints

_MAX_WAITING: Final = 1_000
"""Hints that wait to be told; more are told by a Redis that hangs to nobody, which only costs a saving."""
_AT_ONCE: Final = 100
"""Steps of one round trip."""


class RedisHints(Hints):
    """One hash for each conversation, with a field for each target. Its thread starts with the first call that has a session.

    What waits while Redis answers makes the next round trip together: many calls at once wait hardly longer than one.
    """

    def __init__(self, asked: Callable[[], AbstractContextManager[Redis]]) -> None:
        """Prepare.

        Args:
            asked: As `RedisStore._asked`: the client, for a moment; raises StateError.
        """
        self._asked = asked
        self.start()

    def start(self) -> None:
        """Begin, and again in a forked child."""
        self._thread = ThreadPoolExecutor(1, "routerkit-hints")
        self._waiting: deque[_Step] = deque()

    def tell(self, conversation: str, hint: Hint) -> None:
        """As `Hints.tell`."""
        if len(self._waiting) < _MAX_WAITING:
            self._send(_Step(lua.TELL, conversation, hint))

    def hear(self, conversation: str) -> Future[tuple[Hint, ...]]:
        """As `Hints.hear`."""
        return self._send(_Step(lua.HEAR, conversation))

    def close(self) -> None:
        """Tell what waits to be told."""
        self._thread.shutdown()

    def _send(self, step: _Step) -> Future[tuple[Hint, ...]]:
        self._waiting.append(step)
        try:
            self._thread.submit(self._make_round, self._waiting)
        except RuntimeError:  # a call that ends after its router was closed
            step.end(None)
        return step.heard

    def _make_round(self, waiting: deque[_Step]) -> None:
        steps = [waiting.popleft() for _ in range(min(len(waiting), _AT_ONCE))]  # nobody else takes any
        if steps:
            for step, told in zip(steps, self._told(steps), strict=True):
                step.end(told)

    def _told(self, steps: Sequence[_Step]) -> Sequence[Any]:
        try:
            with self._asked() as redis, redis.pipeline(transaction=False) as trip:
                for step in steps:
                    step.join(trip)
                return trip.execute()
        except StateError:  # the store says so
            return [None] * len(steps)


class _Step:
    """Something to tell or to hear."""

    def __init__(self, script: str, conversation: str, hint: Hint | None = None) -> None:
        self._script, self._conversation, self._hint = script, conversation, hint
        self.heard: Future[tuple[Hint, ...]] = Future()
        self.heard.set_running_or_notify_cancel()  # from now on nobody who waits can cancel it

    def join(self, trip: Any) -> None:
        # The text each time, not its hash: a server that has restarted does not know that, and a pipeline cannot ask first.
        key = f"routerkit:warm:{hashlib.sha256(self._conversation.encode()).hexdigest()}"
        trip.eval(self._script, 1, key, *(self._hint or ()))

    def end(self, told: Any) -> None:
        rows = told if isinstance(told, list) else ()
        self.heard.set_result(tuple([Hint(target, int(tokens), int(n), float(left_s)) for target, tokens, n, left_s in rows]))
