"""What was run, what is running, and what it changed."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from routerkit_app.data import FRESH_S, ask
from routerkit_app.filters import Where, chosen
from routerkit_app.first_steps import to_measure
from routerkit_app.markdown import plain
from routerkit_app.measured import n_samples
from routerkit_app.scorecards import what_changed
from routerkit_app.view import head, nothing, table, usd

_DEAD_AFTER_MIN: Final = 30.0
"""No answer for so long is rarer than a killed run."""
_MOST_RUNS: Final = 200
_MOST_TASKS: Final = 1_000


def show() -> None:
    """Draw the page."""
    head("Runs", "What was run when, how it ended and what it cost; what it changed; which tasks tell targets apart.")
    where = chosen().samples()
    found = _runs(where)
    if found.empty:
        nothing("runs", to_measure(), n_elsewhere=n_samples())
        return
    _progress()
    table(found, "runs")
    _scorecard()
    _tasks(where)


@st.fragment(run_every=FRESH_S)
def _progress() -> None:
    """Runs that have begun and not ended; drawn again while the page is open."""
    for run in _unfinished().itertuples():
        n, n_planned = int(run.n_done), int(run.n_todo)
        spent = f"{usd(run.usd)} spent, last answer {run.quiet_min:.0f} min ago"
        st.progress(min(1.0, n / max(1, n_planned)), text=plain(f"{run.run_id}: {n:,} of {n_planned:,} answers, {spent}"))
        if run.quiet_min > _DEAD_AFTER_MIN:
            st.caption("It was probably killed. `routerkit eval run` with the same arguments resumes where it stopped.")


def _unfinished() -> pd.DataFrame:
    return ask(
        """SELECT r.run_id, greatest(0, r.n_planned - coalesce(r.n_known, 0)) AS n_todo, count(a.attempt_id) AS n_done,
            sum(a.cost_usd) AS usd, coalesce(max(a.started_at), any_value(r.started_at)) AS last_at,
            date_diff('second', last_at, now()::TIMESTAMPTZ AT TIME ZONE 'UTC') / 60 AS quiet_min
        FROM runs AS r LEFT JOIN attempts AS a USING (run_id)
        WHERE r.status = 'running' GROUP BY r.run_id, n_todo ORDER BY r.run_id DESC LIMIT 5"""
    )


def _runs(where: Where) -> pd.DataFrame:
    return ask(
        f"""SELECT run_id, coalesce(any_value(r.status), 'not recorded') AS status, min(started_at) AS first_at,
            max(started_at) AS last_at, count(*) AS n_samples, count(*) FILTER (verdict LIKE 'infra%') AS n_lost,
            count(DISTINCT target) AS n_targets, CASE WHEN count(cost_usd) = count(*) THEN sum(cost_usd) END AS usd
        FROM attempts LEFT JOIN (SELECT run_id, status FROM runs) AS r USING (run_id)
        WHERE {where.sql} GROUP BY run_id ORDER BY first_at DESC LIMIT {_MOST_RUNS}""",  # noqa: S608  columns are ours, values are bound
        where.params,
    )


def _scorecard() -> None:
    st.subheader("What the last scorecard changed", anchor=False)
    cards = ask(
        """SELECT s.* FROM scorecards AS s JOIN (SELECT revision, any_value(made_at) AS made_at FROM scorecards GROUP BY revision
            ORDER BY made_at DESC NULLS LAST LIMIT 2) USING (revision)"""
    )
    changes = what_changed(cards)
    if changes is None:
        st.caption("It takes two published scorecards: `routerkit scores publish` after each run.")
        return
    st.caption(f"{plain(changes.before)} to {plain(changes.after)}; a change is marked when the new mean lies outside the old interval.")
    table(changes.cells, "scorecard")


def _tasks(where: Where) -> None:
    st.subheader("Task health", anchor=False)
    found = ask(
        f"""SELECT task_id, kind, count(DISTINCT target) AS n_targets, sum(n)::BIGINT AS n_samples, avg(solved) AS solved
        FROM task_results WHERE task_id IN (SELECT task_id FROM results WHERE {where.sql}) GROUP BY 1, 2 ORDER BY solved, task_id""",  # noqa: S608
        where.params,
    )
    flat = found[(found["n_targets"] > 1) & found["solved"].isin([0, 1])]
    st.caption(f"{len(flat):,} of {len(found):,} tasks are solved by all or by none of their targets and so tell none apart.")
    table(found.head(_MOST_TASKS), "tasks")


if __name__ == "__main__":
    show()
