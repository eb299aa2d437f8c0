"""Runs and task health."""

from __future__ import annotations

import streamlit as st

from routerkit_app.data import ask
from routerkit_app.view import head, nothing, table

_FILL = "routerkit eval run --pool coding --tasks own"


def show() -> None:
    """Runs and task health."""
    head("Runs", "What was run when, how it ended and what it cost; below, tasks that tell targets apart and tasks that do not.")
    found = ask(
        """SELECT run_id, min(started_at) AS first, max(started_at) AS last, count(*) AS samples,
            count(*) FILTER (verdict LIKE 'infra%') AS infra, sum(cost_usd) AS usd
        FROM attempts GROUP BY run_id ORDER BY first DESC LIMIT 200"""
    )
    if found.empty:
        nothing("runs", _FILL)
        return
    table(found, "runs")
    health = ask(
        """SELECT task_id, kind, count(DISTINCT target) AS targets, avg(solved) AS solved FROM task_results
        GROUP BY 1, 2 ORDER BY solved, task_id"""
    )
    flat = health[(health["targets"] > 1) & ((health["solved"] == 0) | (health["solved"] == 1))]
    st.subheader("Task health")
    st.caption(f"{len(flat)} of {len(health)} tasks are solved by all or by none of their targets and so tell none apart.")
    table(health, "tasks")


if __name__ == "__main__":
    show()
