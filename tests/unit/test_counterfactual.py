"""Deciding logged calls again: the same settings change nothing, what was a fact stays one, and a known truth is found."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given

from routerkit import Cell, Decision, Policy, PolicySettings, Pool, Price, Rule, Scorecard, Target, When
from routerkit.case import Snapshot
from routerkit.counterfactual import LoggedCall, Move, Setting, redecide, replay_calls
from routerkit.health import Ailment
from routerkit.policy import Ticket
from routerkit.testing import make_request
from tests.unit.lab import good, lab
from tests.unit.strategies import TICKET, situations
from tests.unit.test_decision_laws import laws

TARGETS = (Target("mini", "p", "m", price=Price(1.0, 1.0)), Target("sonnet", "p", "s", price=Price(10.0, 10.0)))
POOL = Pool("pool", TARGETS)
CARD = Scorecard((Cell("mini", "refactor", n=100, passed=80.0), Cell("sonnet", "refactor", n=100, passed=95.0)))
TRUTH = {"mini": 0.55, "sonnet": 0.93}
"""What production finds; the scorecard is wrong about mini."""
FEATURES = replace(lab({"a": good()}).router.decide(make_request("x")).features, kind="refactor")


def policy(floor: float, explore_share: float = 0.0) -> Policy:
    return Policy("careful", "cheapest_adequate", PolicySettings(quality_floor=floor, explore_share=explore_share))


def setting(floor: float, **more: object) -> Setting:
    return Setting(POOL, policy(floor), CARD, **more)  # type: ignore[arg-type]


def decided(seed: int, *, explore_share: float = 0.2, **state: object) -> Decision:
    made = policy(0.7, explore_share).decide(FEATURES, POOL, Snapshot(CARD, **state), ticket=Ticket(f"r{seed}", TICKET.at, seed))  # type: ignore[arg-type]
    return Decision.from_dict(json.loads(json.dumps(made.to_dict())))


def logged(n: int, *, explore_share: float = 0.2, seed: int = 0) -> list[LoggedCall]:
    """Calls that mini got unless exploring, with true outcomes; each costs what its target costs."""
    rng = random.Random(seed)
    decisions = [decided(rng.getrandbits(32), explore_share=explore_share) for _ in range(n)]
    return [LoggedCall(d, 0.01 if d.picked == "sonnet" else 0.001, rng.random() < TRUTH[d.picked]) for d in decisions]


@laws
@given(situations())
def test_same_setting_decides_the_same(situation):
    """Replayed from its stored form under the settings that made it, a decision ranks the same targets; budgets and health included."""
    made = situation.decide()
    stored = Decision.from_dict(json.loads(json.dumps(made.to_dict())))
    again = redecide(stored, Setting(situation.pool, situation.policy, situation.snapshot.scorecard, situation.rules))
    if not any(n.startswith("panic") for n in made.notes):
        assert set(made.ranked) == set(again.ranked)
    assert made.seed is None or any(n.startswith("panic") for n in made.notes) or made.ranked == again.ranked


def test_what_was_ill_stays_ill():
    """No policy could have reached a target that was down at that moment."""
    down = decided(1, ailments={"sonnet": Ailment("health", 9e9, "down")})
    assert ("mini",) == redecide(down, setting(0.9)).ranked


def test_target_that_was_asked_for_stays():
    """`pool/target` is the caller's choice, not the policy's."""
    here = lab({n: good() for n in ("mini", "sonnet")}, targets=TARGETS, policy=policy(0.7), scorecard=CARD)
    asked = here.router.decide(make_request("refactor this", model="pool/mini"))
    assert ("mini",) == redecide(asked, setting(0.9)).ranked


def test_moves_are_counted_by_kind_and_ends():
    """A higher floor moves every call from mini to sonnet; exploring draws are no moves."""
    found = replay_calls(logged(200), {"pool": setting(0.9)})
    assert (Move("refactor", "mini", "sonnet", 200),) == found.moves
    assert () == replay_calls(logged(200), {"pool": setting(0.7)}).moves


def test_truth_is_found_where_the_scorecard_is_wrong():
    """All to sonnet: cost and success of production are found. All to mini, which the scorecard overrates: its true rate is found, too."""
    calls = logged(2_000)
    up, down = (replay_calls(calls, {"pool": setting(floor)}) for floor in (0.9, 0.7))
    for found, name in ((up, "sonnet"), (down, "mini")):
        assert TRUTH[name] == pytest.approx(found.success.dr.value, abs=0.05)
        assert TRUTH[name] == pytest.approx(found.success.snips.value, abs=0.05)
    assert 0.8 == pytest.approx(down.predicted_success, abs=0.02)
    assert 0.01 == pytest.approx(up.cost.dr.value, rel=0.02)


def test_policy_that_never_explored_is_not_evaluated_elsewhere():
    """Without exploration nothing is known about sonnet; what the scorecard predicts is still there."""
    found = replay_calls(logged(500, explore_share=0.0), {"pool": setting(0.9)})
    assert "100% of the new picks could never have been logged" in found.success.why_not
    assert (None, 0.94) == (found.success.dr, pytest.approx(found.predicted_success, abs=0.02))


def test_silence_is_no_failure():
    """Calls without a report count for cost only."""
    silent = [replace(call, success=None) for call in logged(300)]
    found = replay_calls(silent, {"pool": setting(0.7)})
    assert (300, 0, "no outcome is known") == (found.cost.n, found.success.n, found.success.why_not)


def test_unknown_price_leaves_the_prediction_unknown():
    """A target without a price makes no mean that pretends otherwise."""
    free = Pool("pool", (TARGETS[0], replace(TARGETS[1], price=None)))
    rule = Rule("sonnet only", When(), only=("sonnet",))
    found = replay_calls(logged(1_000), {"pool": Setting(free, policy(0.7), CARD, (rule,))})
    assert (None, None) == (found.predicted_usd, found.cost.dr)
    assert 0.01 == pytest.approx(found.cost.ips.value, rel=0.3)


def test_call_that_would_find_no_target_goes_to_nothing():
    """Its picks are none, so it supports no estimate; the move says so."""
    nothing = Rule("none", When(), only=("gone",))
    found = replay_calls(logged(100), {"pool": setting(0.7, rules=(nothing,))})
    assert [("nothing", 100)] == [(m.after, m.n) for m in found.moves]
    assert found.success.why_not
