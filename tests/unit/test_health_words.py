"""Which calls the breaker counts, and what it says about a target, here and to other processes."""

from __future__ import annotations

import pytest

from routerkit.health import DISABLED_S, OPEN_S, PROBE_S, WINDOW_S
from tests.unit.lab import fault
from tests.unit.test_health import board, break_it, state


def play(calls: str):
    """A board after these calls, one second apart: `F` failed, `o` was fine."""
    health, clock = board()
    for call in calls:
        clock.now_s += 1.0
        if call == "F":
            break_it(health, 1)
        else:
            health.succeeded("a", 1.0)
    return health, clock


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("F" + "o" * 14 + "FFFFF", "health"),  # five in a row, though most of the window was fine
        ("F" + "o" * 10 + "FFFF", None),
        ("F" + "o" * 10 + "FFFF" + "o" + "FFFF", None),  # a success ends a row
        ("FoFoF", "health"),  # half of five
        ("FooooFFF", "health"),  # exactly half of eight
        ("FoooF", None),  # successes are not failures
        ("FoF", None),  # too few to judge by a share
        ("FooFooFooFooF", None),  # five, but a third
    ],
)
def test_breaker_opens_by_a_row_of_failures_or_by_their_share(calls: str, expected: str | None) -> None:
    health, _ = play(calls)
    assert expected == state(health)


def test_failures_older_than_the_window_do_not_count() -> None:
    health, clock = play("FFoFo")
    clock.now_s += WINDOW_S
    health.succeeded("a", 1.0)
    break_it(health, 1)
    assert state(health) is None


def test_target_that_was_fine_for_a_window_is_forgotten_and_one_that_was_not_is_kept() -> None:
    """Forgetting costs the next call nothing; a relapse must still be known as one."""
    health, clock = play("F")
    clock.now_s += WINDOW_S - 2.0
    health.succeeded("a", 1.0)
    assert health._cells
    clock.now_s += 3.0
    health.succeeded("a", 1.0)
    assert not health._cells


def test_open_breaker_says_why_and_how_long() -> None:
    health, _ = board()
    break_it(health, 5)
    ailment = health.snapshot()["a"]
    assert ailment.why.startswith("5 failures in a row, last server (again in ")
    left_s = int(ailment.why.rpartition("again in ")[2].removesuffix(" s)"))
    assert 0.8 * OPEN_S <= left_s <= 1.2 * OPEN_S
    assert "5 failures in a row, last server" == health.verdicts()["a"].why


def test_probe_under_way_keeps_others_away_for_a_minute() -> None:
    health, clock = board()
    break_it(health, 5)
    clock.now_s += 2 * OPEN_S
    assert health.starting("a")
    assert ("health", clock.now_s + PROBE_S, "half-open, its one probe is under way") == health.snapshot()["a"]
    assert {} == health.verdicts()  # a probe is this process's own affair


def test_limit_says_how_long_and_others_are_told_without_the_seconds() -> None:
    health, clock = board()
    health.failed("a", fault("rate_limit", retry_after_s=3.0))
    assert ("limited", clock.now_s + 3.0, "rate limited for another 3.0 s") == health.snapshot()["a"]
    assert ("limited", clock.now_s + 3.0, "rate limited") == health.verdicts()["a"]


def test_switched_off_target_says_why_and_how_long() -> None:
    health, clock = board()
    health.failed("a", fault("auth"))
    assert ("disabled", clock.now_s + DISABLED_S, "auth: injected auth (again in 600 s)") == health.snapshot()["a"]
    assert ("disabled", clock.now_s + DISABLED_S, "auth: injected auth") == health.verdicts()["a"]
