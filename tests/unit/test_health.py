"""The breaker, the rate-limit wait and the switch-off of a target, on a clock that moves only when told."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.health import MAX_OPEN_S, HealthBoard
from routerkit.testing import FakeClock
from tests.unit.lab import AUTH_CODES, TRANSIENT_CODES, fault

HARMLESS = ("rate_limit", "context_length", "content_filter", "invalid_request", "deadline", "no_candidate", *AUTH_CODES)


def board(clock: FakeClock | None = None) -> tuple[HealthBoard, FakeClock]:
    clock = clock or FakeClock()
    return HealthBoard(clock, random.Random(1)), clock


def break_it(health: HealthBoard, n: int = 5, code: str = "server") -> None:
    for _ in range(n):
        health.failed("a", fault(code))


def state(health: HealthBoard) -> str | None:
    ailment = health.snapshot().get("a")
    return ailment.state if ailment else None


@pytest.mark.parametrize("code", TRANSIENT_CODES)
def test_fifth_failure_in_a_row_opens(code):
    """Four failures are bad luck, five an illness."""
    health, _ = board()
    break_it(health, 4, code)
    assert state(health) is None
    break_it(health, 1, code)
    assert "health" == state(health)


@pytest.mark.parametrize("code", HARMLESS)
def test_failures_that_say_nothing_about_health_never_open(code):
    """A wrong request or a limit is not an illness."""
    health, clock = board()
    break_it(health, 30, code)
    clock.now_s += 601  # past the wait or the switch-off that some of them cause
    assert state(health) is None


def test_half_of_the_calls_failing_opens():
    """Five failures among ten calls, never two in a row."""
    health, _ = board()
    for _ in range(5):
        health.succeeded("a", 1.0)
        break_it(health, 1)
    assert "health" == state(health)


def test_old_failures_are_forgotten():
    """What happened more than a minute ago does not count."""
    health, clock = board()
    for _ in range(4):
        break_it(health, 1)
        health.succeeded("a", 1.0)
        clock.now_s += 61
    assert state(health) is None


def test_ejection_doubles_up_to_its_cap():
    """10 s, 20 s, 40 s … 300 s, each spread by a fifth."""
    health, clock = board()
    break_it(health)
    lengths = []
    for _ in range(8):
        until = health.snapshot()["a"].until
        lengths.append(until - clock.now_s)
        clock.now_s = until + 0.001
        health.starting("a")
        break_it(health, 1)  # the probe fails
    for i, length in enumerate(lengths):
        nominal = min(10.0 * 2**i, MAX_OPEN_S)
        assert 0.8 * nominal <= length <= 1.2 * nominal


def test_calls_under_way_do_not_lengthen_the_ejection():
    """Fifty failures of calls begun before it opened count as one illness."""
    health, _ = board()
    break_it(health, 5)
    until = health.snapshot()["a"].until
    break_it(health, 50)
    assert until == health.snapshot()["a"].until


def test_half_open_lets_one_probe_through():
    """After the ejection the target is free until a probe starts, then closed to others until that ends."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    assert state(health) is None
    health.starting("a")
    assert "half-open" in health.snapshot()["a"].why
    health.succeeded("a", 1.0)
    assert state(health) is None


def test_only_one_of_two_calls_becomes_the_probe():
    """Also when both were decided on before either began; the next one may once the first has reported."""
    health, clock = board()
    assert health.starting("a")
    break_it(health)
    clock.now_s += 13
    assert [True, False] == [health.starting("a"), health.starting("a")]
    health.succeeded("a", 1.0)
    assert health.starting("a")


def test_recovery_forgets_what_led_to_the_ejection():
    """Without that, one more failure in the same minute would make the share of failures bad again."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    health.succeeded("a", 1.0)
    break_it(health, 1)
    assert state(health) is None


def test_call_under_way_does_not_end_the_ejection():
    """Of many calls at once some succeed even on a target that fails half the time; the one readmitted in a panic counts."""
    health, _ = board()
    break_it(health)
    health.succeeded("a", 1.0)
    assert "health" == state(health)
    health.starting("a")
    health.succeeded("a", 1.0)
    assert state(health) is None


def test_relapse_soon_after_recovery_is_ejected_for_longer():
    """20 s, spread by a fifth, where the first time was 10 s."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    health.succeeded("a", 1.0)
    break_it(health)
    assert 16.0 <= health.snapshot()["a"].until - clock.now_s <= 24.0


def test_abandoned_probe_makes_room_for_another():
    """Only the call that was the probe, not one that had begun before it."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    health.starting("a")
    health.abandoned("a", began_at=clock.now_s - 13)
    assert "health" == state(health)
    health.abandoned("a", began_at=clock.now_s)
    assert state(health) is None
    assert health.starting("a")


def test_probe_that_never_reports_is_forgotten():
    """A probe lost for whatever reason does not keep a target out for ever."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    health.starting("a")
    clock.now_s += 61
    assert state(health) is None


def test_probe_that_meets_a_limit_says_nothing():
    """A 429 on the probe ends the probe, not the trial."""
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    health.starting("a")
    health.failed("a", fault("rate_limit", retry_after_s=1.0))
    assert "limited" == state(health)
    clock.now_s += 1.1
    assert state(health) is None


@pytest.mark.parametrize(("asked_s", "kept_s"), [(2.0, 2.0), (0.25, 0.25), (None, 1.0), (5_000.0, 300.0)])
def test_limit_lasts_as_long_as_asked_within_reason(asked_s, kept_s):
    """Fractions are kept, silence means a second, more than five minutes is taken as a mistake."""
    health, clock = board()
    health.failed("a", fault("rate_limit", retry_after_s=asked_s))
    clock.now_s += kept_s - 0.01
    assert "limited" == state(health)
    clock.now_s += 0.02
    assert state(health) is None


def test_second_limit_never_shortens_the_first():
    """Of two waits the longer one holds."""
    health, clock = board()
    health.failed("a", fault("rate_limit", retry_after_s=10.0))
    health.failed("a", fault("rate_limit", retry_after_s=1.0))
    assert clock.now_s + 10.0 == health.limited_until("a")


@pytest.mark.parametrize("code", AUTH_CODES)
def test_wrong_credential_disables_for_ten_minutes(code):
    """U5, U6: one failure is enough; the reason is shown."""
    health, clock = board()
    health.failed("a", fault(code))
    assert f"{code}: injected {code} (again in 600 s)" == health.snapshot()["a"].why
    clock.now_s += 601
    assert state(health) is None


def test_success_brings_a_disabled_target_back():
    """Whoever repaired the key is not made to wait."""
    health, _ = board()
    health.failed("a", fault("auth"))
    health.succeeded("a", 1.0)
    assert state(health) is None


def test_two_successes_at_once_do_not_collide():
    """A success that ends while another one clears the target's record is counted quietly."""
    answers = []

    class Clock(FakeClock):
        def __call__(self) -> float:
            if answers and answers.pop():
                health.succeeded("a", 1.0)  # what another thread does between our look and our lock
            return super().__call__()

    health, clock = board(Clock())
    break_it(health, 1)
    clock.now_s += 61
    answers.append(True)
    health.succeeded("a", 1.0)
    assert state(health) is None


def test_latency_follows_the_last_few_calls():
    """The running mean starts at the first value and moves by three tenths."""
    health, _ = board()
    assert {} == health.latencies_s()
    health.succeeded("a", 10.0)
    health.succeeded("a", 0.0)
    assert {"a": 7.0} == health.latencies_s()


def test_healthy_targets_leave_no_trace():
    """The board holds only what is wrong, so an empty snapshot is free."""
    health, clock = board()
    break_it(health, 1)
    clock.now_s += 61
    health.succeeded("a", 1.0)
    assert {} == health.snapshot()
    assert 0.0 == health.limited_until("a")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ok", "start", *TRANSIENT_CODES, *HARMLESS]), st.floats(0, 100)), max_size=40))
def test_no_history_keeps_a_target_out_for_ever(history):
    """Whatever happened, after ten quiet minutes every target is free, and no reason lies in the past."""
    health, clock = board()
    for event, pause_s in history:
        if event == "ok":
            health.succeeded("a", 1.0)
        elif event == "start":
            health.starting("a")
        else:
            health.failed("a", fault(event))
        assert all(clock.now_s < ailment.until for ailment in health.snapshot().values())
        clock.now_s += pause_s
    clock.now_s += 601
    assert {} == health.snapshot()


ONE, OTHER = ("agent", None, 10), ("agent", None, 20)


def fail(health: HealthBoard, n: int, *callers) -> None:
    for i in range(n):
        health.failed("a", fault("server"), callers[i % len(callers)])


def test_one_request_does_not_eject_a_target_that_answers_others():
    """A prompt that breaks a server would else take it away from everybody."""
    health, _ = board()
    health.succeeded("a", 1.0, OTHER)
    fail(health, 9, ONE)
    assert state(health) is None


def test_two_requests_eject():
    health, _ = board()
    health.succeeded("a", 1.0, OTHER)
    fail(health, 5, ONE, OTHER)
    assert "health" == state(health)


@pytest.mark.parametrize("served", [ONE, None])
def test_one_request_ejects_when_no_other_was_answered(served):
    """A load test that says the same to everybody, or a target that nobody knows to be well."""
    health, _ = board()
    if served:
        health.succeeded("a", 1.0, served)
    fail(health, 5, ONE)
    assert "health" == state(health)


def test_ten_failures_in_a_row_eject_whoever_asked():
    health, _ = board()
    health.succeeded("a", 1.0, OTHER)
    fail(health, 10, ONE)
    assert "health" == state(health)


def test_others_being_answered_a_minute_ago_say_nothing():
    health, clock = board()
    health.succeeded("a", 1.0, OTHER)
    clock.now_s += 61
    fail(health, 5, ONE)
    assert "health" == state(health)


def test_recovered_target_takes_one_call_in_four_then_one_in_two_then_all():
    health, clock = board()
    break_it(health)
    clock.now_s += 13
    assert health.starting("a")
    health.succeeded("a", 1.0)
    taken = []
    for _ in range(3):
        taken.append([health.starting("a") for _ in range(8)].count(True))
        clock.now_s += 5.0
    assert [2, 4, 8] == taken
