"""Prometheus metrics of one gateway process, counted in plain numbers and put in Prometheus's form when somebody looks."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from routerkit.budget import MICROS_PER_USD
from routerkit.errors import StateError
from routerkit.record import Record, Report
from routerkit.router import Router

_OVERHEAD_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)
"""Upper ends of the buckets of our own share of a call."""
_SECONDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper ends of the buckets of durations."""


class _Place(NamedTuple):
    pool: str
    target: str
    status: str


@dataclass(slots=True)
class _Sums:
    """What the calls of one place come to."""

    calls: int = 0
    usd: float = 0.0
    unpriced: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(_SECONDS) + 1))


class Metrics(Collector):
    """An observer that counts; a finished call costs it a few additions."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._sums: defaultdict[_Place, _Sums] = defaultdict(_Sums)
        self._attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._refusals: defaultdict[int, int] = defaultdict(int)
        self._fallbacks = 0
        self._overhead, self._overhead_s = [0] * (len(_OVERHEAD_S) + 1), 0.0
        self._router: Router | None = None

    def observe(self, event: Record | Report) -> None:
        """Count a finished call."""
        if not isinstance(event, Record):
            return
        decision, target, usage = event.decision, event.target, event.usage
        sums = self._sums[_Place(decision.pool, target or "none", event.status)]
        sums.calls += 1
        sums.input_tokens += usage.input_tokens
        sums.output_tokens += usage.output_tokens
        sums.seconds += event.latency_s
        sums.buckets[bisect_left(_SECONDS, event.latency_s)] += 1
        if event.cost_usd is None:
            sums.unpriced += 1
        else:
            sums.usd += event.cost_usd
        sums.cached += event.cached_from is not None
        for attempt in event.attempts:
            self._attempts[attempt.target, attempt.error_code or "ok"] += 1
        if len(event.attempts) == 1:  # with more, pauses between them are part of the difference
            self._own(event.latency_s - event.attempts[0].latency_s)
        if target is not None and target != decision.picked:
            self._fallbacks += 1

    def _own(self, seconds: float) -> None:
        self._overhead[bisect_left(_OVERHEAD_S, seconds)] += 1
        self._overhead_s += seconds

    def refused(self, status: int) -> None:
        """Count an error answer."""
        self._refusals[status] += 1

    def text(self, router: Router) -> tuple[bytes, bytes]:
        """Body and content type of `/metrics`."""
        self._router = router
        return generate_latest(self.registry), CONTENT_TYPE_LATEST.encode()

    def collect(self) -> Iterator[Metric]:
        """Everything counted so far, as Prometheus asks for it."""
        sums = list(self._sums.items())
        yield _counter("routerkit_calls", "Finished calls.", ["pool", "target", "status"], [(place, s.calls) for place, s in sums])
        yield _counter("routerkit_attempts", "Requests sent upstream.", ["target", "outcome"], list(self._attempts.items()))
        yield _counter("routerkit_fallbacks", "Calls that another target than the first choice ended.", [], [((), self._fallbacks)])
        spent = [((place.pool, place.target), s.usd) for place, s in sums]
        yield _counter("routerkit_cost_usd", "Dollars spent, failed attempts included.", ["pool", "target"], spent)
        yield _counter(
            "routerkit_unpriced_calls",
            "Calls whose cost is unknown.",
            ["target"],
            [((p.target,), s.unpriced) for p, s in sums if s.unpriced],
        )
        tokens = [((p.target, "input"), s.input_tokens) for p, s in sums] + [((p.target, "output"), s.output_tokens) for p, s in sums]
        yield _counter("routerkit_tokens", "Tokens used.", ["target", "direction"], tokens)
        refusals = [((str(status),), n) for status, n in list(self._refusals.items())]
        yield _counter("routerkit_refusals", "Requests answered with an error.", ["status"], refusals)
        cached = [((p.pool,), s.cached) for p, s in sums if s.cached]
        yield _counter("routerkit_cache_hits", "Calls answered from the cache.", ["pool"], cached)
        yield _seconds(sums)
        overhead = HistogramMetricFamily("routerkit_overhead_seconds", "Our own share of calls that took one attempt.")
        overhead.add_metric([], _running(_OVERHEAD_S, self._overhead), self._overhead_s)
        yield overhead
        if self._router is not None:
            yield _unfit(self._router)
            yield _drift(self._router)
            yield from _budgets(self._router)
            is_away = self._router.store.trouble() is not None
            yield GaugeMetricFamily("routerkit_state_away", "1 = budgets and limits are kept by this process alone.", float(is_away))


def _unfit(router: Router) -> Metric:
    unfit = GaugeMetricFamily("routerkit_target_unfit", "1 = takes no calls now, and why.", labels=["target", "state"])
    for target, ailment in router.health.snapshot().items():
        unfit.add_metric([target, ailment.state], 1)
    return unfit


def _budgets(router: Router) -> Iterator[Metric]:
    """Accounts of today; none while the store is away, which `routerkit_state_away` tells."""
    spent = GaugeMetricFamily("routerkit_budget_spent_usd", "Dollars spent today (UTC).", labels=["account"])
    limits = GaugeMetricFamily("routerkit_budget_limit_usd", "Dollars that may be spent today (UTC).", labels=["account"])
    with suppress(StateError):
        for line in router.store.accounts(datetime.now(UTC).date().isoformat()):
            spent.add_metric([line.account.name], line.spent / MICROS_PER_USD)
            limits.add_metric([line.account.name], line.limit / MICROS_PER_USD)
    yield spent
    yield limits


def _drift(router: Router) -> Metric:
    labels = ["target", "kind", "measure"]
    drift = GaugeMetricFamily("routerkit_drift_alarm", "1 = worse than the scorecard says.", labels=labels)
    for (target, kind), alarms in router.experience.alarms.items():
        for alarm in alarms:
            drift.add_metric([target, kind or "unknown", alarm.measure], 1)
    return drift


def _counter(name: str, says: str, labels: list[str], values: Sequence[tuple[Sequence[str], float]]) -> Metric:
    """A counter; values with the same labels are added up."""
    totals: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for key, value in values:
        totals[tuple(key)] += value
    family = CounterMetricFamily(name, says, labels=labels)
    for key, value in totals.items():
        family.add_metric(list(key), value)
    return family


def _seconds(sums: list[tuple[_Place, _Sums]]) -> Metric:
    family = HistogramMetricFamily("routerkit_call_seconds", "Duration of calls.", labels=["pool"])
    for pool in dict.fromkeys(place.pool for place, _ in sums):
        mine = [s for place, s in sums if place.pool == pool]
        counts = [sum(n) for n in zip(*(s.buckets for s in mine), strict=True)]
        family.add_metric([pool], _running(_SECONDS, counts), sum(s.seconds for s in mine))
    return family


def _running(ends: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus counts them, each with all those below it."""
    bounds = (*(f"{s:g}" if s % 1 else f"{s:.1f}" for s in ends), "+Inf")
    return [(bound, float(sum(counts[: i + 1]))) for i, bound in enumerate(bounds)]
