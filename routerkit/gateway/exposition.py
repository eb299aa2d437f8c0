"""What a gateway process counted, in Prometheus's form."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from routerkit.cache import CachingRouter
from routerkit.errors import StateError
from routerkit.gateway.metrics import OVERHEAD_S, SECONDS, Metrics, Place, Sums
from routerkit.router import Router
from routerkit.state.rounding import MICROS_PER_USD

Labelled = tuple[Sequence[str], float]


def exposed(metrics: Metrics, router: Router) -> tuple[bytes, bytes]:
    """Body and content type of `/metrics`."""
    registry = CollectorRegistry()
    registry.register(_Look(metrics, router))
    return generate_latest(registry), CONTENT_TYPE_LATEST.encode()


class _Look(Collector):
    """One look at what was counted so far."""

    def __init__(self, metrics: Metrics, router: Router) -> None:
        self._metrics, self._router = metrics, router

    def collect(self) -> Iterator[Metric]:
        """Everything counted so far, as Prometheus asks for it."""
        sums = list(self._metrics.sums.items())
        yield _counter("routerkit_calls", "Finished calls.", ["pool", "target", "status"], [(place, s.calls) for place, s in sums])
        attempts: list[Labelled] = [((target, code or "ok"), n) for (target, code), n in list(self._metrics.attempts.items())]
        yield _counter("routerkit_attempts", "Requests sent upstream.", ["target", "outcome"], attempts)
        fallbacks = sum(s.fallbacks for _, s in sums)
        yield _counter("routerkit_fallbacks", "Calls that another target than the first choice ended.", [], [((), fallbacks)])
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
        refusals = [((str(status),), n) for status, n in list(self._metrics.refusals.items())]
        yield _counter("routerkit_refusals", "Requests answered with an error.", ["status"], refusals)
        cached = [((p.pool,), s.cached) for p, s in sums if s.cached]
        yield _counter("routerkit_cache_hits", "Calls answered from the cache.", ["pool"], cached)
        alike = [((p.pool,), s.cached_alike) for p, s in sums if s.cached_alike]
        yield _counter("routerkit_cache_hits_by_likeness", "Those of them whose prompt was in other words.", ["pool"], alike)
        skipped = self._router.n_likeness_skipped if isinstance(self._router, CachingRouter) else 0
        yield _counter("routerkit_cache_likeness_skipped", "Comparisons of prompts that failed or came too late.", [], [((), skipped)])
        yield _seconds(sums)
        overhead = HistogramMetricFamily("routerkit_overhead_seconds", "Our own share of calls that took one attempt.")
        overhead.add_metric([], _running(OVERHEAD_S, self._metrics.overhead), self._metrics.overhead_s)
        yield overhead
        if (room := self._metrics.room) is not None:
            yield GaugeMetricFamily("routerkit_under_way", "Requests under way.", room.under_way)
            yield GaugeMetricFamily("routerkit_under_way_bytes", "Memory they take, as estimated.", room.used_bytes)
            yield GaugeMetricFamily("routerkit_room_bytes", "Memory they may take; beyond it requests are refused.", room.n_bytes)
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


def _counter(name: str, says: str, labels: list[str], values: Sequence[Labelled]) -> Metric:
    """A counter; values with the same labels are added up."""
    totals: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for key, value in values:
        totals[tuple(key)] += value
    family = CounterMetricFamily(name, says, labels=labels)
    for key, value in totals.items():
        family.add_metric(list(key), value)
    return family


def _seconds(sums: list[tuple[Place, Sums]]) -> Metric:
    family = HistogramMetricFamily("routerkit_call_seconds", "Duration of calls.", labels=["pool"])
    for pool in dict.fromkeys(place.pool for place, _ in sums):
        mine = [s for place, s in sums if place.pool == pool]
        counts = sum((s.buckets for s in mine), Counter())
        family.add_metric([pool], _running(SECONDS, counts), sum(s.seconds for s in mine))
    return family


def _running(ends: Sequence[float], counts: Mapping[int, int]) -> list[tuple[str, float]]:
    """Buckets as Prometheus counts them, each with all those below it."""
    bounds = (*(f"{s:g}" if s % 1 else f"{s:.1f}" for s in ends), "+Inf")
    return [(bound, float(sum(counts[j] for j in range(i + 1)))) for i, bound in enumerate(bounds)]
