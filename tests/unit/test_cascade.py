"""Planning a cascade: the formulas, the laws of the planner, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import Cell, ConfigError, Policy, PolicySettings, Pool, Price, Request, Rule, Target, When
from routerkit.cascade import Rates, cautious_rates, expect, right_if_accepted
from routerkit.case import Snapshot
from routerkit.decision import Decision, format_usd
from routerkit.features import features
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.planning import Aim, Plan, plan, prospects, weigh
from routerkit.scorecard import Scorecard
from routerkit.steps import plan_behind
from tests.unit.strategies import TICKET
from tests.unit.test_decision_laws import laws

COSTS = {"large": 1.0, "middle": 0.1, "mini": 0.01}
TARGETS = tuple(COSTS)
LADDER = JointOutcomes(
    "bug_fix",
    TARGETS,
    tuple(
        Pattern(n, scores, tuple(COSTS.values()))
        for n, scores in ((140, (1.0, 1.0, 1.0)), (30, (1.0, 1.0, 0.0)), (20, (1.0, 0.0, 0.0)), (10, (0.0, 0.0, 0.0)))
    ),
)
"""Of 200 tasks `mini` solves 70 %, `middle` 85 %, `large` 95 %, each what the one before solves and more."""


def counted(true_accept: float, false_accept: float, *, n: int = 200, cost_usd: float | None = 0.0) -> VerifierCounts:
    return VerifierCounts("tests", "bug_fix", n, round(n * true_accept), n, round(n * false_accept), cost_usd)


GOOD, WEAK = counted(0.95, 0.05), counted(0.95, 0.40)


def planned(joint: JointOutcomes, targets: Sequence[str], measured: VerifierCounts, aim: Aim) -> Plan:
    """For a request as dear as the measured tasks."""
    return plan(weigh(joint, targets, measured, aim))


@st.composite
def joints(draw: st.DrawFn) -> JointOutcomes:
    rows = draw(st.lists(st.tuples(st.integers(1, 40), st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3)), min_size=1, max_size=6))
    costs = draw(st.tuples(*[st.floats(0.001, 2.0)] * 3))
    return JointOutcomes("bug_fix", TARGETS, tuple(Pattern(n, scores, costs) for n, scores in rows))


counts = st.builds(counted, st.floats(0.0, 1.0), st.floats(0.0, 1.0), n=st.integers(0, 300))
aims = st.builds(Aim, st.floats(0.05, 0.99), st.floats(0.5, 0.95), st.integers(1, 3))


def test_expected_sequence_equals_going_through_every_verdict() -> None:
    """Brute force over right or wrong and accepted or not, weighted by their probabilities."""
    scores, costs, rates = (0.3, 0.6, 0.8), (1.0, 2.0, 5.0), Rates(0.9, 0.2, 0.1)
    quality = usd = 0.0
    for outcomes in product(product((True, False), repeat=2), repeat=3):
        p, end = 1.0, None
        for place, ((is_right, is_accepted), score) in enumerate(zip(outcomes, scores, strict=True)):
            accept = rates.true_accept if is_right else rates.false_accept
            p *= (score if is_right else 1 - score) * (accept if is_accepted else 1 - accept)
            end = place if end is None and (is_accepted or place == 2) else end
        assert end is not None
        quality += p * outcomes[end][0]
        usd += p * (sum(costs[: end + 1]) + (end + 1) * rates.cost_usd)
    assert (quality, usd) == pytest.approx(expect(scores, costs, rates))


def test_good_verifier_buys_quality_for_less_than_the_best_target() -> None:
    chosen = planned(LADDER, TARGETS, GOOD, Aim(0.88))
    assert "mini" == chosen.steps[0]
    assert chosen.quality_low >= 0.88
    assert chosen.cost_usd < 0.5


def test_weak_verifier_is_refused_and_the_reason_is_the_accepted_answer() -> None:
    chosen = planned(LADDER, TARGETS, WEAK, Aim(0.91))
    assert () == chosen.steps
    assert "large alone reaches quality 0.91" in chosen.why_not
    assert "an accepted answer of mini is right with" in chosen.why_not


def test_single_target_that_is_good_enough_is_no_cascade() -> None:
    assert "mini alone reaches quality 0.50, and no cascade does for less" == planned(LADDER, TARGETS, GOOD, Aim(0.5)).why_not


def test_verifier_no_better_than_a_coin_is_refused_as_such() -> None:
    assert "the verifier tells nothing" in planned(LADDER, TARGETS, counted(0.5, 0.5), Aim(0.9)).why_not


def test_floor_that_nothing_reaches_names_what_comes_closest() -> None:
    assert (
        "no sequence of up to 3 reaches quality 0.99 with 80% confidence; the best, " in planned(LADDER, TARGETS, GOOD, Aim(0.99)).why_not
    )


def test_verifier_hardly_measured_is_not_trusted() -> None:
    """Nine right answers accepted and one wrong one rejected say little about a verifier, however flawless."""
    assert () == planned(LADDER, TARGETS, VerifierCounts("tests", "bug_fix", 9, 9, 1, 0), Aim(0.88)).steps


def test_second_step_is_judged_on_what_the_first_got_wrong() -> None:
    """Two targets that fail on the same tasks are no cascade, whatever each is worth alone."""
    twins = JointOutcomes("bug_fix", ("a", "b"), (Pattern(140, (1.0, 1.0), (0.1, 0.1)), Pattern(60, (0.0, 0.0), (0.1, 0.1))))
    others = replace(twins, patterns=(*twins.patterns[:1], Pattern(30, (0.0, 1.0), (0.1, 0.1)), Pattern(30, (1.0, 0.0), (0.1, 0.1))))
    assert () == planned(twins, ("a", "b"), GOOD, Aim(0.85)).steps
    assert 2 == len(planned(others, ("a", "b"), GOOD, Aim(0.85)).steps)


def test_target_without_known_cost_takes_no_part() -> None:
    unpriced = replace(LADDER, patterns=tuple(p._replace(costs_usd=(*p.costs_usd[:2], None)) for p in LADDER.patterns))
    assert "mini" not in planned(unpriced, TARGETS, GOOD, Aim(0.88)).steps


def test_few_tasks_are_not_enough_however_good_they_look() -> None:
    """Before the evidence stand four tasks, half of which nobody solves: six that one of the two solves do not outweigh them at 0.8."""
    few = JointOutcomes("bug_fix", ("a", "b"), (Pattern(3, (1.0, 0.0), (0.1, 0.1)), Pattern(3, (0.0, 1.0), (0.1, 0.1))))
    many = replace(few, patterns=tuple(p._replace(n=100) for p in few.patterns))
    assert ((), 2) == (planned(few, ("a", "b"), GOOD, Aim(0.8)).steps, len(planned(many, ("a", "b"), GOOD, Aim(0.8)).steps))


def test_target_measured_on_few_of_the_tasks_does_not_cost_the_others_theirs() -> None:
    """Only tasks where all are known count, so a newcomer measured on ten would leave ten."""
    old = [Pattern(p.n, (*p.scores, None), (*p.costs_usd, None)) for p in LADDER.patterns]
    joined = JointOutcomes("bug_fix", (*TARGETS, "newcomer"), (*old, Pattern(10, (0.0, 0.0, 0.0, 1.0), (1.0, 0.1, 0.01, 0.001))))
    chosen = planned(joined, joined.targets, GOOD, Aim(0.8))
    assert chosen.steps
    assert "newcomer" not in chosen.steps


def test_accepted_answer_is_right_by_bayes() -> None:
    assert 0.7 * 0.9 / (0.7 * 0.9 + 0.3 * 0.2) == pytest.approx(right_if_accepted(0.7, Rates(0.9, 0.2)))


@laws
@given(joints(), counts, aims)
def test_plan_meets_its_floor_or_says_why_there_is_none(joint: JointOutcomes, measured: VerifierCounts, aim: Aim) -> None:
    chosen = planned(joint, TARGETS, measured, aim)
    assert bool(chosen.steps) != bool(chosen.why_not)
    if chosen.steps:
        assert 2 <= len(chosen.steps) <= aim.max_steps
        assert len(set(chosen.steps)) == len(chosen.steps)
        assert chosen.quality_low >= aim.quality_floor - 1e-6
        assert chosen.right_if_accepted >= aim.quality_floor


@laws
@given(joints(), counts, aims)
def test_cascade_never_costs_more_than_a_target_that_alone_would_do(joint: JointOutcomes, measured: VerifierCounts, aim: Aim) -> None:
    chosen = planned(joint, TARGETS, measured, aim)
    alone = planned(joint, TARGETS, measured, aim._replace(max_steps=1))
    if chosen.steps and "alone reaches" in alone.why_not:
        single = alone.why_not.split(" alone")[0]
        assert chosen.cost_usd <= joint.patterns[0].costs_usd[TARGETS.index(single)] + 1e-9  # type: ignore[operator]  # never None here


@laws
@given(joints(), counts, aims, st.floats(0.01, 100.0))
def test_plan_for_a_request_of_another_size_costs_as_much_more(
    joint: JointOutcomes, measured: VerifierCounts, aim: Aim, size: float
) -> None:
    """And reaches the same quality; checks are free here."""
    found = weigh(joint, TARGETS, measured, aim)
    one, other = plan(found), plan(found, {target: usd * size for target, usd in zip(found.targets, found.mean_usd, strict=True)})
    assert one.cost_usd * size == pytest.approx(other.cost_usd)
    assert one.quality_low == pytest.approx(other.quality_low)


@laws
@given(joints(), counts, aims, st.tuples(*[st.floats(0.0, 5.0)] * 3))
def test_plan_is_the_cheapest_for_this_request_of_all_that_reach_the_floor(
    joint: JointOutcomes, measured: VerifierCounts, aim: Aim, usd: tuple[float, ...]
) -> None:
    """As if the tasks had been measured at the request's prices; what is never the cheapest may be left out, nothing else."""
    prices = dict(zip(TARGETS, usd, strict=True))
    priced = replace(joint, patterns=tuple(p._replace(costs_usd=usd) for p in joint.patterns))
    even = replace(joint, patterns=tuple(p._replace(costs_usd=(1.0, 1.0, 1.0)) for p in joint.patterns))
    here, there = plan(weigh(even, TARGETS, measured, aim), prices), plan(weigh(priced, TARGETS, measured, aim))
    assert (bool(here.steps), here.cost_usd) == (bool(there.steps), pytest.approx(there.cost_usd))


@laws
@given(joints())
def test_perfect_verifier_never_lowers_quality(joint: JointOutcomes) -> None:
    """Asking another target after a rejection can only help when no right answer is ever rejected."""
    for pattern in joint.patterns:
        scores = [s for s in pattern.scores if s is not None]
        for n in (2, 3):
            assert expect(scores[:n], (1.0,) * n, Rates(1.0, 0.0)).quality >= max(scores[:n]) - 1e-12


@laws
@given(joints(), counts, aims, st.permutations(TARGETS))
def test_order_of_targets_does_not_matter(joint: JointOutcomes, measured: VerifierCounts, aim: Aim, order: list[str]) -> None:
    places = [TARGETS.index(t) for t in order]
    shuffled = replace(
        joint,
        targets=tuple(order),
        patterns=tuple(Pattern(p.n, tuple(p.scores[i] for i in places), tuple(p.costs_usd[i] for i in places)) for p in joint.patterns),
    )
    one, other = planned(joint, TARGETS, measured, aim), planned(shuffled, order, measured, aim)
    assert one.quality_low == pytest.approx(other.quality_low)
    assert one.cost_usd == pytest.approx(other.cost_usd)


@laws
@given(counts)
def test_more_confidence_never_flatters_a_verifier(measured: VerifierCounts) -> None:
    sure, unsure = cautious_rates(measured, 0.95), cautious_rates(measured, 0.6)
    assert sure.true_accept <= unsure.true_accept
    assert sure.false_accept >= unsure.false_accept


@pytest.mark.parametrize(
    ("card", "verifier", "why"),
    [
        (Scorecard(), "", "names no checks"),
        (Scorecard(), "tests", "no joint outcomes are measured for kind bug_fix"),
        (Scorecard(joint=(LADDER,)), "tests", "tests was never measured for kind bug_fix"),
        (Scorecard(joint=(LADDER,), verifiers=(counted(0.9, 0.1, cost_usd=None),)), "tests", "what tests costs is unknown"),
    ],
)
def test_what_was_never_measured_is_no_ground_for_a_cascade(card: Scorecard, verifier: str, why: str) -> None:
    assert why in prospects(card, "bug_fix", TARGETS, verifier, Aim()).why_not


@pytest.mark.parametrize(
    "wrong",
    [
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[3, [1.0, 0.0], [0.1]]]}]},
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[3, [1.5], [0.1]]]}]},
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[0, [1.0], [0.1]]]}]},
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[3, [1.0], [-1]]]}]},
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[10**400, [1.0], [0.1]]]}]},
        {"joint": [{"kind": "bug_fix", "targets": ["a"], "patterns": [[3, [1.0], [1e308]]]}]},
        {"joint": [{"kind": "bug_fix"}]},
        {"verifiers": [{"verifier": "v", "kind": "bug_fix", "n_right": 1, "n_right_accepted": 1, "n_wrong": 1e308, "n_wrong_accepted": 0}]},
        {"verifiers": [{"verifier": "v", "kind": "bug_fix", "n_right": 1, "n_right_accepted": 2, "n_wrong": 0, "n_wrong_accepted": 0}]},
    ],
)
def test_impossible_joint_outcomes_are_refused_in_one_line(wrong: dict[str, object]) -> None:
    body = json.loads(Scorecard().to_json()) | wrong
    with pytest.raises(ConfigError, match=r"^s\.json: not a scorecard \(.*publish it again"):
        Scorecard.from_json(json.dumps(body), "s.json")


def test_scorecard_keeps_joint_outcomes_and_verifiers() -> None:
    """Whole numbers come back as they went, or the file would not match its own revision."""
    whole = JointOutcomes("plan", ("mini",), (Pattern(3, (1,), (2,)),))
    card = Scorecard((Cell("mini", "bug_fix", 4, 2),), prior_n=4, joint=(LADDER, whole), verifiers=(GOOD,))
    read = Scorecard.from_json(card.to_json())
    assert (card.joint, card.verifiers, card.revision) == (read.joint, read.verifiers, read.revision)


CARD = Scorecard(tuple(Cell(t, "bug_fix", 200, 190.0 - 25 * i) for i, t in enumerate(TARGETS)), joint=(LADDER,), verifiers=(GOOD,))
POOL = Pool("pool", tuple(Target(t, t, f"{t}-1", price=Price(usd, usd)) for t, usd in COSTS.items()))


CAREFUL = Policy("careful", "cascade", PolicySettings(quality_floor=0.88, verify=("tests",)))


def decided(
    *, rules: tuple[Rule, ...] = (), pin: str | None = None, explore_share: float = 0.0, pool: Pool = POOL, seed: int = 0, text: str = "hi"
) -> Decision:
    policy = replace(CAREFUL, settings=replace(CAREFUL.settings, explore_share=explore_share))
    facts = replace(features(Request("pool", ({"role": "user", "content": text},), kind="bug_fix")), pin=pin)
    return policy.decide(facts, pool, Snapshot(CARD), rules=rules, ticket=TICKET._replace(seed=seed))


def test_decision_ranks_the_steps_first_and_says_what_is_expected() -> None:
    decision = decided()
    assert decision.ranked[: len(decision.steps)] == decision.steps == ("mini", "middle", "large")
    assert "note: cascade mini → middle → large: expected $7.7e-05 and quality 0.92" in decision.explain()
    assert decision.steps == Decision.from_dict(json.loads(json.dumps(decision.to_dict()))).steps


def test_plan_costs_what_this_request_costs() -> None:
    """A prompt of a hundred times the length costs about a hundred times as much, and a target that is warm is asked for less."""
    short, long = decided(), decided(text="word " * 20_000)
    ratio = plan_behind(long, CARD, CAREFUL.settings).cost_usd / plan_behind(short, CARD, CAREFUL.settings).cost_usd
    assert long.candidate("mini").cost_usd / short.candidate("mini").cost_usd == pytest.approx(ratio)  # type: ignore[operator]  # priced
    assert f"expected {format_usd(plan_behind(long, CARD, CAREFUL.settings).cost_usd)} and quality" in long.notes[0]


def test_decision_of_an_older_version_has_no_steps() -> None:
    stored = decided().to_dict()
    del stored["steps"]
    assert () == Decision.from_dict(stored).steps


def test_targets_that_are_dropped_are_planned_around() -> None:
    decision = decided(rules=(Rule("no mini", When(), only=("middle", "large")),))
    assert ("middle", "large") == decision.steps


def test_what_rules_prefer_comes_before_any_plan() -> None:
    decision = decided(rules=(Rule("middle first", When(), prefer=("middle",)),))
    assert ("middle",) == decision.steps == decision.ranked[:1]
    assert "no cascade: fewer than two targets" in decision.notes[0]


def test_exploring_puts_nothing_in_front_of_a_planned_cascade() -> None:
    """Another target would answer in its place, unchecked by what follows; where none is planned, exploring goes on."""
    cascades = [decided(explore_share=1.0, seed=seed) for seed in range(50)]
    assert {(("mini", "middle", "large"), 1.0, False)} == {(d.steps, d.propensity, d.is_exploring) for d in cascades}
    assert "does not explore: a cascade is planned" in cascades[0].notes
    alone = Rule("middle first", When(), prefer=("middle",))
    assert {("middle",)} == {decided(explore_share=1.0, seed=seed, rules=(alone,)).steps for seed in range(50)}
    plain = Policy("careful", "cascade", PolicySettings(explore_share=1.0))
    facts = features(Request("pool", ({"role": "user", "content": "hi"},), kind="bug_fix"))
    picks = {plain.decide(facts, POOL, Snapshot(CARD), ticket=TICKET._replace(seed=seed)).picked for seed in range(50)}
    assert set(TARGETS) == picks


def test_open_tool_loop_stays_where_it_is_and_is_not_escalated() -> None:
    assert ("middle",) == decided(pin="middle").steps


def test_unmeasured_pool_falls_back_to_the_cheapest_adequate_target_and_says_so() -> None:
    strangers = Pool("pool", tuple(replace(t, name=f"new-{t.name}") for t in POOL.targets))
    decision = decided(pool=strangers)
    assert decision.ranked[:1] == decision.steps
    assert "no cascade: fewer than two targets were measured" in decision.explain()
    assert "no kept target is shown to reach quality 0.88" in decision.explain()
