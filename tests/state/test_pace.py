"""Requests a minute, tokens a minute, requests at once: taken together or not at all, the same in every store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit.state.bucket import level, wait_s
from routerkit.state.interface import Entry, Notice, Pace, TooFast
from routerkit.state.memory import MemoryStore
from tests.state.conftest import UNIX, Hands

NARROW = Pace(requests_per_minute=2, tokens_per_minute=100, at_once=2)


def entry(number: int, tokens: int = 10, caller: str = "key:1") -> Entry:
    return Entry(caller, str(number), tokens, hold_s=600.0)


def test_requests_fill_the_bucket(store):
    pace = Pace(requests_per_minute=2)
    assert [None, None, "requests"] == [found and found.what for found in (store.enter(entry(i), pace) for i in range(3))]


def test_wait_is_the_time_until_it_fits(store):
    """One request of 60 a minute is back after a second."""
    pace = Pace(tokens_per_minute=60)
    store.enter(entry(1, tokens=60), pace)
    what, wait = store.enter(entry(2, tokens=1), pace)
    assert ("tokens", pytest.approx(1.0, abs=0.1)) == (what, wait)


def test_full_house_lets_in_after_somebody_left(store):
    pace = Pace(at_once=1)
    store.enter(entry(1), pace)
    assert "at_once" == store.enter(entry(2), pace).what
    store.leave(entry(1), pace, 0)
    assert store.enter(entry(2), pace) is None


def test_refused_request_takes_nothing(store):
    """Too many tokens: neither a request nor a place is used up."""
    store.enter(entry(1, tokens=95), NARROW)
    assert "tokens" == store.enter(entry(2, tokens=50), NARROW).what
    assert store.enter(entry(3, tokens=5), NARROW) is None


def test_tokens_are_settled_when_the_request_leaves(store):
    """Reserved by estimate, corrected by what was used, in both directions."""
    pace = Pace(tokens_per_minute=100)
    store.enter(entry(1, tokens=90), pace)
    store.leave(entry(1, tokens=90), pace, 10)
    assert store.enter(entry(2, tokens=80), pace) is None
    store.leave(entry(2, tokens=80), pace, 300)
    assert 100 < store.enter(entry(3, tokens=1), pace).wait_s


def test_callers_do_not_share(store):
    store.enter(entry(1, caller="key:1"), Pace(at_once=1, requests_per_minute=1))
    assert store.enter(entry(1, caller="key:2"), Pace(at_once=1, requests_per_minute=1)) is None


def test_crashed_callers_place_is_free_again(hands):
    store = MemoryStore(hands)
    store.enter(entry(1), Pace(at_once=1))
    hands.now += 601
    assert store.enter(entry(2), Pace(at_once=1)) is None


def test_later_notice_about_a_target_wins(store):
    first, later = Notice("a", "limited", UNIX + 5, "rate limited"), Notice("a", "health", UNIX + 9, "5 failures in a row, last server")
    store.post([first, Notice("b", "disabled", UNIX + 1, "auth: no")])
    store.post([later])
    store.post([first])
    assert {later} == set(store.notices(UNIX + 2))


@given(st.integers(1, 1_000), st.lists(st.tuples(st.floats(0, 30), st.integers(1, 50)), max_size=40))
def test_no_minute_sees_more_than_twice_the_pace(per_minute, asks):
    """A bucket of one minute: in any window of length T at most (1 + T / 60) times the pace, whatever is asked when."""
    now, used, at, granted = 0.0, 0.0, 0.0, []
    for wait, cost in asks:
        now += wait
        used, at = level(used, now - at, per_minute), now
        if not wait_s(used, cost, per_minute):
            used += cost
            granted.append((now, cost))
    for start, _ in granted:
        inside = sum(cost for when, cost in granted if start <= when <= start + 60)
        assert inside <= 2 * per_minute + 1e-6


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 60)), max_size=60))
def test_tenants_never_feel_each_other(steps):
    """What a tenant gets from a shared store is what it would get from one of its own."""
    pace = Pace(requests_per_minute=5, tokens_per_minute=100, at_once=3)
    hands = Hands()
    shared, alone = MemoryStore(hands), [MemoryStore(hands) for _ in range(3)]
    running: list[list[Entry]] = [[], [], []]
    for number, (tenant, comes, tokens) in enumerate(steps):
        hands.now += 1
        if comes:
            new = entry(number, tokens, caller=f"key:{tenant}")
            answers: list[TooFast | None] = [shared.enter(new, pace), alone[tenant].enter(new, pace)]
            assert answers[0] == answers[1]
            if answers[0] is None:
                running[tenant].append(new)
        elif running[tenant]:
            old = running[tenant].pop()
            shared.leave(old, pace, tokens)
            alone[tenant].leave(old, pace, tokens)
