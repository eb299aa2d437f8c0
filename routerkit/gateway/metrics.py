"""What one gateway process counts for Prometheus, in plain numbers; `exposition` puts them in Prometheus's form when somebody looks."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from routerkit.gateway.room import Room
from routerkit.record import Record, Report
from routerkit.router import Router

OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
"""Upper ends of the buckets of our own share of a call."""
SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper ends of the buckets of durations."""


class Place(NamedTuple):
    """What calls are counted by."""

    pool: str
    target: str
    status: str


@dataclass(slots=True)
class Sums:
    """What the calls of one place come to."""

    usd: float = 0.0
    unpriced: int = 0
    cached: int = 0
    cached_alike: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))

    @property
    def calls(self) -> int:
        """How many there were."""
        return sum(self.buckets)


class Metrics:
    """An observer that counts; a finished call costs it a few additions."""

    def __init__(self) -> None:
        self.sums: defaultdict[Place, Sums] = defaultdict(Sums)
        self.attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.refusals: defaultdict[int, int] = defaultdict(int)
        self.fallbacks = 0
        self.room: Room | None = None
        """What is under way."""
        self.overhead, self.overhead_s = [0] * (len(OVERHEAD_S) + 1), 0.0

    def observe(self, event: Record | Report) -> None:
        """Count a finished call."""
        if not isinstance(event, Record):
            return
        decision, target, usage, latency_s = event.decision, event.target, event.usage, event.latency_s
        sums = self.sums[Place(decision.pool, target or "none", event.status)]
        sums.input_tokens += usage.input_tokens
        sums.output_tokens += usage.output_tokens
        sums.seconds += latency_s
        sums.buckets[bisect_left(SECONDS, latency_s)] += 1
        if event.cost_usd is None:
            sums.unpriced += 1
        else:
            sums.usd += event.cost_usd
        if event.cached_from is not None:
            sums.cached += 1
            sums.cached_alike += event.cached_likeness is not None
        for attempt in event.attempts:
            self.attempts[attempt.target, attempt.error_code or "ok"] += 1
        if len(event.attempts) == 1:  # with more, pauses between them are part of the difference
            own_s = latency_s - event.attempts[0].latency_s
            self.overhead[bisect_left(OVERHEAD_S, own_s)] += 1
            self.overhead_s += own_s
        if target is not None and target != decision.picked:
            self.fallbacks += 1

    def refused(self, status: int) -> None:
        """Count an error answer."""
        self.refusals[status] += 1

    def text(self, router: Router) -> tuple[bytes, bytes]:
        """Body and content type of `/metrics`."""
        from routerkit.gateway.exposition import exposed  # it imports prometheus_client, a tenth of what starting costs

        return exposed(self, router)
