"""Prometheus metrics of one gateway process."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from routerkit.record import Record, Report
from routerkit.router import Router

_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """An observer that counts; its children are held, because looking labels up costs more than counting."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter("routerkit_calls", "Finished calls.", ["pool", "target", "status"], registry=self.registry)
        self._attempts = Counter("routerkit_attempts", "Requests sent upstream.", ["target", "outcome"], registry=self.registry)
        self._fallbacks = Counter("routerkit_fallbacks", "Calls that another target than the first choice ended.", registry=self.registry)
        self._usd = Counter("routerkit_cost_usd", "Dollars spent, failed attempts included.", ["pool", "target"], registry=self.registry)
        self._unpriced = Counter("routerkit_unpriced_calls", "Calls whose cost is unknown.", ["target"], registry=self.registry)
        self._tokens = Counter("routerkit_tokens", "Tokens used.", ["target", "direction"], registry=self.registry)
        self._refusals = Counter("routerkit_refusals", "Requests answered with an error.", ["status"], registry=self.registry)
        self._seconds = Histogram("routerkit_call_seconds", "Duration of calls.", ["pool"], buckets=_SECONDS, registry=self.registry)
        self._unfit = Gauge("routerkit_target_unfit", "1 = takes no calls now, and why.", ["target", "state"], registry=self.registry)
        self._away = Gauge("routerkit_state_away", "1 = budgets and limits are kept by this process alone.", registry=self.registry)
        self._drift = Gauge(
            "routerkit_drift_alarm", "1 = worse than the scorecard says.", ["target", "kind", "measure"], registry=self.registry
        )
        self._held: dict[tuple[str, ...], Counter] = {}

    def observe(self, event: Record | Report) -> None:
        """Count a finished call."""
        if not isinstance(event, Record):
            return
        pool, target = event.decision.pool, event.target or "none"
        self._child(self._calls, pool, target, event.status).inc()
        for attempt in event.attempts:
            self._child(self._attempts, attempt.target, attempt.error_code or "ok").inc()
        if event.target is not None and event.target != event.decision.picked:
            self._fallbacks.inc()
        if event.cost_usd is None:
            self._child(self._unpriced, target).inc()
        else:
            self._child(self._usd, pool, target).inc(event.cost_usd)
        self._child(self._tokens, target, "input").inc(event.usage.input_tokens)
        self._child(self._tokens, target, "output").inc(event.usage.output_tokens)
        self._seconds.labels(pool).observe(event.latency_s)

    def refused(self, status: int) -> None:
        """Count an error answer."""
        self._child(self._refusals, str(status)).inc()

    def text(self, router: Router) -> tuple[bytes, bytes]:
        """Body and content type of `/metrics`."""
        self._away.set(router.store.trouble() is not None)
        self._drift.clear()
        for (target, kind), alarms in router.experience.alarms.items():
            for alarm in alarms:
                self._drift.labels(target, kind or "unknown", alarm.measure).set(1)
        self._unfit.clear()
        for target, ailment in router.health.snapshot().items():
            self._unfit.labels(target, ailment.state).set(1)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST.encode()

    def _child(self, counter: Counter, *labels: str) -> Counter:
        key = (counter._name, *labels)
        found = self._held.get(key)
        if found is None:
            found = self._held[key] = counter.labels(*labels)
        return found
