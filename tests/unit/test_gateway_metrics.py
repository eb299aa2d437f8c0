"""What `/metrics` counts."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from routerkit import ProviderError
from routerkit.gateway.metrics import Metrics
from routerkit.messages import Usage
from routerkit.record import Record
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_request, make_router, make_target


def counted(metrics: Metrics, router) -> dict[str, float]:
    lines = metrics.text(router)[0].decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


@pytest.fixture
def one():
    metrics, clock = Metrics(), FakeClock()
    providers = {"a": ScriptedProvider([ProviderError("no", code="auth"), make_reply()]), "b": ScriptedProvider([make_reply()])}
    router = make_router(providers, targets=[make_target("a"), make_target("b", usd=None)], clock=clock, observers=[metrics])
    router.complete(make_request())
    return metrics, router


def test_attempts_fallbacks_tokens_and_unknown_prices_are_counted(one):
    seen = counted(*one)
    assert 1 == seen['routerkit_calls_total{pool="pool",status="ok",target="b"}']
    assert 1 == seen['routerkit_attempts_total{outcome="auth",target="a"}'] == seen['routerkit_attempts_total{outcome="ok",target="b"}']
    assert (1, 1) == (seen["routerkit_fallbacks_total"], seen['routerkit_unpriced_calls_total{target="b"}'])
    assert (10, 5) == tuple(seen[f'routerkit_tokens_total{{direction="{way}",target="b"}}'] for way in ("input", "output"))


def test_targets_that_take_no_calls_are_shown(one):
    assert 1 == counted(*one)['routerkit_target_unfit{state="disabled",target="a"}']


def test_own_share_is_counted_of_calls_with_one_attempt(one):
    metrics, router = one
    assert 0 == counted(metrics, router)["routerkit_overhead_seconds_count"]
    router.complete(make_request())
    assert 1 == counted(metrics, router)['routerkit_overhead_seconds_bucket{le="0.0001"}']


def test_budgets_of_today_are_shown():
    metrics = Metrics()
    router = make_router({"a": ScriptedProvider([make_reply(output_tokens=1_000_000)])}, observers=[metrics])
    router.swap(replace(router.state, budgets={"ci": 5.0}))
    router.complete(replace(make_request(), agent="ci", max_tokens=1_000_000))
    router._budgets.leases.tick()
    seen = counted(metrics, router)
    assert 5.0 == seen['routerkit_budget_limit_usd{account="agent:ci"}']
    assert pytest.approx(1.00001) == seen['routerkit_budget_spent_usd{account="agent:ci"}']


def some_records(n: int, seed: int = 7) -> list[Record]:
    """Finished calls of all kinds, made from real ones."""
    kept = Recorder()
    providers = {"a": ScriptedProvider([ProviderError("no", code="server"), make_reply()]), "b": ScriptedProvider([make_reply()])}
    router = make_router(providers, targets=[make_target("a"), make_target("b")], observers=[kept])
    for _ in range(5):
        router.complete(make_request())
    rng = random.Random(seed)
    changes = {
        "status": ("ok", "error", "cancelled"),
        "target": ("a", "b", None),
        "latency_s": (0.00001, 0.1, 0.3, 1.0, 500.0),
        "cost_usd": (None, 0.0, 0.25),
        "cached_from": (None, "1"),
        "cached_likeness": (None, 0.97),
        "attempts": ((), kept.records[0].attempts, kept.records[-1].attempts),
        "usage": (Usage(), Usage(7, 3)),
    }
    return [replace(rng.choice(kept.records), **{name: rng.choice(values) for name, values in changes.items()}) for _ in range(n)]


def test_calls_counted_together_come_to_what_they_come_to_one_by_one():
    router = make_router({"a": ScriptedProvider([make_reply()])})
    rng, looked_at_once, looked_at_often = random.Random(1), Metrics(), Metrics()
    for record in some_records(350):
        looked_at_once.observe(record)
        looked_at_often.observe(record)
        if rng.random() < 0.1:
            looked_at_often.text(router)
    one, other = counted(looked_at_once, router), counted(looked_at_often, router)
    assert 350 == sum(n for name, n in one.items() if name.startswith("routerkit_calls_total"))
    assert one == pytest.approx(other)


def test_calls_that_end_in_several_threads_are_all_counted():
    metrics = Metrics()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(metrics.observe, some_records(2_000)))
    seen = counted(metrics, make_router({"a": ScriptedProvider([make_reply()])}))
    assert 2_000 == sum(n for name, n in seen.items() if name.startswith("routerkit_calls_total"))
