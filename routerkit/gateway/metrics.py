"""What one gateway process counts for Prometheus, in plain numbers; `exposition` puts them in Prometheus's form when somebody looks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from operator import attrgetter
from threading import Lock
from typing import Any, Final, NamedTuple

from routerkit.gateway.room import Room
from routerkit.record import Record, Report
from routerkit.router import Router

OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
"""Upper ends of the buckets of our own share of a call."""
SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper ends of the buckets of durations."""


_MOST_WAITING: Final = 100
"""Finished calls that wait to be counted: together they take a tenth of the time that each by itself would."""
_kept: Final[Callable[[Record], tuple[Any, ...]]] = attrgetter(
    "decision.pool",
    "target",
    "status",
    "decision.picked",
    "latency_s",
    "cost_usd",
    "usage.input_tokens",
    "usage.output_tokens",
    "cached_from",
    "cached_likeness",
    "attempts",
)
"""What of a call is counted; the first three are its place."""
_outcome: Final = attrgetter("target", "error_code")
_duration: Final = partial(bisect_left, SECONDS)
_own_share: Final = partial(bisect_left, OVERHEAD_S)


class Place(NamedTuple):
    """What calls are counted by."""

    pool: str
    target: str
    status: str


@dataclass(slots=True)
class Sums:
    """What the calls of one place come to."""

    calls: int = 0
    fallbacks: int = 0
    """Ended by another target than the first choice."""
    usd: float = 0.0
    unpriced: int = 0
    cached: int = 0
    cached_alike: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    buckets: Counter[int] = field(default_factory=Counter)
    """Calls by the place of their duration among `SECONDS`."""

    def add(self, calls: list[tuple[Any, ...]]) -> None:
        """Count calls of this place, a column at a time."""
        _, targets, _, picked, seconds, usd, n_in, n_out, cached_from, cached_likeness, _ = zip(*calls, strict=True)
        n, target = len(calls), targets[0]
        self.calls += n
        self.fallbacks += 0 if target is None else n - picked.count(target)
        self.usd += sum(filter(None, usd))
        self.unpriced += usd.count(None)
        self.cached += n - cached_from.count(None)
        self.cached_alike += n - cached_likeness.count(None)
        self.input_tokens += sum(n_in)
        self.output_tokens += sum(n_out)
        self.seconds += sum(seconds)
        self.buckets.update(map(_duration, seconds))


class Metrics:
    """An observer that counts, when somebody looks or many calls wait for it; a finished call costs it next to nothing."""

    def __init__(self) -> None:
        self.sums: defaultdict[Place, Sums] = defaultdict(Sums)
        self.attempts: Counter[tuple[str, str | None]] = Counter()
        """By target and code of their error; None = they had none."""
        self.refusals: defaultdict[int, int] = defaultdict(int)
        self.room: Room | None = None
        """What is under way."""
        self.overhead: Counter[int] = Counter()
        """Calls by the place of our own share of them among `OVERHEAD_S`."""
        self.overhead_s = 0.0
        self._waiting: list[tuple[Any, ...]] = []
        self._counting = Lock()

    def observe(self, event: Record | Report) -> None:
        """Note a finished call."""
        if isinstance(event, Record):
            self._waiting.append(_kept(event))
            if len(self._waiting) >= _MOST_WAITING:
                self._count()

    def _count(self) -> None:
        with self._counting:  # calls may end in several threads
            calls = self._waiting[:]
            del self._waiting[: len(calls)]
            places: defaultdict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
            for call in calls:
                places[call[:3]].append(call)
            for (pool, target, status), found in places.items():
                self.sums[Place(pool, target or "none", status)].add(found)
            self._count_attempts(calls)

    def _count_attempts(self, calls: list[tuple[Any, ...]]) -> None:
        found = [call[-1] for call in calls]
        self.attempts.update(map(_outcome, chain.from_iterable(found)))
        # With more than one attempt, pauses between them are part of the difference.
        own_s = [call[4] - attempts[0].latency_s for call, attempts in zip(calls, found, strict=True) if len(attempts) == 1]
        self.overhead.update(map(_own_share, own_s))
        self.overhead_s += sum(own_s)

    def refused(self, status: int) -> None:
        """Count an error answer."""
        self.refusals[status] += 1

    def text(self, router: Router) -> tuple[bytes, bytes]:
        """Body and content type of `/metrics`."""
        from routerkit.gateway.exposition import exposed  # it imports prometheus_client, a tenth of what starting costs

        self._count()
        return exposed(self, router)
