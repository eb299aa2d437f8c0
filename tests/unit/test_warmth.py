"""Warm prompt caches: what is remembered, what it is worth, and that nothing dear is done to save little."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import Policy, Pool, Price, Record, Reply, Request, Target, Usage, features
from routerkit.case import Snapshot
from routerkit.policy import Ticket
from routerkit.testing import FakeClock, ScriptedProvider
from routerkit.warmth import LIFETIME_S, MAX_SESSIONS, MIN_TOKENS, WarmBoard, cached_tokens
from tests.unit.lab import Lab, lab

LONG = "def total(items):\n    return sum(items)\n" * 10_000
"""About 100,000 tokens."""
SONNET, HAIKU = Price(3.0, 15.0, cached_input=0.3), Price(1.0, 5.0, cached_input=0.1)
AUTOMATIC, MARKED = Price(3.0, 15.0, cached_input=0.3), Price(3.0, 15.0, cached_input=0.3, cache_write=3.75)


def turn(n: int = 1, **more: object) -> Request:
    messages = ({"role": "user", "content": LONG}, *({"role": "user", "content": "go on"} for _ in range(n - 1)))
    return Request(messages=messages, **{"model": "pool", "session": "s", "max_tokens": 100, **more})  # type: ignore[arg-type]


ANSWERED = Usage(100_000, 100)
POOL = Pool("pool", (Target("sonnet", "sonnet", "large", price=SONNET), Target("haiku", "haiku", "small", price=HAIKU)))


def two_targets(usage: Usage = ANSWERED) -> Lab:
    """A dear and a cheap target under `cheapest`; every answer reports this usage."""
    providers = {name: ScriptedProvider([Reply("ok", usage=usage)]) for name in ("sonnet", "haiku")}
    return lab(providers, targets=POOL.targets, policy=Policy("cheapest", "cheapest"))


def answered_by_sonnet(board: Lab) -> None:
    assert "sonnet" == board.router.complete(turn(model="pool/sonnet")).target


def test_warm_session_stays_where_moving_costs_more() -> None:
    """Reading 100,000 cached tokens costs $0.03 at the dear model; writing them anew at the cheap one $0.10."""
    board = two_targets()
    assert "haiku" == board.router.decide(turn()).picked
    answered_by_sonnet(board)
    decision = board.router.decide(turn(2))
    assert "sonnet" == decision.picked
    assert "warm: saves $0.27" in decision.candidate("sonnet").note
    assert decision.candidate("sonnet").cost_usd == pytest.approx(0.0315, rel=0.02)


def test_saving_is_shown_and_counted_into_what_is_explained() -> None:
    board = two_targets()
    answered_by_sonnet(board)
    assert "warm: saves $0.2700" in board.router.decide(turn(2)).explain()


@pytest.mark.parametrize(
    ("next_turn", "why"),
    [
        (turn(2, session="other"), "another session"),
        (turn(2, session=None), "no session"),
        (turn(2, agent="reviewer"), "another agent with a prompt of its own"),
        (turn(2, key="ab12"), "another caller of the gateway who chose the same name"),
    ],
)
def test_only_the_same_conversation_is_warm(next_turn: Request, why: str) -> None:
    board = two_targets()
    answered_by_sonnet(board)
    assert "haiku" == board.router.decide(next_turn).picked, why


def test_caches_go_cold() -> None:
    board = two_targets()
    answered_by_sonnet(board)
    board.clock.now_s += LIFETIME_S + 1
    assert "haiku" == board.router.decide(turn(2)).picked


def test_rewritten_conversation_is_cold() -> None:
    """Fewer messages than before: the beginning was condensed, and the cache holds something else."""
    board = two_targets()
    board.router.complete(turn(3, model="pool/sonnet"))
    assert "haiku" == board.router.decide(turn(2)).picked


def test_provider_that_reads_nothing_from_its_cache_is_not_believed_again() -> None:
    """The second answer on a warm target reports no cached tokens, so there is no cache to save by."""
    board = two_targets()
    answered_by_sonnet(board)
    board.router.complete(turn(2))
    assert "haiku" == board.router.decide(turn(3)).picked


@pytest.mark.parametrize(
    ("usage", "price", "was_warm", "expected"),
    [
        (Usage(5_000), AUTOMATIC, False, 5_000),
        (Usage(5_000), AUTOMATIC, True, 0),
        (Usage(5_000, cached_input_tokens=4_000), AUTOMATIC, True, 5_000),
        (Usage(5_000, is_estimated=True), AUTOMATIC, True, 5_000),
        (Usage(5_000), MARKED, False, 0),
        (Usage(5_000, cache_write_tokens=3_000), MARKED, False, 3_000),
        (Usage(5_000, cached_input_tokens=3_000, cache_write_tokens=500), MARKED, True, 3_500),
    ],
)
def test_what_a_cache_holds_is_read_off_usage(usage: Usage, price: Price, was_warm: bool, expected: int) -> None:
    """Where writing has a price only what was written counts; elsewhere the whole prompt, until a provider reads nothing."""
    assert expected == cached_tokens(usage, price, was_warm=was_warm)


def record_of(request: Request, usage: Usage = ANSWERED) -> Record:
    board = two_targets(usage)
    answered_by_sonnet(board)
    return replace(board.record, request=request)


@pytest.mark.parametrize(("n_tokens", "held"), [(MIN_TOKENS - 1, {}), (MIN_TOKENS, {"sonnet": MIN_TOKENS})])
def test_short_prompts_are_not_remembered(n_tokens: int, held: dict[str, int]) -> None:
    """Nobody caches less than 1,024 tokens."""
    warmth = WarmBoard(FakeClock())
    warmth.remember(record_of(turn(), Usage(n_tokens, 5)), POOL)
    assert held == warmth.prefixes(turn(2))


def test_memory_is_bounded() -> None:
    """The session unused for longest is forgotten first."""
    warmth, record = WarmBoard(FakeClock()), record_of(turn())
    for i in range(MAX_SESSIONS + 1):
        warmth.remember(replace(record, request=turn(session=str(i))), POOL)
    assert {} == warmth.prefixes(turn(session="0"))
    assert {"sonnet": 100_000} == warmth.prefixes(turn(session="1"))


prices = st.builds(
    lambda i, o, share, write: Price(i, o, cached_input=i * share, cache_write=i * write if write else None),
    st.floats(0.01, 50),
    st.floats(0.01, 100),
    st.floats(0.0, 1.0),
    st.sampled_from([None, 1.0, 1.25, 2.0]),
)
warm_pools = st.lists(prices, min_size=2, max_size=5)


def costs(given_prices: list[Price], warm: dict[str, int]) -> tuple[str, dict[str, float]]:
    """The pick of `cheapest`, and what each target is expected to cost."""
    pool = Pool("pool", tuple(Target(f"t{i}", "p", "m", price=p) for i, p in enumerate(given_prices)))
    decision = Policy("cheapest", "cheapest").decide(
        features(turn()), pool, Snapshot(warm=warm), ticket=Ticket("1", datetime(2026, 1, 1, tzinfo=UTC), 0)
    )
    return decision.picked or "", {c.target: c.cost_usd or 0.0 for c in decision.candidates}


@settings(max_examples=60, deadline=None)
@given(warm_pools, st.integers(MIN_TOKENS, 200_000))
def test_session_never_moves_to_what_costs_more(given_prices: list[Price], prefix: int) -> None:
    """Whatever the list prices: the pick costs, cache included, no more than staying."""
    picked, usd = costs(given_prices, {"t0": prefix})
    assert usd[picked] <= usd["t0"] * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(warm_pools, st.integers(0, 200_000), st.floats(1.0, 5.0))
def test_dearer_target_never_looks_cheaper_however_warm(given_prices: list[Price], prefix: int, factor: float) -> None:
    """Raising the price of input raises the expected cost of a warm target and leaves the others alone."""
    _, before = costs(given_prices, {"t0": prefix})
    dearer = replace(given_prices[0], input=given_prices[0].input * factor)
    _, after = costs([dearer, *given_prices[1:]], {"t0": prefix})
    assert after["t0"] >= before["t0"] * (1 - 1e-9)
    assert {n: usd for n, usd in after.items() if n != "t0"} == {n: usd for n, usd in before.items() if n != "t0"}


@settings(max_examples=60, deadline=None)
@given(prices, st.integers(MIN_TOKENS, 200_000))
def test_warm_is_never_dearer_than_cold(price: Price, prefix: int) -> None:
    _, cold = costs([price, price], {})
    _, warm = costs([price, price], {"t0": prefix})
    assert warm["t0"] <= cold["t0"] * (1 + 1e-9)
