"""Cells that no longer perform as measured, over days and nights."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from routerkit import Scorecard
from routerkit.drift import OUTCOMES_PER_FALSE_ALARM
from routerkit.intervals import wilson
from routerkit.store import Drift, find_drift
from routerkit_app import columns
from routerkit_app.charts import drift as charts
from routerkit_app.charts.marks import Picture
from routerkit_app.data import ask, folder
from routerkit_app.filters import Filters, chosen
from routerkit_app.first_steps import to_measure
from routerkit_app.markdown import plain
from routerkit_app.setup import scorecard, setup
from routerkit_app.view import draw, head, nothing, table

_FRESH_S: Final = 60
"""Looking for drift in a million calls takes a second."""
_NIGHTS: Final = 60

_SUCCESS: Final = """
    SELECT date_trunc('day', called_at) AS day, avg(success::INT) AS value, count(*) AS n, sum(success::INT) AS passed
    FROM calls JOIN latest_reports USING (record_id) WHERE target = ? AND kind IS NOT DISTINCT FROM ? GROUP BY 1 ORDER BY 1"""
_SPREAD: Final = """
    SELECT date_trunc('day', called_at) AS day, quantile_cont({value}, 0.5) AS value, quantile_cont({value}, 0.25) AS low,
        quantile_cont({value}, 0.75) AS high, count(*) AS n
    FROM calls WHERE status = 'ok' AND target = ? AND kind IS NOT DISTINCT FROM ? GROUP BY 1 HAVING count({value}) > 0 ORDER BY 1"""
_VALUES: Final = {"cost": "cost_usd / nullif(expected_usd, 0)", "latency": "latency_s"}
# A task that was repeated in one night counts once; what the provider or the sandbox did wrong counts for nobody.
_BY_NIGHT: Final = """
    WITH tasks AS (
        SELECT strftime(started_at, '%Y-%m-%d') AS night, target, task_id, avg(value) AS solved
        FROM (SELECT * FROM results WHERE {where}) JOIN (SELECT attempt_id, value FROM scores WHERE counts) USING (attempt_id)
        GROUP BY 1, 2, 3)
    SELECT night, target, avg(solved) AS share, sum(solved) AS solved, count(*) AS n FROM tasks
    GROUP BY 1, 2 QUALIFY dense_rank() OVER (ORDER BY night DESC) <= {nights} ORDER BY 1, 2"""
_COLUMNS: Final = {
    "was": st.column_config.TextColumn(width=120),
    "now": st.column_config.TextColumn(width=120),
    "since": columns.instant("since"),
    "evidence": st.column_config.NumberColumn(help="From 1 on it is an alarm.", format="%.3g"),
}
_ALARMS: Final = (
    "SELECT raised_at, target, kind, measure, normal, seen, n_seen, since, scorecard_revision FROM alarms ORDER BY raised_at DESC"
)


def show() -> None:
    """Cells over days, with alarms; cells over nights."""
    head("Drift", "Which target is no longer what it was measured to be. An alarm may be looked at every day without becoming more likely.")
    configured = setup()
    card, rate = scorecard(configured), configured.config.outcomes_per_false_alarm if configured else OUTCOMES_PER_FALSE_ALARM
    found = _found(str(folder()), card.revision, rate, card)
    nights = ask("SELECT count(DISTINCT started_at::DATE) AS n FROM samples")["n"].iloc[0]
    if not found and not nights:
        nothing("outcomes to compare", to_measure())
        st.caption("Calls are compared once there are reports (`routerkit report RECORD --success`), or 50 of one target and kind.")
        return
    filters = chosen()
    looked_at = [d for d in found if d.kind in (filters.kind or (d.kind,)) and d.target in (filters.target or (d.target,))]
    if looked_at:
        _production(looked_at, card, rate)
    if nights:
        _nights(filters)
    raised = ask(_ALARMS)
    if not raised.empty:
        st.subheader("Alarms that were raised")
        table(raised, "alarms", {"raised_at": columns.instant("raised"), "since": columns.instant("since")})


def drifts_frame(found: list[Drift]) -> pd.DataFrame:
    """One row per cell and measure, worst first."""
    return pd.DataFrame(
        [
            {
                "state": "ALARM" if d.is_alarm else "no alarm",
                "target": d.target,
                "kind": d.kind or "unknown",
                "measure": d.measure,
                "was": d.figure(d.normal),
                "now": d.figure(d.now),
                "over": d.n_now,
                "since": d.since,
                "watched": d.n,
                "evidence": d.evidence,
            }
            for d in found
        ]
    )


@st.cache_data(ttl=_FRESH_S, show_spinner="Comparing with the scorecard …")
def _found(folder: str, revision: str, rate: float, _card: Scorecard) -> list[Drift]:
    return find_drift(Path(folder), _card, outcomes_per_false_alarm=rate)


def _production(found: list[Drift], card: Scorecard, rate: float) -> None:
    alarms = [d for d in found if d.is_alarm]
    against = f"scorecard {card.cited}" if card.revision else "their own beginning (no scorecard is in force)"
    st.metric(
        "alarms", len(alarms), help=f"Evidence of 1 or more; without any change a cell alarms once in {rate:,.0f} outcomes, on average."
    )
    st.caption(f"Measures of cells compared with {plain(against)}: {len(found)}")
    by_name = {f"{d.target} · {d.kind or 'unknown'} · {d.measure}": d for d in found}
    draw(_days_chart(by_name[st.selectbox("Cell", list(by_name), key="cell", bind="query-params")]), key="days")
    table(drifts_frame(found), "drift", _COLUMNS)
    if alarms:
        st.caption("An alarm is answered by measuring again; publishing the result clears it:")
        st.code("routerkit eval run --suite evals/suites/nightly.toml", language="sh")


def _days_chart(d: Drift) -> Picture:
    what = {"success": "Reported success", "cost": "Cost against what was expected", "latency": "Seconds"}[d.measure]
    says = (
        f"alarm: {d.figure(d.now)} since {d.since:%d %b}, was {d.figure(d.normal)}"
        if d.is_alarm
        else f"no alarm, {d.figure(d.now)} over {d.n_now:,}; dashed is what it was measured to be"
    )
    since = pd.Timestamp(d.since) if d.is_alarm else None
    return charts.days(
        days(d), measure=d.measure, normal=d.normal, since=since, title=f"{what} of {d.target} on {d.kind or 'unknown'}: {says}"
    )


def days(d: Drift) -> pd.DataFrame:
    """What the alarm looks at, day by day: shares with 95 % intervals, or medians with quartiles."""
    if d.measure != "success":
        return ask(_SPREAD.format(value=_VALUES[d.measure]), [d.target, d.kind])
    return with_intervals(ask(_SUCCESS, [d.target, d.kind]), "passed")


def _nights(filters: Filters) -> None:
    st.subheader("Night by night")
    where = filters.samples()
    found = ask(_BY_NIGHT.format(where=where.sql, nights=_NIGHTS), where.params)
    if found.empty:
        st.caption("No answer within the filters counts.")
        return
    draw(charts.nights(with_intervals(found, "solved")), key="nights")
    table(found, "nights", {"share": columns.share("solved"), "solved": columns.count("tasks solved"), "n": columns.count("of")})


def with_intervals(frame: pd.DataFrame, passed: str) -> pd.DataFrame:
    """The rows with `low` and `high`, the 95 % Wilson interval of `passed` of `n`."""
    intervals = [wilson(float(k), int(n)) for k, n in zip(frame[passed], frame["n"], strict=True)]
    return frame.assign(low=[i.low for i in intervals], high=[i.high for i in intervals])


if __name__ == "__main__":
    show()
