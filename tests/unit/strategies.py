"""Random pools, scorecards, requests and states of the world, small enough to shrink to something readable.

Whatever is drawn from is made once: Hypothesis looks through every new strategy, which takes longer than drawing from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from hypothesis import strategies as st

from routerkit import (
    POLICY_KINDS,
    TASK_KINDS,
    Cell,
    Decision,
    Features,
    Policy,
    PolicySettings,
    Pool,
    Price,
    Request,
    Rule,
    Scorecard,
    When,
)
from routerkit.budget import Left
from routerkit.case import Snapshot
from routerkit.catalog import CAPABILITIES, Target
from routerkit.exploring import WEIGHS_QUALITY
from routerkit.features import features
from routerkit.health import Ailment
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.policy import Ticket

NAMES = tuple("abcdefghijkl")
KINDS = ("refactor", "explain", None)
TICKET = Ticket("id", datetime(2026, 1, 1, tzinfo=UTC), seed=7)

usd = st.one_of(st.sampled_from([0.0, 0.1, 1.0, 3.0, 15.0, 75.0]), st.floats(0, 1_000))
prices = st.none() | st.builds(Price, usd, usd)
windows = st.none() | st.sampled_from([100, 1_000, 8_000, 200_000])
capabilities = st.dictionaries(st.sampled_from(CAPABILITIES), st.booleans(), max_size=3)
shares = st.floats(0, 1)
seconds = st.none() | st.floats(0, 100)
tokens = st.none() | st.floats(0, 5_000)
limits = st.none() | st.integers(1, 2_000)
latencies = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 100), max_size=4)
lefts = st.none() | st.builds(Left, st.floats(-1, 5), st.just("agent 'planner'"))


@cache
def targets(name: str) -> st.SearchStrategy[Target]:
    """Target of that name, anything about it known or not."""
    named = (st.just(name), st.just(name), st.just(f"{name}-model"))
    return st.builds(Target, *named, windows, st.none(), capabilities, prices)


@st.composite
def pools(draw: st.DrawFn, min_size: int = 0, max_size: int = 12) -> Pool:
    """Pool of differently named targets in any order."""
    n = draw(st.integers(min_size, max_size))
    names = draw(st.permutations(NAMES[:n]))
    return Pool("pool", tuple(draw(targets(name)) for name in names))


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Anything that may have been measured."""
    n = draw(st.integers(0, 400))
    passed = draw(st.floats(0, 1)) * n
    taken_s, written = draw(seconds), draw(tokens)
    return Cell(draw(st.sampled_from(NAMES)), draw(st.sampled_from(TASK_KINDS[:6])), n, passed, None, taken_s, written)


@cache
def patterns(n: int) -> st.SearchStrategy[list[Pattern]]:
    """What so many targets did on the same tasks."""
    score, cost = st.sampled_from([None, 0.0, 0.5, 1.0, 1.0]), st.none() | st.floats(0, 2)
    return st.lists(st.builds(Pattern, st.integers(1, 50), st.tuples(*[score] * n), st.tuples(*[cost] * n)), max_size=5)


@st.composite
def joints(draw: st.DrawFn) -> JointOutcomes:
    """Outcomes of some targets on the same refactorings, some of them unknown."""
    names = tuple(draw(st.permutations(NAMES))[: draw(st.integers(1, 4))])
    return JointOutcomes("refactor", names, tuple(draw(patterns(len(names)))))


scorecards = st.builds(
    Scorecard,
    st.lists(cells(), max_size=8).map(tuple),
    st.floats(0.01, 0.99),
    st.floats(0.1, 50),
    joint=st.lists(joints(), max_size=1).map(tuple),
    verifiers=st.sampled_from([(), (VerifierCounts("tests", "refactor", 90, 88, 60, 2),)]),
)
ailments = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(Ailment, st.sampled_from(["health", "limited", "disabled"]), st.floats(0, 1_000), st.just("it is so")),
    max_size=12,
)
name_sets = st.lists(st.sampled_from(NAMES), max_size=4).map(tuple)
conditions = st.builds(
    When,
    kind=st.none() | st.just("refactor"),
    tags=st.sampled_from([(), ("legacy",)]),
    max_input_tokens=st.none() | st.sampled_from([10, 1_000]),
)
rules = st.lists(st.builds(Rule, st.sampled_from(["one rule", "another"]), conditions, name_sets, name_sets, name_sets), max_size=3)
settings_of_policies = st.builds(
    PolicySettings,
    quality_floor=st.floats(0.05, 0.95),
    confidence=st.floats(0.05, 0.95),
    value_usd=st.floats(0, 10),
    usd_per_second=st.floats(0, 0.1),
    explore_share=st.sampled_from([0.0, 0.0, 0.1, 1.0]),
    explore_by=st.sampled_from(["even", "thompson"]),
    weights=st.dictionaries(st.sampled_from(NAMES), st.floats(0, 10), max_size=4),
    max_usd_per_call=st.none() | st.floats(0.0001, 1),
    verify=st.sampled_from([(), ("tests",)]),
)


@st.composite
def policies(draw: st.DrawFn, kinds: tuple[str, ...] = POLICY_KINDS) -> Policy:
    """Policy of any kind with any settings."""
    kind = draw(st.sampled_from(kinds))
    given = draw(settings_of_policies)
    return Policy(kind, kind, given if kind in WEIGHS_QUALITY else replace(given, explore_by="even"))


@st.composite
def facts(draw: st.DrawFn) -> Features:
    """Features of a request of some length, kind and need."""
    request = Request(
        "pool",
        ({"role": "user", "content": "x" * draw(st.sampled_from([1, 400, 20_000]))},),
        tools=draw(st.sampled_from([(), ({"type": "function"},)])),
        response_format=draw(st.sampled_from([None, {"type": "json_schema"}])),
        max_tokens=draw(limits),
        kind=draw(st.sampled_from(KINDS)),
        agent="planner",
        tags=draw(st.sampled_from([(), ("legacy",)])),
    )
    return features(request)


@dataclass(frozen=True)
class Situation:
    """Everything a decision depends on."""

    policy: Policy
    pool: Pool
    features: Features
    snapshot: Snapshot
    rules: tuple[Rule, ...]

    def decide(self, ticket: Ticket = TICKET) -> Decision:
        """The decision that follows."""
        return self.policy.decide(self.features, self.pool, self.snapshot, rules=self.rules, ticket=ticket)


@st.composite
def situations(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = POLICY_KINDS,
    *,
    min_size: int = 0,
    all_well: bool = False,
) -> Situation:
    """Any policy before any pool in any state of the world; `all_well` leaves health, rules and budget out of it."""
    snapshot = Snapshot(
        draw(scorecards),
        {} if all_well else draw(ailments),
        draw(latencies),
        None if all_well else draw(lefts),
    )
    return Situation(draw(policies(kinds)), draw(pools(min_size)), draw(facts()), snapshot, () if all_well else tuple(draw(rules)))
