"""Spend per agent and UTC day."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.budget import SpendBoard

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_agent_without_a_budget_has_no_limit():
    """None is not zero."""
    board = SpendBoard(lambda: NOON)
    assert board.left_usd("coder", {"planner": 1.0}) is None
    assert board.left_usd(None, {"planner": 1.0}) is None


def test_spend_is_counted_per_agent():
    """What one agent spends another may still spend."""
    board = SpendBoard(lambda: NOON)
    board.add("planner", 0.3)
    board.add("planner", None)
    board.add(None, 5.0)
    assert (pytest.approx(0.7), 2.0) == (board.left_usd("planner", {"planner": 1.0}), board.left_usd("coder", {"coder": 2.0}))


def test_overspent_budget_is_negative():
    """How far it went over is not hidden."""
    board = SpendBoard(lambda: NOON)
    board.add("planner", 3.0)
    assert -2.0 == board.left_usd("planner", {"planner": 1.0})


def test_day_turns_at_midnight_utc():
    """Yesterday's spend is forgotten on the first look of the day."""
    now = [NOON]
    board = SpendBoard(lambda: now[0])
    board.add("planner", 0.9)
    now[0] = NOON + timedelta(hours=11, minutes=59)
    assert 0.1 == pytest.approx(board.left_usd("planner", {"planner": 1.0}))
    now[0] = NOON + timedelta(hours=12)
    assert 1.0 == board.left_usd("planner", {"planner": 1.0})


@given(st.lists(st.floats(0, 100), max_size=30))
def test_left_is_budget_minus_sum(costs):
    """Nothing is lost or counted twice."""
    board = SpendBoard(lambda: NOON)
    for cost in costs:
        board.add("planner", cost)
    assert pytest.approx(50.0 - sum(costs)) == board.left_usd("planner", {"planner": 50.0})


def test_threads_lose_nothing():
    """Eight threads, a thousand cents each."""
    board = SpendBoard(lambda: NOON)
    threads = [threading.Thread(target=lambda: [board.add("planner", 0.01) for _ in range(1_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert 20.0 == pytest.approx(board.left_usd("planner", {"planner": 100.0}))
