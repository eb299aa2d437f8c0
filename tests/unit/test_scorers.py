"""What each policy prefers, on pools small enough to see why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import POLICY_KINDS, Cell, Policy, PolicySettings, Price, Rule, Scorecard, When
from routerkit.testing import make_request, make_target
from tests.unit.lab import good, lab

CARD = Scorecard(
    (
        Cell("small", "refactor", 100, 60.0, latency_s=1.0, output_tokens=400.0),
        Cell("middle", "refactor", 100, 90.0, latency_s=3.0, output_tokens=400.0),
        Cell("large", "refactor", 100, 97.0, latency_s=9.0, output_tokens=400.0),
    )
)
TARGETS = [make_target("large", usd=20.0), make_target("middle", usd=5.0), make_target("small", usd=0.5)]
REQUEST = replace(make_request("x" * 4_000), kind="refactor")


def ranked(kind: str, *, targets=TARGETS, request=REQUEST, rules=(), card=CARD, **settings) -> tuple[str, ...]:
    policy = Policy(kind, kind, PolicySettings(**settings))
    providers = {t.name: good() for t in targets}
    return lab(providers, targets=targets, policy=policy, rules=rules, scorecard=card).router.decide(request).ranked


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        ("cheapest", ("small", "middle", "large")),
        ("fastest", ("small", "middle", "large")),
        ("best", ("large", "middle", "small")),
        ("rules", ("large", "middle", "small")),
        ("fallback", ("large", "middle", "small")),
        ("cheapest_adequate", ("middle", "large", "small")),
        ("bang_for_buck", ("large", "middle", "small")),
    ],
)
def test_each_policy_has_its_order(kind, order):
    """One pool, seven opinions."""
    assert order == ranked(kind)


def test_cheapest_adequate_takes_the_cheapest_that_is_good_enough():
    """The floor decides who may compete, the price who wins; the rest follow, likeliest first."""
    assert "small" == ranked("cheapest_adequate", quality_floor=0.5)[0]
    assert "large" == ranked("cheapest_adequate", quality_floor=0.93)[0]
    assert ("large", "middle", "small") == ranked("cheapest_adequate", quality_floor=0.96)


def test_confidence_asks_for_more_evidence():
    """90 of 100 shows 0.85 with 80 % confidence, not with 99.9 %."""
    assert "middle" == ranked("cheapest_adequate", quality_floor=0.85)[0]
    assert "large" == ranked("cheapest_adequate", quality_floor=0.85, confidence=0.999)[0]


def test_floor_that_nobody_reaches_is_noted():
    """The caller learns that the pick is the likeliest, not a safe one."""
    policy = Policy("strict", "cheapest_adequate", PolicySettings(quality_floor=0.99))
    decision = lab({t.name: good() for t in TARGETS}, targets=TARGETS, policy=policy, scorecard=CARD).router.decide(REQUEST)
    assert "no kept target is shown to reach quality 0.99" in decision.notes[0]


def test_bang_for_buck_weighs_value_against_cost():
    """Where a success is worth little, the cheap one wins; where it is worth much, the good one."""
    assert "small" == ranked("bang_for_buck", value_usd=0.001)[0]
    assert "middle" == ranked("bang_for_buck", value_usd=0.1)[0]
    assert "large" == ranked("bang_for_buck", value_usd=100.0)[0]


def test_waiting_has_a_price():
    """At a dollar a second the fast one wins."""
    assert "small" == ranked("bang_for_buck", usd_per_second=1.0)[0]


def test_live_latency_beats_the_measured_one():
    """What we see now counts more than what an eval saw last night."""
    here = lab({t.name: good() for t in TARGETS}, targets=TARGETS, policy=Policy("fastest", "fastest"), scorecard=CARD)
    here.router.health.succeeded("small", 60.0)
    assert "middle" == here.router.decide(REQUEST).picked


@pytest.mark.parametrize("kind", POLICY_KINDS)
def test_pool_without_any_knowledge_is_routable(kind):
    """No price, no measurement, no latency: every policy still ranks every target."""
    targets = [make_target(n, usd=None) for n in "abc"]
    assert {"a", "b", "c"} == set(ranked(kind, targets=targets, card=Scorecard(), value_usd=0.0))


def test_pool_in_which_nothing_costs_anything_is_routable():
    """Local models, and a success that is worth nothing in dollars: no division by zero."""
    targets = [replace(make_target(n), price=Price(0.0, 0.0)) for n in "abc"]
    assert {"a", "b", "c"} == set(ranked("bang_for_buck", targets=targets, value_usd=0.0))


def test_cached_and_written_prices_do_not_disturb_ranking():
    """Expected cost uses the plain prices as long as nobody knows what is cached."""
    targets = [replace(make_target("a"), price=Price(2.0, 2.0, cached_input=0.0)), make_target("b", usd=1.0)]
    assert ("b", "a") == ranked("cheapest", targets=targets)


@pytest.mark.parametrize("kind", [k for k in POLICY_KINDS if k != "weighted"])
def test_rule_comes_before_every_other_term(kind):
    """What people wrote down outweighs scores: preferred first, avoided last."""
    rules = (Rule("large first", When(), prefer=("large",)), Rule("no middle", When(), avoid=("middle",)))
    assert ("large", "small", "middle") == ranked(kind, rules=rules)


def test_prefer_beats_avoid():
    """Of two rules that disagree, the one that wants a target wins."""
    rules = (Rule("yes", When(), prefer=("small",)), Rule("no", When(), avoid=("small",)))
    assert "small" == ranked("best", rules=rules)[0]


def test_output_length_counts_by_kind_and_by_limit():
    """A talkative cheap model is not cheap; a limit on the answer makes it so again."""
    card = Scorecard((Cell("chatty", "refactor", 10, 9.0, output_tokens=10_000.0), Cell("terse", "refactor", 10, 9.0, output_tokens=100.0)))
    targets = [make_target("chatty", usd=1.0), make_target("terse", usd=4.0)]
    assert "terse" == ranked("cheapest", targets=targets, card=card)[0]
    assert "chatty" == ranked("cheapest", targets=targets, card=card, request=replace(REQUEST, max_tokens=100))[0]
