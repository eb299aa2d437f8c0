"""The attempts generator by itself: steps in, outcomes out, no I/O."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import Retry
from routerkit.dispatch import Open, Sleep, Step, attempts, first_step
from routerkit.health import HealthBoard
from routerkit.lanes import Lanes
from routerkit.surroundings import Surroundings
from routerkit.testing import FakeClock, make_target
from tests.unit.lab import AUTH_CODES, INVALID_CODES, TRANSIENT_CODES, fault

CODES = (*TRANSIENT_CODES, *AUTH_CODES, *INVALID_CODES, "rate_limit", "context_length", "no_candidate", "all_failed")


def play(outcomes, *, n: int = 1, took_s: float = 0.0, deadline_s: float = 60.0, retry: Retry | None = None):
    """Run the generator against a list of outcomes (None = success; the last repeats); returns steps, clock and result."""
    clock = FakeClock(0.0)
    rng = random.Random(3)
    around = Surroundings(clock, rng, HealthBoard(clock, rng), Lanes(clock))
    steps: list[Step] = []
    pending = list(outcomes)
    run = attempts([make_target(f"t{i}") for i in range(n)], deadline=deadline_s, retry=retry or Retry(), around=around)
    sent = None
    while True:
        try:
            step = run.send(sent)
        except StopIteration as stop:
            return steps, clock, stop.value
        steps.append(step)
        if isinstance(step, Sleep):
            clock.sleep(step.seconds)
            sent = None
        else:
            clock.now_s += took_s
            sent = pending.pop(0) if len(pending) > 1 else pending[0]
            if sent is None:
                sent = yield_none(run, steps)
                return steps, clock, sent


def yield_none(run, steps):
    """Tell the generator of the success; it must end at once."""
    try:
        steps.append(run.send(None))
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the generator went on after a success")


def opened(steps) -> list[str]:
    return [s.target.name for s in steps if isinstance(s, Open)]


def test_success_ends_it():
    """One step, no failure."""
    steps, _, result = play([None], n=3)
    assert (["t0"], None) == (opened(steps), result)


def test_no_targets_is_no_failure_of_anyone():
    """Nothing to try: no step and nothing to report."""
    steps, _, result = play([None], n=0)
    assert ([], None) == (steps, result)


def test_each_target_once_then_two_more():
    """Three targets that are down: three attempts, then two repetitions after a pause."""
    steps, _, result = play([fault("server")], n=3)
    assert ["t0", "t1", "t2"] == opened(steps)[:3]
    assert 5 == len(opened(steps))
    assert "server" == result.code


def test_refused_connection_is_repeated_at_once():
    """Nothing was processed and most resets pass: the first repetition does not wait, the second does."""
    steps, _, _ = play([fault("connect")])
    assert [Open, Open, Sleep, Open] == [type(s) for s in steps]


def test_last_success_follows_failures():
    """What recovers is used."""
    steps, _, result = play([fault("server"), fault("server"), None])
    assert (3, None) == (len(opened(steps)), result)


def test_number_of_repetitions_is_a_setting():
    """None at all, if so wished."""
    steps, _, _ = play([fault("server")], n=2, retry=Retry(extra_attempts=0))
    assert ["t0", "t1"] == opened(steps)


def test_time_left_shrinks_from_attempt_to_attempt():
    """Each attempt gets what is left, and a share of it while others wait."""
    steps, _, _ = play([fault("timeout")], n=3, took_s=10.0)
    assert [(60.0, 36.0), (50.0, 30.0), (40.0, None)] == [(s.timeout_s, s.first_token_s) for s in steps if isinstance(s, Open)]


def test_nothing_is_sent_after_the_deadline():
    """The call ends as `deadline`, and the failures before it are in the record."""
    steps, _, result = play([fault("server")], n=5, took_s=30.0)
    assert (["t0", "t1"], "deadline") == (opened(steps), result.code)


def test_pause_is_capped():
    """After many repetitions the pause stays within the cap."""
    steps, _, _ = play([fault("server")], retry=Retry(extra_attempts=12, base_s=1.0, cap_s=2.0))
    assert max(s.seconds for s in steps if isinstance(s, Sleep)) <= 2.0


faults = st.builds(fault, st.sampled_from(CODES), retry_after_s=st.none() | st.floats(0, 100))


@settings(max_examples=120, deadline=None)
@given(st.lists(st.none() | faults, min_size=1, max_size=12), st.integers(1, 6), st.floats(0, 20), st.floats(1, 60), st.integers(0, 4))
def test_laws_of_every_run(outcomes, n, took_s, deadline_s, extra):
    """Bounded attempts, no sleep after the last one, nothing sent late, first pass in order; what is invalid ends it."""
    steps, clock, _ = play(outcomes, n=n, took_s=took_s, deadline_s=deadline_s, retry=Retry(extra_attempts=extra))
    names = opened(steps)
    assert len(names) <= n + extra
    assert not steps or isinstance(steps[-1], Open)
    assert all(s.timeout_s > 0 and (s.first_token_s is None or 0 < s.first_token_s < s.timeout_s) for s in steps if isinstance(s, Open))
    assert all(s.seconds > 0 for s in steps if isinstance(s, Sleep))
    assert clock.now_s <= deadline_s + took_s
    first_pass = list(dict.fromkeys(names))
    assert sorted(first_pass) == first_pass
    if any(o is not None and o.code in INVALID_CODES for o in outcomes[: len(names)]):
        assert outcomes[len(names) - 1].code in INVALID_CODES


def test_no_sleep_before_a_wait_that_the_deadline_cuts_off():
    """A 429 that names no time is waited for in full or not at all."""
    steps, _, result = play([fault("rate_limit")], n=1, deadline_s=1.0, retry=Retry(extra_attempts=1))
    assert (["t0"], "rate_limit", []) == (opened(steps), result.code, [s for s in steps if isinstance(s, Sleep)])


def test_asked_for_wait_is_kept_and_lengthened_by_up_to_a_quarter():
    """Never shortened: the provider would refuse again."""
    waits = {Retry().wait_s(0, fault("rate_limit", retry_after_s=4.0), random.Random(seed)) for seed in range(50)}
    assert 4.0 <= min(waits) < 4.2 < 4.8 < max(waits) <= 5.0


def test_repeated_attempt_may_be_silent_for_all_the_time_that_is_left():
    """Nobody waits behind it; the first round leaves time for the others."""
    steps, _, _ = play([fault("server")] * 3 + [None], n=2, retry=Retry(base_s=0.0))
    silences = [step.first_token_s for step in steps if isinstance(step, Open)]
    assert [60.0 * 0.6, None, None, None] == silences


def test_failure_that_ends_the_call_in_the_second_round_is_the_one_reported():
    steps, _, result = play([fault("server"), fault("invalid_request")], n=1, retry=Retry(base_s=0.0))
    assert ("invalid_request", 2) == (result.code, len(opened(steps)))


def test_target_that_is_limited_beyond_the_deadline_is_not_called_and_says_for_how_long():
    clock, rng = FakeClock(0.0), random.Random(3)
    health = HealthBoard(clock, rng)
    health.failed("t0", fault("rate_limit", retry_after_s=10.0))
    run = attempts([make_target("t0")], deadline=5.0, retry=Retry(), around=Surroundings(clock, rng, health, Lanes(clock)))
    with pytest.raises(StopIteration) as ended:
        next(run)
    error = ended.value.value
    assert ("rate_limit", 429) == (error.code, error.status)
    assert 10.0 <= error.retry_after_s <= 12.5
    assert f"target 't0' is rate limited for another {error.retry_after_s:.1f} s; longer than the deadline allows" == str(error)


def test_limit_that_ends_in_time_is_waited_for():
    clock, rng = FakeClock(0.0), random.Random(3)
    health = HealthBoard(clock, rng)
    health.failed("t0", fault("rate_limit", retry_after_s=0.5))
    run = attempts([make_target("t0")], deadline=5.0, retry=Retry(), around=Surroundings(clock, rng, health, Lanes(clock)))
    assert isinstance(next(run), Sleep)
    assert isinstance(run.send(None), Open)


def test_callers_time_that_ran_out_within_a_target_ends_the_call():
    """An inner router says so; another target could not do better."""
    steps, _, result = play([fault("deadline")], n=3)
    assert (["t0"], "deadline") == (opened(steps), result.code)


def calls_one_after_the_other(scripts, *, takes_first: bool):
    """What several calls on one router do; the first step of each is asked for beforehand, or by the generator alone."""
    clock, rng = FakeClock(), random.Random(5)
    around = Surroundings(clock, rng, HealthBoard(clock, rng), Lanes(clock))
    targets, seen = [make_target(f"t{i}") for i in range(3)], []
    for outcomes in scripts:
        deadline, pending = clock() + 30.0, [*outcomes, None]
        first = first_step(targets, deadline=deadline, around=around) if takes_first else None
        run, outcome = attempts(targets, deadline=deadline, retry=Retry(), around=around, first=first), None
        try:
            while True:
                step = run.send(outcome)
                outcome = None if isinstance(step, Sleep) else pending.pop(0)
                clock.now_s += step.seconds if isinstance(step, Sleep) else 0.5
                seen.append((step, outcome))
                if isinstance(step, Open) and outcome is None:
                    around.health.succeeded(step.target.name, 0.5)
        except StopIteration as stop:
            seen.append(str(stop.value))
    return seen


@given(scripts=st.lists(st.lists(st.sampled_from(CODES), max_size=4), max_size=12))
@settings(max_examples=200, deadline=None)
def test_first_step_taken_beforehand_changes_nothing(scripts):
    outcomes = [[fault(code) for code in codes] for codes in scripts]
    general = calls_one_after_the_other(outcomes, takes_first=False)
    assert general == calls_one_after_the_other(outcomes, takes_first=True)


def test_stream_that_has_begun_may_go_on():
    """When it must have begun stays as it was: with the attempt's own time, or earlier while others are waiting."""
    alone, among = Open(make_target("t"), 3.0, None), Open(make_target("t"), 3.0, 1.0)
    assert [(8.0, 3.0), (8.0, 1.0)] == [(on.timeout_s, on.first_token_s) for on in (alone.going_on(5.0), among.going_on(5.0))]
