"""From the ledger to what a router should believe: joined late, counted once, alarmed once, due until measured again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from routerkit import Cell, Scorecard
from routerkit.experience import Tally
from routerkit.store import SegmentWriter, due_for_measuring, find_drift, learn, query, raise_alarms, read_outcomes

START = datetime(2026, 1, 10, tzinfo=UTC)
NOW = START + timedelta(days=2)
CARD = Scorecard((Cell("a", "refactor", n=200, passed=180.0),), made_at=START)


def moment(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat()


def call(i: int, *, target: str = "a", at: datetime | None = None, usd: float = 0.01, latency_s: float = 1.0, **more: object):
    """Row of `calls`: the i-th minute, as expected unless said otherwise."""
    row = {"record_id": f"r{i}", "called_at": moment(at or START + timedelta(minutes=i)), "target": target, "kind": "refactor"}
    return row | {"status": "ok", "cost_usd": usd, "expected_usd": 0.01, "latency_s": latency_s} | more


def report(i: int, success: bool, *, after: timedelta = timedelta(hours=1)):
    return {"record_id": f"r{i}", "reported_at": moment(START + timedelta(minutes=i) + after), "success": success, "evidence": ""}


@pytest.fixture
def store(tmp_path):
    """Writes rows of the ledger."""

    def write(calls=(), reports=()):
        for name, rows in (("calls", calls), ("reports", reports)):
            writer = SegmentWriter(tmp_path, name)
            for row in rows:
                writer.append(row)
            writer.close()
        return tmp_path

    return write


def test_last_report_counts_and_silence_is_missing(store):
    """A call reported twice has its last outcome; one without a report has none, and is not a failure."""
    folder = store([call(1), call(2)], [report(1, True), report(1, False, after=timedelta(hours=9))])
    assert [("a", "refactor", False)] == [(o.target, o.kind, o.success) for o in read_outcomes(folder)]


def test_report_about_a_cascade_speaks_for_no_single_target(store):
    """What a first step is heard of was accepted; what comes to the second was too hard for the first. Older rows count no steps."""
    plans = ([], ["a"], ["a", "b"])
    old = [call(i, decision={"steps": steps}) for i, steps in enumerate(plans)]
    new = [call(i, decision={"steps": steps}, n_steps=len(steps)) for i, steps in enumerate(plans, 3)]
    folder = store([*old, *new], [report(i, True) for i in range(6)])
    assert [True] * 4 == [o.success for o in read_outcomes(folder)]


def test_report_about_an_unknown_call_is_passed_over(store):
    """It joins nothing, breaks nothing, and counts once the call's row arrives."""
    folder = store([call(1)], [report(7, False)])
    assert [] == read_outcomes(folder)
    store([call(7)])
    assert 1 == len(read_outcomes(folder))


def test_outcomes_become_what_the_router_believes(store):
    """Three reports of today: counted in the cell of the target that answered."""
    folder = store([call(i) for i in range(3)], [report(i, i > 0) for i in range(3)])
    experience, drifts = learn(folder, CARD, now=START, half_life=timedelta(days=1_000))
    (tally,) = experience.tallies.values()
    assert Tally(3, 3.0, 2.0) == Tally(tally.n, pytest.approx(tally.weight, abs=0.01), pytest.approx(tally.passed, abs=0.01))
    assert [False] == [d.is_alarm for d in drifts]


def test_failing_target_alarms_once_and_is_due_until_measured_again(store):
    """40 failures against 90 % measured: one alarm, however often it is looked for, and nothing due under the next scorecard."""
    folder = store([call(i) for i in range(40)], [report(i, False) for i in range(40)])
    experience, drifts = learn(folder, CARD, now=NOW)
    assert [("a", "refactor", "success", True)] == [(d.target, d.kind, d.measure, d.is_alarm) for d in drifts]
    assert "0.00 over 40 since 2026-01-10" in experience.adjusted("a", "refactor", CARD.estimate("a", "refactor")).note
    assert [1, 0] == [raise_alarms(folder, drifts, CARD, now=NOW) for _ in range(2)]
    assert [(1,)] == list(query(folder, "SELECT count(*) FROM alarms").rows)
    assert [("a", "refactor", "success")] == due_for_measuring(folder, CARD.revision)
    assert [] == due_for_measuring(folder, "another")


def test_after_a_drift_only_what_came_since_counts(store):
    """60 successes, then 40 failures: the tally that the router gets is of the failures alone, give or take one."""
    folder = store([call(i) for i in range(100)], [report(i, i < 60) for i in range(100)])
    experience, _ = learn(folder, CARD, now=NOW)
    tally = experience.tallies["a", "refactor"]
    assert (40, 0.0) == (pytest.approx(tally.n, abs=1), pytest.approx(tally.passed, abs=1))


def test_outcomes_of_before_the_scorecard_say_nothing_about_it(store):
    """Drift is judged on calls made since the scorecard: a target measured again starts anew."""
    calls = [call(i, at=START - timedelta(days=1)) for i in range(40)]
    assert [] == find_drift(store(calls, [report(i, False) for i in range(40)]), CARD)


def test_dearer_and_slower_calls_are_found(store):
    """After 60 usual calls, 40 that cost and take three times as much; another target stays as it was."""
    usual = [call(i, usd=0.01 + i % 7 / 1e4, latency_s=1 + i % 5 / 10) for i in range(60)]
    worse = [call(i, usd=0.03, latency_s=3.0) for i in range(60, 100)]
    other = [call(i, target="b", usd=0.01 + i % 7 / 1e4, latency_s=1 + i % 5 / 10) for i in range(200, 300)]
    found = {(d.target, d.measure): d for d in find_drift(store([*usual, *worse, *other]), CARD)}
    assert {"cost": True, "latency": True} == {m: found["a", m].is_alarm for m in ("cost", "latency")}
    assert {"cost": False, "latency": False} == {m: found["b", m].is_alarm for m in ("cost", "latency")}
    assert 3.0 == pytest.approx(found["a", "cost"].now)


def test_nobody_wonders_at_a_millisecond_more(store):
    """Simulated answers, and those of a stub next door, take a moment that trebles as the machine's mood does."""
    rows = [call(i, latency_s=2e-5 * (1 if i < 60 else 300)) for i in range(100)]
    assert not [d for d in find_drift(store(rows), CARD) if d.measure == "latency" and d.is_alarm]


def test_failed_and_unpriced_calls_are_no_costs(store):
    """Only answered calls with a known cost and expectation are compared."""
    rows = [call(i, status="error") for i in range(60)] + [call(i, cost_usd=None, latency_s=None) for i in range(100, 160)]
    assert [] == find_drift(store(rows), CARD)
