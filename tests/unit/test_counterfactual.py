"""Deciding logged calls again: the same settings change nothing, what was a fact stays one, and a known truth is found."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given

from routerkit import Cell, Decision, Policy, PolicySettings, Pool, Price, Rule, Scorecard, Target, When
from routerkit.case import Snapshot
from routerkit.counterfactual import Move, replay_calls
from routerkit.experiment import Arm, Experiment
from routerkit.health import Ailment
from routerkit.policy import Ticket
from routerkit.redecision import LoggedCall, Setting, Untold, redecide
from routerkit.routes import Match, Route, RouteBook
from routerkit.steps import plan_behind
from routerkit.testing import make_request
from tests.unit.lab import good, lab
from tests.unit.strategies import TICKET, situations
from tests.unit.test_cascade import CARD as CASCADE_CARD
from tests.unit.test_cascade import POOL as CASCADE_POOL
from tests.unit.test_cascade import decided as cascade
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


def call(decision: Decision, **facts: object) -> LoggedCall:
    return LoggedCall(decision, 0.01, True, **facts)  # type: ignore[arg-type]


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
    again = redecide(call(stored), Setting(situation.pool, situation.policy, situation.snapshot.scorecard, situation.rules))
    if not any(n.startswith("panic") for n in made.notes):
        assert set(made.ranked) == set(again.ranked)
    assert made.seed is None or any(n.startswith("panic") for n in made.notes) or made.ranked == again.ranked


def test_what_was_ill_stays_ill():
    """No policy could have reached a target that was down at that moment."""
    down = decided(1, ailments={"sonnet": Ailment("health", 9e9, "down")})
    assert ("mini",) == redecide(call(down), setting(0.9)).ranked


def test_target_that_was_asked_for_stays():
    """`pool/target` is the caller's choice, not the policy's."""
    here = lab({n: good() for n in ("mini", "sonnet")}, targets=TARGETS, policy=policy(0.7), scorecard=CARD)
    asked = here.router.decide(make_request("refactor this", model="pool/mini"))
    assert ("mini",) == redecide(call(asked), setting(0.9)).ranked


def test_moves_are_counted_by_kind_and_ends():
    """A higher floor moves every call from mini to sonnet; exploring draws are not moves."""
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
    silent = [replace(each, success=None) for each in logged(300)]
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


TRIAL = Experiment("floor", {"control": "careful", "high": "high"}, {"high": 0.5})
ARMS = {"experiment": TRIAL, "variants": {"control": policy(0.7), "high": policy(0.9)}}


def test_session_gets_the_variant_it_had():
    """Half of the sessions go to sonnet because of their variant; the same experiment again moves nobody."""
    again = [redecide(call(decided(i), session=f"s{i}"), setting(0.7, **ARMS)) for i in range(50)]
    assert {("control", "mini"), ("high", "sonnet")} == {(d.arm.variant, max(d.ranked, key=lambda n: d.candidate(n).total)) for d in again}
    same = [LoggedCall(d, 0.01, success=True, session=f"s{i}") for i, d in enumerate(again)]
    assert () == replay_calls(same, {"pool": setting(0.7, **ARMS)}).moves


def test_conversation_keeps_its_variant_in_the_same_experiment_and_is_left_out_of_another():
    """It was dealt by its first message, which is not stored."""
    arm = Arm("floor", "high", 0.5, "abc")
    assert ("sonnet", "mini") == redecide(call(replace(decided(1), arm=arm)), setting(0.7, **ARMS)).ranked
    found = replay_calls([call(decided(1)), call(replace(decided(2), arm=arm._replace(experiment="old")))], {"pool": setting(0.7, **ARMS)})
    assert (0, {"without a session, nobody can say which variant of 'floor' they get": 2}) == (found.n_calls, found.left_out)


def test_named_target_takes_no_part_in_an_experiment():
    here = lab({n: good() for n in ("mini", "sonnet")}, targets=TARGETS, policy=policy(0.7), scorecard=CARD)
    asked = here.router.decide(make_request("refactor this", model="pool/mini"))
    assert None is redecide(call(asked), setting(0.9, **ARMS)).arm


SOUNDS = Match("legal", "utterances", 0.6, 0.5, "check the licence")


def routed(*, kind_source: str = "guess", **route: object) -> Decision | Untold:
    """A call that sounded like a route at 0.6, decided again with that route as it is now."""
    found = replace(decided(1), matches=(SOUNDS,), features=replace(FEATURES, kind_source=kind_source))
    return redecide(call(found), setting(0.7, routes=RouteBook([Route("legal", ("check the licence",), **route)])))  # type: ignore[arg-type]


def test_route_that_was_found_acts_as_it_does_now():
    assert ("mini", "sonnet") == routed().ranked
    assert ("sonnet", "mini") == routed(prefer=("sonnet",)).ranked
    assert ("sonnet",) == routed(only=("sonnet",)).ranked
    assert ("review", "route legal") == ((again := routed(kind="review")).features.kind, again.features.kind_source)


def test_route_with_a_higher_threshold_does_not_apply():
    again = routed(threshold=0.7, prefer=("sonnet",))
    assert (("mini", "sonnet"), False) == (again.ranked, again.is_routed)


def test_kind_that_a_route_gave_cannot_be_told_without_it():
    """What the words alone would have said is not stored."""
    assert "review" == routed(kind_source="route legal", kind="review").features.kind
    assert "their kind came from route legal" in routed(kind_source="route legal").why
    assert isinstance(redecide(call(replace(decided(1), features=replace(FEATURES, kind_source="route legal"))), setting(0.7)), Untold)


CASCADE = Policy("careful", "cascade", PolicySettings(quality_floor=0.88, verify=("tests",)))
WHOLE = "mini → middle → large"


def cascades(n: int = 60) -> list[LoggedCall]:
    return [LoggedCall(replace(cascade(), id=f"r{i}"), 0.02, success=i % 20 > 0) for i in range(n)]


def test_cascade_is_replayed_as_a_whole():
    """Into itself nothing moves, its outcomes count, and what is predicted is the plan's."""
    found = replay_calls(cascades(), {"pool": Setting(CASCADE_POOL, CASCADE, CASCADE_CARD)})
    assert ((), "") == (found.moves, found.success.why_not)
    assert 0.95 == pytest.approx(found.success.dr.value)
    plan = plan_behind(cascade(), CASCADE_CARD, CASCADE.settings)
    assert (plan.cost_usd, plan.quality) == pytest.approx((found.predicted_usd, found.predicted_success))


@pytest.mark.parametrize(("kind", "after"), [("cheapest", "mini"), ("best", "large")])
def test_outcome_of_a_cascade_is_not_that_of_one_of_its_targets(kind, after):
    """Not even of its first step, which a cheaper policy would ask alone: the answer that counted may be another's."""
    found = replay_calls(cascades(), {"pool": Setting(CASCADE_POOL, Policy(kind, kind), CASCADE_CARD)})
    assert [(WHOLE, after)] == [(m.before, m.after) for m in found.moves]
    assert "100% of the new picks could never have been logged" in found.success.why_not


def test_cascade_with_other_checks_is_another_cascade():
    found = replay_calls(cascades(), {"pool": Setting(CASCADE_POOL, CASCADE, CASCADE_CARD, checks_alike=False)})
    assert [(WHOLE, f"{WHOLE} (other checks)")] == [(m.before, m.after) for m in found.moves]
    assert "could never have been logged" in found.success.why_not
