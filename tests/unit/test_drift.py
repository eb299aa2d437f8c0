"""Drift: how rarely it cries wolf, how soon it sees one, and what it says."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from routerkit import Cell, Scorecard
from routerkit.drift import BASELINE, Drift, Series, evidence, residual_drift, success_drift

START = datetime(2026, 1, 1, tzinfo=UTC)
MEASURED = Scorecard((Cell("a", "refactor", n=200, passed=170.0),)).estimate("a", "refactor")


def at(i: int) -> datetime:
    return START + timedelta(minutes=i)


def series(*values: float) -> Series:
    """One value a minute."""
    return Series([int(at(i).timestamp() * 1e6) for i in range(len(values))], values)


def outcomes(rng: random.Random, n: int, success_rate: float) -> list[float]:
    return [float(rng.random() < success_rate) for _ in range(n)]


def first_alarm(rng: random.Random, rate: float, true_rate: float, n: int, per_alarm: float) -> int | None:
    """Outcomes until the alarm; None = none within n."""
    are_bad = (rng.random() < true_rate for _ in range(n))
    return next((i for i, found in enumerate(evidence(are_bad, rate, per_alarm), 1) if found >= 1.0), None)


def success(seen: list[float], *, per_alarm: float = 1_000.0) -> Drift:
    found = success_drift("a", "refactor", series(*seen), MEASURED, per_alarm)
    assert found is not None
    return found


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_false_alarms_are_as_rare_as_promised(rate):
    """At exactly the highest normal rate, the worst case: of 400 cells at most n / outcomes_per_false_alarm = 20 % alarm within 100."""
    rng = random.Random(1)
    alarms = sum(first_alarm(rng, rate, rate, 100, 500.0) is not None for _ in range(400))
    assert alarms / 400 <= 100 / 500 + 2 * (0.2 * 0.8 / 400) ** 0.5


def test_mean_time_to_a_false_alarm_is_as_long_as_promised():
    """60 cells without a change, each watched until it alarms or for 1,500 outcomes: on average no fewer than the promised 200."""
    rng = random.Random(2)
    waits = [first_alarm(rng, 0.2, 0.2, 1_500, 200.0) or 1_500 for _ in range(60)]
    assert sum(waits) / len(waits) >= 200


def test_change_is_found_as_fast_after_a_thousand_good_outcomes():
    """What happened long ago does not dull the detector: the delay after 1,000 good outcomes is like that at the start."""

    def delay(n_before: int, seed: int) -> int:
        rng = random.Random(seed)
        are_bad = (rng.random() < (0.1 if i < n_before else 0.6) for i in count())
        return next(i for i, found in enumerate(evidence(are_bad, 0.2), 1) if i > n_before and found >= 1.0) - n_before

    early, late = (sum(delay(n, seed) for seed in range(40)) / 40 for n in (0, 1_000))
    assert late < 30
    assert late <= early * 1.25


def test_worse_target_alarms_and_says_since_when():
    """85 % measured, then 50 % from the 300th outcome on: the alarm names the day of the change, give or take, and both rates."""
    rng = random.Random(3)
    found = success(outcomes(rng, 300, 0.85) + outcomes(rng, 60, 0.5))
    assert found.is_alarm
    assert timedelta(minutes=20) > abs(found.since - at(300))
    assert (0.85, 0.5) == (pytest.approx(found.normal, abs=0.02), pytest.approx(found.now, abs=0.15))
    assert "since 2026-01-01, was 0.84" in found.alarm().said


def test_as_good_as_measured_does_not_alarm():
    """300 outcomes at the measured rate; better than measured is no drift either."""
    rng = random.Random(4)
    assert not success(outcomes(rng, 300, 0.85)).is_alarm
    assert not success(outcomes(rng, 300, 1.0)).is_alarm


def test_unmeasured_kind_is_compared_with_its_own_start():
    """Where the scorecard says nothing about a kind, its first fifty outcomes are what is normal; before that nothing is claimed."""
    rng, unmeasured = random.Random(5), Scorecard().estimate("a", "plan")
    seen = outcomes(rng, BASELINE, 0.9)
    assert success_drift("a", "plan", series(*seen), unmeasured, 1_000.0) is None
    later = success_drift("a", "plan", series(*seen, *outcomes(rng, 80, 0.4)), unmeasured, 1_000.0)
    assert later is not None
    assert later.is_alarm


def test_dearer_and_slower_calls_alarm():
    """Log-normal costs that grow by half, from the baseline's spread of a third."""
    rng = random.Random(6)

    def costs(n: int, factor: float) -> list[float]:
        return [factor * rng.lognormvariate(0.0, 0.3) for _ in range(n)]

    calm = costs(BASELINE + 300, 1.0)
    assert residual_drift("a", "refactor", "cost", series(*calm[:BASELINE]), 1_000.0) is None
    same = residual_drift("a", "refactor", "cost", series(*calm), 1_000.0)
    dearer = residual_drift("a", "refactor", "cost", series(*calm, *costs(80, 1.5)), 1_000.0)
    assert (False, True) == (same.is_alarm, dearer.is_alarm)
    assert 1.5 == pytest.approx(dearer.now / dearer.normal, abs=0.25)
    assert "x expected" in dearer.alarm().said


def test_certainty_overflows_nothing():
    """Ten thousand bad outcomes in a row, and a rate of 0."""
    assert 1.0 < max(evidence([True] * 10_000, 0.0)) < float("inf")
