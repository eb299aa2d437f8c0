"""What holds for every decision, whatever the pool, the policy, the scorecard and the state of the world."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from routerkit import POLICY_KINDS, Decision, Pool, Price, Rule, When, replay
from routerkit.health import Ailment
from routerkit.policy import Ticket
from tests.unit.strategies import NAMES, TICKET, Situation, facts, policies, situations

ORDERED_BY_THE_POOL = {"rules", "fallback"}
FREE_OF_ORDER = tuple(k for k in POLICY_KINDS if k not in ORDERED_BY_THE_POOL)
COST_POLICIES = ("cheapest", "cheapest_adequate", "bang_for_buck")

laws = settings(
    max_examples=int(os.environ.get("LAW_EXAMPLES", "25")),  # `LAW_EXAMPLES=1000` for a long search
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def kept(decision: Decision) -> set[str]:
    return {c.target for c in decision.candidates if c.drop is None}


def with_pool(situation: Situation, targets) -> Situation:
    return replace(situation, pool=Pool("pool", tuple(targets)))


@laws
@given(situations())
def test_each_target_is_a_candidate_exactly_once(situation):
    """Nothing is lost and nothing is considered twice."""
    decision = situation.decide()
    assert sorted(t.name for t in situation.pool.targets) == sorted(c.target for c in decision.candidates)
    assert kept(decision) == set(decision.ranked)
    assert len(decision.ranked) == len(set(decision.ranked))


@laws
@given(situations(FREE_OF_ORDER), st.randoms(use_true_random=False))
def test_order_of_targets_does_not_matter(situation, rng):
    """A pool is a set: shuffled, it gives the same pick, ranking and scores."""
    shuffled = list(situation.pool.targets)
    rng.shuffle(shuffled)
    one, other = situation.decide(), with_pool(situation, shuffled).decide()
    assert (one.ranked, one.propensity, one.notes, one.candidates) == (other.ranked, other.propensity, other.notes, other.candidates)


@laws
@given(situations(tuple(ORDERED_BY_THE_POOL), all_well=True))
def test_rules_and_fallback_keep_the_order_of_the_pool(situation):
    """Where the order is the policy, the first kept target comes first."""
    assume(not situation.policy.is_random)
    decision = situation.decide()
    assert [t.name for t in situation.pool.targets if t.name in decision.ranked] == list(decision.ranked)


@laws
@given(situations(all_well=True), st.lists(st.sampled_from(NAMES), min_size=1).map(tuple))
def test_rule_never_adds_a_candidate(situation, only):
    """A rule with `only` keeps a part of what was kept, and nothing it does not name."""
    ruled = replace(situation, rules=(Rule("only these", When(), only=only),))
    assert kept(ruled.decide()) == kept(situation.decide()) & set(only)


@laws
@given(situations(min_size=1, all_well=True), st.data())
def test_shorter_window_never_adds_a_candidate(situation, data):
    """Less room, fewer choices."""
    first, *others = situation.pool.targets
    window = data.draw(st.integers(1, first.context_tokens or 300_000))
    narrowed = with_pool(situation, [replace(first, context_tokens=window), *others])
    assert kept(narrowed.decide()) <= kept(situation.decide())


@laws
@given(situations(all_well=True), st.sampled_from(["tools", "json_schema", "vision", "pdf"]))
def test_further_need_never_adds_a_candidate(situation, need):
    """More asked for, fewer choices; a target is dropped only if it is known not to be able to."""
    needier = replace(situation, features=replace(situation.features, needs=situation.features.needs | {need}))
    before, after = situation.decide(), needier.decide()
    assert kept(after) == {n for n in kept(before) if situation.pool.target(n).can.get(need) is not False}


@laws
@given(situations(), st.sampled_from(NAMES))
def test_further_ailment_adds_only_by_panic(situation, name):
    """A target falling ill readmits another one at most by the panic rule, which says so."""
    ill = dict(situation.snapshot.ailments)
    ill.setdefault(name, situation.snapshot.ailments.get(name) or Ailment("health", 500.0, "it is so"))
    before, after = situation.decide(), replace(situation, snapshot=replace(situation.snapshot, ailments=ill)).decide()
    added = kept(after) - kept(before)
    assert not added or any(n.startswith("panic") for n in after.notes)


@laws
@given(situations(COST_POLICIES, min_size=1, all_well=True), st.floats(0, 500), st.floats(0, 500))
def test_dearer_target_never_rises(situation, more_in, more_out):
    """Raising a price moves its target down, out or not at all under every cost policy, also with a price cap."""
    situation = replace(situation, policy=replace(situation.policy, settings=replace(situation.policy.settings, explore_share=0.0)))
    first, *others = situation.pool.targets
    assume(first.price is not None)
    dearer = replace(first, price=Price(first.price.input + more_in, first.price.output + more_out))
    before, after = situation.decide().ranked, with_pool(situation, [dearer, *others]).decide().ranked
    assert first.name not in after or before.index(first.name) <= after.index(first.name)


@laws
@given(situations(), st.integers(0, 2**32 - 1))
def test_same_seed_gives_the_same_decision(situation, seed):
    """Decisions are pure: the same inputs twice, the same decision twice."""
    ticket = Ticket("id", TICKET.at, seed)
    assert situation.decide(ticket) == situation.decide(ticket)
    assert situation.decide(ticket).candidates == situation.decide(ticket).candidates


@laws
@given(situations(min_size=1, all_well=True), st.data())
def test_panic_readmits_exactly_one_curable_target_and_says_so(situation, data):
    """When only health speaks against all that is left, the one that recovers first is tried; a disabled one never is."""
    states = {t.name: data.draw(st.sampled_from(["health", "limited", "disabled"])) for t in situation.pool.targets}
    ill = {name: Ailment(state, float(ord(name)), "it is so") for name, state in states.items()}
    well, decision = situation.decide(), replace(situation, snapshot=replace(situation.snapshot, ailments=ill)).decide()
    curable = sorted(n for n in kept(well) if states[n] != "disabled")
    assert curable[:1] == list(decision.ranked)
    assert bool(curable) == any(n.startswith("panic: ") and curable[0] in n for n in decision.notes)
    for name in decision.ranked:
        assert "readmitted" in decision.candidate(name).note


@laws
@given(situations(), st.lists(st.tuples(facts(), policies()), max_size=3))
def test_what_is_kept_for_a_pool_is_as_if_worked_out_for_one_request(situation, others):
    """Whatever was asked of the pool before, and by whichever policy, changes nothing."""
    for features, policy in [(situation.features, situation.policy), *others]:
        earlier = replace(situation, features=features, policy=policy)
        assert_alike(earlier.decide(), with_pool(earlier, earlier.pool.targets).decide())
    assert_alike(situation.decide(), with_pool(situation, situation.pool.targets).decide())


def assert_alike(one: Decision, other: Decision) -> None:
    assert (one, one.candidates) == (other, other.candidates)


@laws
@given(situations())
def test_replay_gives_the_same_pick(situation):
    """What a decision recorded is enough to make it again."""
    decision = situation.decide()
    assert decision.picked == replay(decision)


@laws
@given(situations())
def test_stored_decision_replays_too(situation):
    """Written as JSON, without NaN, and read back, it still gives the same pick."""
    decision = situation.decide()
    stored = json.loads(json.dumps(decision.to_dict(), allow_nan=False))
    again = Decision.from_dict(stored)
    assert stored["picked"] == decision.picked == replay(again)
    assert (decision, decision.candidates) == (again, again.candidates)


@laws
@given(situations())
def test_candidates_are_stored_as_they_are_seen(situation):
    """What the ledger stores, written without making candidates, is what each candidate says of itself, to the last digit and in order."""
    decision = situation.decide()
    stored, seen = decision.to_dict()["candidates"], [candidate.to_dict() for candidate in decision.candidates]
    assert json.dumps(seen) == json.dumps(stored)


@laws
@given(situations())
def test_explanation_has_one_line_per_target(situation):
    """Every target stands on a line of its own, with its reason or its numbers."""
    decision = situation.decide()
    lines = decision.explain().splitlines()
    for target in situation.pool.targets:
        (line,) = [x for x in lines if x.startswith(f"  {target.name} ")]
        assert ("dropped by" in line) == (decision.candidate(target.name).drop is not None)
    assert 1 + len(situation.pool.targets) + len(decision.notes) == len(lines)


@laws
@given(situations())
def test_total_is_the_sum_of_its_terms(situation):
    """Every term is shown: weights times values add up, each value lies in 0..1, and the ranking follows."""
    decision = situation.decide()
    for candidate in decision.candidates:
        assert math.isclose(candidate.total, math.fsum(s.weight * s.value for s in candidate.scores), rel_tol=1e-12, abs_tol=1e-12)
        assert all(0 <= s.value <= 1 and s.weight >= 0 for s in candidate.scores)
    assert sorted((c.total for c in decision.candidates if c.drop is None), reverse=True) == [
        c.total for c in decision.candidates if c.drop is None
    ]


@laws
@given(situations(("cheapest", "bang_for_buck"), min_size=2, all_well=True))
def test_unknown_price_is_never_free(situation):
    """A target without a price ranks behind its twin with any price a call could have, and fits no cap."""
    target = situation.pool.targets[0]
    twins = [replace(target, name="priced", price=Price(0.1, 0.1)), replace(target, name="another", price=None)]
    policy = replace(situation.policy, settings=replace(situation.policy.settings, explore_share=0.0, value_usd=1.0))
    decision = replace(situation, pool=Pool("pool", tuple(twins)), policy=policy).decide()
    assume(len(decision.candidates) == 2 and "priced" in decision.ranked)
    assert "priced" == decision.picked
    assert decision.candidate("another").cost_usd is None
    if policy.settings.max_usd_per_call is not None:
        assert "another" not in decision.ranked


@laws
@given(situations())
def test_propensity_is_a_probability_above_zero(situation):
    """What was picked could be picked."""
    decision = situation.decide()
    assert 0 < decision.propensity <= 1
    assert decision.seed is not None or decision.propensity == 1.0


@settings(laws, max_examples=8)
@given(situations(min_size=2, all_well=True), st.integers(0, 2**20))
def test_propensities_match_observed_frequencies(situation, start):
    """Each target's logged propensity is its share of many picks (five standard errors), and they sum to one."""
    policy = replace(
        situation.policy, settings=replace(situation.policy.settings, explore_share=max(0.3, situation.policy.settings.explore_share))
    )
    situation, n = replace(situation, policy=policy), 400
    decisions = [situation.decide(Ticket("id", TICKET.at, start + i)) for i in range(n)]
    assume(decisions[0].picked is not None)
    logged = {d.picked: d.propensity for d in decisions}
    counts = Counter(d.picked for d in decisions)
    for name, p in logged.items():
        assert abs(counts[name] / n - p) <= 5 * math.sqrt(p * (1 - p) / n) + 1e-9
    if set(logged) == kept(decisions[0]):
        assert pytest.approx(1.0) == sum(logged.values())
