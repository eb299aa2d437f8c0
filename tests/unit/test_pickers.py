"""From ranking to pick: who is drawn how often, and that the probability is stated."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from routerkit import Policy, PolicySettings, Rule, When, replay
from routerkit.features import features
from routerkit.pickers import pick
from routerkit.testing import make_request, make_target
from tests.unit.lab import good, lab

RANKED = [(-0.6, "a"), (-0.3, "b"), (-0.1, "c")]


def draws(ranked, n=3_000, **options):
    return Counter(pick(ranked, seed=seed, **options).order[0] for seed in range(n))


def test_best_takes_the_first():
    """Without a seed nothing is random."""
    assert (("a", "b", "c"), 1.0) == pick(RANKED, picker="best", explore_share=0.0, seed=None)


def test_others_follow_in_rank_order():
    """The drawn target moves to the front; failover keeps the ranking of the rest."""
    orders = {pick(RANKED, picker="weighted", explore_share=0.0, seed=seed).order for seed in range(100)}
    assert {("a", "b", "c"), ("b", "a", "c"), ("c", "a", "b")} == orders


def test_weighted_draws_by_share():
    """Shares 6 : 3 : 1."""
    counts = draws(RANKED, picker="weighted", explore_share=0.0)
    assert (1_800, 900, 300) == pytest.approx((counts["a"], counts["b"], counts["c"]), abs=110)


def test_exploration_reaches_every_target_and_is_logged():
    """A share of 0.3 over three targets: 0.8, 0.1, 0.1, and exactly that is recorded."""
    counts = draws(RANKED, picker="best", explore_share=0.3)
    assert (2_400, 300, 300) == pytest.approx((counts["a"], counts["b"], counts["c"]), abs=110)
    logged = {p.order[0]: p.propensity for p in (pick(RANKED, picker="best", explore_share=0.3, seed=s) for s in range(60))}
    assert {"a": pytest.approx(0.8), "b": pytest.approx(0.1), "c": pytest.approx(0.1)} == logged


def test_weights_of_zero_draw_evenly():
    """When no target has a share, none is better than another."""
    counts = draws([(-0.0, "a"), (-0.0, "b")], picker="weighted", explore_share=0.0)
    assert 1_500 == pytest.approx(counts["a"], abs=150)


def test_nothing_to_pick_from():
    """An empty pool has no pick, with certainty."""
    assert ((), 1.0) == pick([], picker="weighted", explore_share=0.5, seed=1)


def _weighted(rule: Rule, **weights: float):
    policy = Policy("weighted", "weighted", PolicySettings(weights=weights))
    here = lab({n: good() for n in "abc"}, targets=[make_target(n) for n in "abc"], policy=policy, rules=(rule,))
    return [here.router.decide(make_request()) for _ in range(300)]


def test_rule_comes_before_weights():
    """What a rule prefers is drawn from first, in proportion to its weights; the propensity says so."""
    decisions = _weighted(Rule("house first", When(), prefer=("a", "b")), a=3.0, b=1.0, c=96.0)
    counts = Counter(d.picked for d in decisions)
    assert {"a", "b"} == set(counts)
    assert 225 == pytest.approx(counts["a"], abs=40)
    assert {"a": pytest.approx(0.75), "b": pytest.approx(0.25)} == {d.picked: d.propensity for d in decisions}
    assert all(d.picked == replay(d) for d in decisions)


def test_what_a_rule_avoids_is_not_drawn():
    """Avoided targets stay in the failover order, at its end."""
    decisions = _weighted(Rule("not c", When(), avoid=("c",)), c=96.0)
    assert {"a", "b"} == {d.picked for d in decisions}
    assert {"c"} == {d.ranked[-1] for d in decisions}


def test_preferred_target_without_weight_is_still_drawn():
    """A rule may send traffic to a target that gets none by default."""
    assert {"c"} == {d.picked for d in _weighted(Rule("c now", When(), prefer=("c",)), c=0.0)}


def test_open_tool_loop_is_not_drawn_away():
    """A pinned conversation stays, whatever the weights."""
    loop = replace(make_request(), messages=({"role": "tool", "tool_call_id": "1", "content": "42"},), pin="b")
    here = lab({n: good() for n in "abc"}, policy=Policy("weighted", "weighted", PolicySettings(weights={"b": 0.0})))
    assert features(loop).pin == "b"
    assert {"b"} == {here.router.decide(loop).picked for _ in range(20)}
