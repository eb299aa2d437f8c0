"""Off-policy estimates against a known truth: how often the intervals hold it, and when there must be none."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from routerkit.offpolicy import Evaluation, Logged, evaluate

RATES = {"cheap": 0.6, "dear": 0.9, "poor": 0.3}
OLD = {"cheap": 0.8, "dear": 0.15, "poor": 0.05}
NEW = {"cheap": 0.1, "dear": 0.9, "poor": 0.0}
TRUTH = sum(NEW[a] * RATES[a] for a in RATES)


def log(rng: random.Random, n: int, *, model_error: float, per_session: int = 1) -> list[Logged]:
    """Calls routed by OLD, in view of NEW; calls of one session succeed or fail alike."""
    rows: list[Logged] = []
    for session in range(n // per_session):
        luck = rng.random()
        for _ in range(per_session):
            action = rng.choices(tuple(OLD), tuple(OLD.values()))[0]
            outcome = float((luck if per_session > 1 else rng.random()) < RATES[action])
            predicted_new = sum(NEW[a] * (RATES[a] - model_error) for a in NEW)
            rows.append(Logged(NEW[action] / OLD[action], outcome, RATES[action] - model_error, predicted_new, 1.0, session))
    return rows


def held(found: list[Evaluation], name: str) -> float:
    """Share of the intervals that hold the truth."""
    intervals = [getattr(e, name) for e in found]
    return fmean(i.low <= TRUTH <= i.high for i in intervals)


@pytest.mark.slow
@pytest.mark.parametrize(("model_error", "per_session"), [(0.0, 1), (0.3, 1), (0.3, 5)])
def test_intervals_hold_the_truth_as_often_as_they_say(model_error, per_session):
    """200 logs of 600 calls: 95 % intervals hold it in 90 to 99 % of them, also with a model off by 0.3 and calls in sessions."""
    rng = random.Random(11)
    found = [evaluate(log(rng, 600, model_error=model_error, per_session=per_session)) for _ in range(200)]
    for name in ("ips", "snips", "dr"):
        assert 0.90 <= held(found, name) <= 0.99, name
        assert pytest.approx(fmean(getattr(e, name).value for e in found), abs=0.012) == TRUTH


def test_a_right_model_narrows_the_interval():
    """That is what the doubly robust estimate is for."""
    rng = random.Random(12)
    found = [evaluate(log(rng, 600, model_error=0.0)) for _ in range(20)]
    width = {name: fmean(getattr(e, name).high - getattr(e, name).low for e in found) for name in ("ips", "dr")}
    assert width["dr"] < 0.75 * width["ips"]


def test_dependent_calls_widen_the_interval():
    """Taken for independent, calls of one session would promise too much."""
    rng = random.Random(13)
    rows = log(rng, 1_000, model_error=0.0, per_session=10)
    alone = [row._replace(cluster=i) for i, row in enumerate(rows)]
    honest, naive = evaluate(rows).dr, evaluate(alone).dr
    assert honest.high - honest.low > 1.5 * (naive.high - naive.low)


def test_change_is_against_what_was_logged():
    """New minus logged: the truth of the difference lies in the interval, and so does its sign."""
    change = evaluate(log(random.Random(14), 3_000, model_error=0.1)).change
    logged = sum(OLD[a] * RATES[a] for a in RATES)
    assert change.low <= TRUTH - logged <= change.high
    assert change.low > 0.0


def test_no_overlap_is_refused():
    """Picks that the old policy never makes have no outcomes: no figure, and the reason with the remedy."""
    rows = [Logged(0.0, 1.0, 0.9, 0.9, 0.0, i) for i in range(1_000)]
    found = evaluate(rows)
    assert (None, None, None, None) == (found.ips, found.snips, found.dr, found.change)
    assert found.why_not.startswith("100% of the new picks could never have been logged")
    assert "explore_share" in found.why_not
    assert (1_000, 1.0) == (found.n, found.logged.value)


def test_thin_overlap_is_refused():
    """1,000 calls of which 20 carry all the weight are 20 calls."""
    rows = [Logged(50.0 if i < 20 else 0.0, 1.0, 0.9, 0.9, 1.0, i) for i in range(1_000)]
    found = evaluate(rows)
    assert 20.0 == pytest.approx(found.effective_n)
    assert "as much about the new policy as 20 outcomes of its own, and 50 are needed" in found.why_not


def test_same_policy_needs_no_model():
    """Weights of 1 give the logged mean; without a prediction there is no doubly robust figure, but the others."""
    found = evaluate([Logged(1.0, float(i % 2), None, None, 1.0, i) for i in range(200)])
    assert (0.5, 0.5, None) == (found.ips.value, found.snips.value, found.dr)
    assert found.ips == pytest.approx(found.logged)


def test_nothing_logged():
    """No outcome, no figure."""
    assert (0, None, "no outcome is known") == (evaluate([]).n, evaluate([]).logged, evaluate([]).why_not)
