"""What the ledger says about production: reported outcomes, drifted cells, and what is due for measuring again."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from routerkit.drift import BASELINE, OUTCOMES_PER_FALSE_ALARM, Drift, Series, residual_drift, success_drift
from routerkit.experience import HALF_LIFE, Experience, OnDrift, Outcome, tallied
from routerkit.scorecard import Scorecard
from routerkit.store.readers import query
from routerkit.store.schema import ALARMS, Row
from routerkit.store.segments import SegmentWriter

_PER_CELL: Final = 2_000
"""Newest calls of a cell that are looked at for cost and latency; keeps a look at a million rows under a few seconds."""
_LEAST_S: Final = 0.01
"""Answers that come sooner count as if they came then: no model is that fast, and what is left are moods of the machine."""
_FORGOTTEN: Final = 8
"""Half-lives after which a report no longer counts (less than half a percent is left)."""

# What was stored before steps were counted says so in the decision, whose kilobytes per row nobody should read for nothing.
_HEARD: Final = """
    SELECT c.target, c.kind, r.reported_at, r.success, record_id
    FROM latest_reports AS r JOIN calls AS c USING (record_id)
    WHERE c.target IS NOT NULL AND c.cached_from IS NULL AND c.called_at >= ? AND (c.n_steps < 2 OR record_id IN (
        SELECT record_id FROM calls WHERE n_steps IS NULL AND coalesce(json_array_length(decision, '$.steps'), 0) < 2))"""
_OUTCOMES: Final = f"SELECT target, kind, reported_at, success FROM ({_HEARD}) ORDER BY reported_at, record_id"  # noqa: S608  ours
# What was reported in the same microsecond is put in order by what it says: by record, half the time would go into comparing ids.
_SUCCESSES: Final = f"""
    SELECT target, kind, list(epoch_us(reported_at) ORDER BY reported_at), list(success::INT ORDER BY reported_at, success)
    FROM ({_HEARD}) GROUP BY target, kind"""  # noqa: S608  ours
_RESIDUALS: Final = f"""
    WITH good AS (
        SELECT target, kind, called_at, record_id, cost_usd / nullif(expected_usd, 0) AS cost,
            CASE WHEN latency_s < {_LEAST_S} THEN {_LEAST_S} ELSE latency_s END AS latency_s
        FROM calls WHERE status = 'ok' AND target IS NOT NULL AND cached_from IS NULL AND called_at >= ?),
    ends AS (
        SELECT target, kind, min(called_at, {BASELINE})[-1] AS first, max(called_at, {_PER_CELL})[-1] AS last
        FROM good GROUP BY target, kind)
    SELECT good.target, good.kind, list(epoch_us(called_at) ORDER BY called_at), list(cost ORDER BY called_at, record_id),
        list(latency_s ORDER BY called_at, record_id)
    FROM good JOIN ends ON good.target = ends.target AND good.kind IS NOT DISTINCT FROM ends.kind
    WHERE called_at <= first OR called_at >= last GROUP BY good.target, good.kind"""  # noqa: S608  ours


class Due(NamedTuple):
    """A cell to measure again."""

    target: str
    kind: str | None
    why: str
    """Measures that alarmed, e.g. `success, cost`."""


def read_outcomes(folder: Path, *, since: datetime | None = None) -> list[Outcome]:
    """The last report about each call made since then, oldest report first. A call nobody reported on is missing, not a failure.

    Calls through a cascade are left out: its first step is heard of only where its answer was accepted, the next ones only on what was too
    hard for it, so neither share is the target's own.

    Raises:
        StoreError: as `query`.
    """
    rows = query(folder, _OUTCOMES, [_stored(since)]).rows
    return [Outcome(str(target), _text(kind), _instant(at), bool(success)) for target, kind, at, success in rows]


def find_drift(folder: Path, scorecard: Scorecard, *, outcomes_per_false_alarm: float = OUTCOMES_PER_FALSE_ALARM) -> list[Drift]:
    """Every cell with enough production traffic since the scorecard was made, worst first.

    Success is judged by reports; cost and latency by calls that were answered, failed attempts before the answer included.

    Raises:
        StoreError: as `query`.
    """
    since = [_stored(scorecard.made_at)]
    found = [
        *_success(query(folder, _SUCCESSES, since).rows, scorecard, outcomes_per_false_alarm),
        *_residuals(query(folder, _RESIDUALS, since).rows, outcomes_per_false_alarm),
    ]
    return sorted(found, key=lambda d: (-d.evidence, d.target, d.kind or "", d.measure))


def learn(
    folder: Path,
    scorecard: Scorecard,
    *,
    now: datetime,
    half_life: timedelta = HALF_LIFE,
    on_drift: OnDrift = "widen",
    outcomes_per_false_alarm: float = OUTCOMES_PER_FALSE_ALARM,
) -> tuple[Experience, list[Drift]]:
    """What a router should believe besides its scorecard, and the drift behind it.

    Raises:
        StoreError: as `query`.
    """
    drifts = find_drift(folder, scorecard, outcomes_per_false_alarm=outcomes_per_false_alarm)
    outcomes = _without_the_past(read_outcomes(folder, since=now - _FORGOTTEN * half_life), drifts)
    alarmed = [d for d in drifts if d.is_alarm]
    alarms = {cell: tuple(d.alarm() for d in alarmed if (d.target, d.kind) == cell) for cell in {(d.target, d.kind) for d in alarmed}}
    return Experience(tallied(outcomes, now=now, half_life=half_life), alarms, on_drift), drifts


def raise_alarms(folder: Path, drifts: Iterable[Drift], scorecard: Scorecard, *, now: datetime) -> int:
    """Remember the alarms among these, each once per scorecard, so that the next measuring run finds them; returns how many are new.

    Raises:
        StoreError: as `query`.
    """
    found = [_alarm_row(drift, scorecard, now) for drift in drifts if drift.is_alarm]
    if not found:
        return 0
    known = {row[0] for row in query(folder, "SELECT alarm_id FROM alarms WHERE scorecard_revision = ?", [scorecard.revision]).rows}
    rows = [row for row in found if row["alarm_id"] not in known]
    if rows:
        writer: SegmentWriter[Row] = SegmentWriter(folder, ALARMS.name)
        for row in rows:
            writer.append(row)
        writer.close()
    return len(rows)


def due_for_measuring(folder: Path, scorecard_revision: str) -> list[Due]:
    """Cells that alarmed against this scorecard; a newer one has measured them again, so nothing is due any more.

    Raises:
        StoreError: as `query`.
    """
    sql = (
        "SELECT target, kind, string_agg(measure, ', ' ORDER BY measure) FROM alarms WHERE scorecard_revision = ? GROUP BY ALL ORDER BY ALL"
    )
    rows = query(folder, sql, [scorecard_revision]).rows
    return [Due(str(target), _text(kind), str(why)) for target, kind, why in rows]


def _without_the_past(outcomes: Iterable[Outcome], drifts: Iterable[Drift]) -> list[Outcome]:
    """Of a cell whose success has drifted, only what was reported since then."""
    since = {(d.target, d.kind): d.since for d in drifts if d.is_alarm and d.measure == "success"}
    return [o for o in outcomes if (start := since.get((o.target, o.kind))) is None or o.reported_at >= start]


def _success(cells: Iterable[tuple[Any, ...]], scorecard: Scorecard, per_alarm: float) -> Iterator[Drift]:
    for target, kind, instants_us, values in cells:
        found = success_drift(target, kind, Series(instants_us, values), scorecard.estimate(target, kind), per_alarm)
        if found:
            yield found


def _residuals(cells: Iterable[tuple[Any, ...]], per_alarm: float) -> Iterator[Drift]:
    for target, kind, instants_us, *columns in cells:
        for measure, values in zip(("cost", "latency"), columns, strict=True):
            known = [(at, value) for at, value in zip(instants_us, values, strict=True) if value is not None and math.isfinite(value)]
            found = residual_drift(target, kind, measure, Series([at for at, _ in known], [value for _, value in known]), per_alarm)
            if found:
                yield found


def _alarm_row(drift: Drift, scorecard: Scorecard, now: datetime) -> Row:
    name = f"{drift.target}\0{drift.kind}\0{drift.measure}\0{scorecard.revision}"
    return {
        "alarm_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "raised_at": _stored(now),
        "target": drift.target,
        "kind": drift.kind,
        "measure": drift.measure,
        "normal": drift.normal,
        "seen": drift.now,
        "n_seen": drift.n_now,
        "since": None if drift.since is None else _stored(drift.since),
        "scorecard_revision": scorecard.revision,
    }


def _stored(at: datetime | None) -> str:
    """An instant as columns hold it; without one, the beginning of time."""
    return "1970-01-01" if at is None else at.astimezone(UTC).replace(tzinfo=None).isoformat()


def _instant(value: object) -> datetime:
    assert isinstance(value, datetime)
    return value.replace(tzinfo=UTC)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
