"""The money of one call: what its refusals say, and that no part of a micro-dollar is given away."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import features
from routerkit.budget import Purse, whose
from routerkit.errors import StateError
from routerkit.state.leases import Claim, Leases
from routerkit.state.memory import MemoryStore
from routerkit.state.rounding import Rounding, micros
from routerkit.testing import make_request, make_target

DAY = "2026-01-01"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = features(replace(make_request("x" * 35), max_tokens=100))


def purse(store: MemoryStore | None = None, *claims: Claim) -> Purse:
    return Purse(Leases(store or MemoryStore()), claims or (Claim("agent:planner", 1_000_000),), ASKED, lambda: NOW)


def test_target_without_a_price_is_refused_and_the_remedy_named() -> None:
    refused = purse().reserve(make_target("a", usd=None))
    assert refused is not None
    assert "budget" == refused.code
    assert "the price of target 'a' is unknown, so it cannot be held to the budget of agent 'planner'; give it usd_per_mtok" == str(refused)


def test_account_that_cannot_pay_is_named_with_what_it_has_left() -> None:
    refused = purse(None, Claim("agent:planner", 1_000_000), Claim("pool:coding", 50)).reserve(make_target("a", usd=1_000.0))
    assert refused is not None
    assert "budget" == refused.code
    assert "pool 'coding' has left today; lower max_tokens, or wait for midnight UTC" in str(refused)


def test_overspent_account_has_nothing_left_rather_than_less() -> None:
    refused = purse(None, Claim("agent:planner", 0)).reserve(make_target("a", usd=1_000.0))
    assert "> the $0 that agent 'planner' has left" in str(refused).replace("$0.0000", "$0").replace("$0.00", "$0")


def test_budget_that_cannot_be_checked_refuses_for_a_second_and_says_why() -> None:
    class Away(MemoryStore):
        def draw(self, *_: object, **__: object) -> object:  # type: ignore[override]
            raise StateError("redis://127.0.0.1: connection refused")

    refused = purse(Away()).reserve(make_target("a", usd=1_000.0))
    assert refused is not None
    assert ("overloaded", 1.0) == (refused.code, refused.retry_after_s)
    assert "the budget of agent 'planner' cannot be checked now (redis://127.0.0.1: connection refused)" == str(refused)


def test_attempt_of_unknown_cost_counts_as_the_worst() -> None:
    store = MemoryStore()
    leases = Leases(store)
    money = Purse(leases, (Claim("agent:planner", 10_000_000),), ASKED, lambda: NOW)
    assert money.reserve(make_target("a", usd=1_000.0)) is None
    money.settle(None)
    money.close()
    leases.close()
    ((_, _, spent, leased),) = store.accounts(DAY)
    assert ((11 + 100) * 1_000, 0) == (spent, leased)


@pytest.mark.parametrize(
    ("usd", "expected"),
    [(0.0, 0), (1e-9, 1), (1e-6, 1), (1.000_01e-6, 2), (0.1 + 0.2, 300_000), (0.000_000_4, 1), (12.345_678, 12_345_678)],
)
def test_dollars_are_rounded_up_to_whole_micro_dollars(usd: float, expected: int) -> None:
    """A million calls for half a micro-dollar each are not free, and 0.1 + 0.2 is 0.3."""
    assert expected == micros(usd)


def test_what_calls_cost_together_is_booked_to_the_micro_dollar() -> None:
    """At 18.9 micro-dollars a call, as a small model takes, rounding up each by itself would book half a per cent too much."""
    store = MemoryStore()
    leases = Leases(store)
    target = make_target("a", usd=1_000.0)
    for _ in range(1_000):
        money = Purse(leases, (Claim("agent:planner", 1_000_000),), ASKED, lambda: NOW)
        assert money.reserve(target) is None
        money.settle(0.000_018_9)
        money.close()
    leases.close()
    ((_, _, spent, _),) = store.accounts(DAY)
    assert 18_900 == spent


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0.0, 10.0)), max_size=60))
def test_sums_of_each_payer_are_never_too_low_and_less_than_one_too_high(costs: list[tuple[str, float]]) -> None:
    rounding = Rounding()
    booked = {"a": 0, "b": 0}
    for payer, usd in costs:
        booked[payer] += rounding.micros(payer, usd)
    for payer in "ab":
        exact = math.fsum(usd for name, usd in costs if name == payer) * 1e6
        assert exact - 0.01 <= booked[payer] < exact + 1.01


def test_owner_is_named_by_all_that_follows_the_kind() -> None:
    assert ("agent 'team:planner'", "key 'ab12'") == (whose("agent:team:planner"), whose("key:ab12"))
