"""Exploring: who is drawn how often, that the stated probability is the real one, and what never explores."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from routerkit import Cell, Policy, PolicySettings, Pool, Price, Rule, Scorecard, Target, When, replay
from routerkit.case import Snapshot
from routerkit.config import parse
from routerkit.errors import ConfigError
from routerkit.features import features
from routerkit.pickers import chances
from routerkit.policy import Ticket
from routerkit.testing import make_request, make_target
from tests.unit.config_text import GOOD
from tests.unit.lab import good, lab
from tests.unit.strategies import TICKET

CARD = Scorecard(
    (
        Cell("cheap", "refactor", n=10, passed=8.0),
        Cell("dear", "refactor", n=200, passed=184.0),
        Cell("hopeless", "refactor", n=200, passed=10.0),
    )
)
POOL = Pool(
    "pool", tuple(Target(name, name, name, price=Price(usd, usd)) for name, usd in (("cheap", 1.0), ("dear", 9.0), ("hopeless", 0.1)))
)
REFACTOR = replace(features(make_request("x")), kind="refactor")


def policy(kind: str = "cheapest_adequate", **settings: object) -> Policy:
    given = {"explore_share": 0.5, "explore_by": "thompson", **settings}
    return Policy(kind, kind, PolicySettings(**given))  # type: ignore[arg-type]


def decide(chosen: Policy, seed: int = 0, *, facts=REFACTOR, rules=(), **state: object):
    return chosen.decide(facts, POOL, Snapshot(CARD, **state), rules=rules, ticket=Ticket("id", TICKET.at, seed))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["cheapest_adequate", "bang_for_buck", "best"])
def test_stated_probability_is_the_observed_frequency(kind):
    """3,000 seeds: every target is drawn as often as `chances` says, within three standard errors; each pick states its own."""
    chosen, n = policy(kind), 3_000
    decisions = [decide(chosen, seed) for seed in range(n)]
    stated, seen = chances(decisions[0]), Counter(d.picked for d in decisions)
    assert 1.0 == pytest.approx(sum(stated.values()))
    for name, chance in stated.items():
        assert chance == pytest.approx(seen[name] / n, abs=3 * (chance * (1 - chance) / n) ** 0.5 + 1e-9)
    assert all(d.propensity == pytest.approx(stated[d.picked]) and d.picked == replay(d) for d in decisions)


def test_thompson_draws_as_probably_as_the_target_is_right():
    """The cheap target is right when its quality reaches the floor; the draws agree with the posterior's closed form."""
    estimate = CARD.estimate("cheap", "refactor")
    spread = {c.target: c.explored_rate for c in decide(policy(quality_floor=0.8)).candidates}
    assert estimate.p_at_least(0.8) == pytest.approx(spread["cheap"], abs=3 * (0.25 / 64) ** 0.5)


def test_thompson_leaves_out_what_cannot_be_right():
    """Even draws would waste a third on a target that is known to fail; Thompson sampling spends nothing on it."""
    assert 0.0 == chances(decide(policy()))["hopeless"]
    assert pytest.approx(0.5 / 3) == chances(decide(policy(explore_by="even")))["hopeless"]


def test_exploring_call_says_so():
    """The explanation names the target that was passed over; only such calls are exploring ones."""
    explored = next(d for d in (decide(policy(explore_by="even"), seed) for seed in range(50)) if d.picked == "hopeless")
    assert explored.is_exploring
    assert "note: exploring: " in explored.explain()
    assert not any(d.is_exploring for d in (decide(policy(explore_share=0.0), seed) for seed in range(50)))


def test_exploring_draw_does_not_hide_that_the_best_reaches_the_floor():
    """The warning is about what the pool holds, not about what was drawn."""
    for seed in range(50):
        assert not any("no kept target" in note for note in decide(policy(quality_floor=0.8, explore_by="even"), seed).notes)


def test_protected_tags_never_explore():
    """Whatever the share, a call with a protected tag gets the best target with certainty."""
    chosen = policy(explore_share=1.0, explore_by="even", protected_tags=("legacy",))
    facts = replace(REFACTOR, tags=("legacy", "nightly"))
    assert {(1.0, None)} == {((d := decide(chosen, seed, facts=facts)).propensity, d.seed) for seed in range(20)}


def test_open_tool_loop_never_explores():
    """A pinned conversation stays where it is."""
    decisions = [decide(policy(explore_share=1.0, explore_by="even"), seed, facts=replace(REFACTOR, pin="dear")) for seed in range(20)]
    assert {("dear", 1.0)} == {(d.picked, d.propensity) for d in decisions}


def test_exploring_keeps_to_what_rules_put_first():
    """What a rule says to avoid is not explored either."""
    rules = (Rule("not the hopeless one", When(), avoid=("hopeless",)),)
    assert 0.0 == chances(decide(policy(explore_by="even"), rules=rules))["hopeless"]


def test_dearer_than_what_is_left_is_not_explored():
    """Of $0.002 only targets are drawn whose call is expected to fit."""
    drawn = chances(decide(policy("cheapest", explore_by="even", explore_usd_per_day=1.0), explore_left_usd=0.002))
    assert (0.0, True) == (drawn["dear"], drawn["cheap"] > 0)


def test_spent_budget_ends_exploring():
    """Calls that went elsewhere than to the best target are charged whole; when nothing fits the day's rest, the best is certain."""
    targets = [make_target("a", usd=10.0), make_target("b", usd=20.0)]
    settings = PolicySettings(explore_share=1.0, explore_usd_per_day=0.01)
    here = lab({"a": good(), "b": good()}, targets=targets, policy=Policy("cheapest", "cheapest", settings))
    for _ in range(40):
        here.router.complete(make_request())
    spent_usd = sum(r.cost_usd or 0 for r in here.recorder.records if r.decision.is_exploring)
    last = here.recorder.records[-1].decision
    assert 0.0 < spent_usd <= 0.01
    assert ("a", 1.0) == (last.picked, last.propensity)
    assert "does not explore: nothing fits the $0.00" in last.explain()


def test_thompson_is_refused_where_quality_decides_nothing():
    """A policy that does not look at quality has no belief to sample from."""
    with pytest.raises(ConfigError, match=r"policies\.cheapest\.explore_by.*needs a policy that weighs quality"):
        parse(GOOD + '\n[policies.cheapest]\nexplore_by = "thompson"\n')
