"""How many calls a target takes at once, as configured and as learned from the ones it turned away, and who waits for a place."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Final

from routerkit.fair_queue import FairQueue, Priority, Ticket

SHRINK: Final = 0.7
"""A refusal leaves at most this share of the places. Netflix' concurrency-limits takes 0.9; but here every refused prompt is sent again."""
PATIENCE: Final = 10
"""Rounds of answers before the number of calls that was refused last is tried again: at 4 places one refusal in 40 calls."""
FORGET_S: Final = 300.0
"""A limit is forgotten so long after the last refusal."""
MOST_WAITING: Final = 100
"""Calls that may wait for a place at a target with a configured limit; beyond them those that matter least are turned away."""


@dataclass(slots=True)
class _Lane:
    places: int
    refused_at: int
    """Calls under way when the last one was refused, itself included."""
    refused_when: float
    n_answers: int = 0
    """Since the number of places changed."""


class Lanes:
    """Places at all targets of one process. Thread-safe; holds no lock across I/O.

    A refusal that names no time while other calls are being served says how many the target serves: those that are left.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._running: defaultdict[str, list[None]] = defaultdict(list)
        """One entry for each call under way: to append and to pop one needs no lock."""
        self._lanes: dict[str, _Lane] = {}
        self.narrow: Container[str] = self._lanes
        """Names of targets that turned calls away; of any other there is nothing to note when one is answered."""
        self._waiting: dict[str, FairQueue] = defaultdict(FairQueue)

    def enter(self, target: str) -> None:
        """A call is sent to the target."""
        self._running[target].append(None)

    def leave(self, target: str) -> None:
        """The call has ended, whichever way."""
        self._running[target].pop()

    def places(self, target: str, at_once: int | None = None) -> int | None:
        """Calls that the target takes at once, as far as is known; None = nothing speaks for a limit.

        Args:
            target: Its name.
            at_once: Its configured limit; learned ones are never above it.
        """
        lane = self._lanes.get(target)
        if lane is None:
            return at_once
        return lane.places if at_once is None else min(at_once, lane.places)

    def has_room(self, target: str, at_once: int | None = None) -> bool:
        """Whether one more call may be sent, ahead of nobody who waits."""
        if at_once is None and not self._lanes:
            return True
        with self._lock:
            lane = self._lanes.get(target)
            if lane is not None and self._clock() - lane.refused_when >= FORGET_S:
                del self._lanes[target]
            places = self.places(target, at_once)
            return places is None or (not self._waiting[target] and len(self._running[target]) < places)

    def refused(self, target: str) -> bool:
        """A call, which has left, was refused without a word on how long to wait.

        Returns:
            Whether the number of calls at once explains that; False when it was the only one, so that its pace is what was wrong.
        """
        with self._lock:
            n_left = len(self._running[target])
            if n_left < 1:
                return False
            lane = self._lanes.get(target)
            places = min(n_left, math.ceil(SHRINK * (n_left + 1)))
            if lane is not None:
                places = min(places, lane.places)
            self._lanes[target] = _Lane(places, n_left + 1, self._clock())
            return True

    def answered(self, target: str) -> None:
        """A call was answered: after a round of answers there is one place more."""
        with self._lock:
            lane = self._lanes.get(target)
            if lane is None:
                return
            lane.n_answers += 1
            rounds = PATIENCE if lane.places + 1 >= lane.refused_at else 1
            if lane.n_answers >= rounds * lane.places:
                lane.places, lane.n_answers = lane.places + 1, 0

    def queue(self, target: str, priority: Priority, tenant: str, at_once: int | None = None) -> Ticket | None:
        """One more waits for a place; its ticket ends with `dequeue`. None when the queue of a configured limit is full."""
        with self._lock:
            return self._waiting[target].join(priority, tenant, at_most=None if at_once is None else MOST_WAITING)

    def dequeue(self, target: str, ticket: Ticket) -> None:
        """It waits no longer."""
        with self._lock:
            self._waiting[target].leave(ticket)

    def n_waiting(self, target: str) -> int:
        """How many calls wait for a place."""
        return len(self._waiting[target])

    def n_ahead(self, target: str, ticket: Ticket, at_once: int | None = None) -> int:
        """How many calls must still end or begin before it is this ticket's turn; 0 = now, and for one that was shed."""
        with self._lock:
            places = self.places(target, at_once)
            if places is None or ticket.is_shed:
                return 0
            return max(0, self._waiting[target].n_before(ticket) + len(self._running[target]) - places + 1)
