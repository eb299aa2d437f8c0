"""How much a pool may repeat, on a clock that moves only when told."""

from __future__ import annotations

import random

import pytest

from routerkit.retry_budget import EXTRA_SHARE, WINDOW_S, Fading, RetryBudget
from routerkit.testing import FakeClock


def spent(budget: RetryBudget, n: int, *costs_usd: float | None) -> None:
    for _ in range(n):
        budget.ended(*costs_usd or (0.01,))


def n_allowed(budget: RetryBudget, tries: int = 100) -> int:
    return sum(budget.may_repeat() for _ in range(tries))


def test_three_repetitions_are_possible_without_any_traffic():
    assert 3 == n_allowed(RetryBudget(FakeClock()))


def test_reserve_comes_back():
    clock = FakeClock()
    budget = RetryBudget(clock)
    n_allowed(budget)
    clock.now_s += 60
    assert 2 <= n_allowed(budget) <= 3


def test_one_request_in_ten_may_be_repeated():
    budget = RetryBudget(FakeClock())
    spent(budget, 100)
    assert 10 + 3 == n_allowed(budget)


def test_going_elsewhere_draws_half():
    budget = RetryBudget(FakeClock())
    spent(budget, 100)
    for _ in range(10):
        budget.failed_over()
    assert 5 + 3 == n_allowed(budget)


@pytest.mark.parametrize(("extra_usd", "n"), [(0.0011, 3), (0.0009, 13), (None, 13)])
def test_a_tenth_of_the_dollars_may_go_into_what_is_done_again(extra_usd, n):
    budget = RetryBudget(FakeClock())
    spent(budget, 100, 0.0099, extra_usd)
    assert n == n_allowed(budget)


def test_old_requests_allow_nothing_any_more():
    clock = FakeClock()
    budget = RetryBudget(clock)
    spent(budget, 100)
    clock.now_s += 600
    assert 3 == n_allowed(budget)


@pytest.mark.parametrize("seed", range(5))
def test_requests_of_many_hours_fade_as_a_fading_sum_does(seed):
    dice, clock, alike = random.Random(seed), FakeClock(), Fading(WINDOW_S)
    budget = RetryBudget(clock)
    for _ in range(20_000):
        clock.now_s += dice.expovariate(2.0) if dice.random() < 0.999 else 2_000.0
        spent(budget, 1)
        alike.add(1, clock.now_s)
    assert int(EXTRA_SHARE * alike.value(clock.now_s)) + 3 == n_allowed(budget)
