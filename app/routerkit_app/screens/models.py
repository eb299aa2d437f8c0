"""Quality against dollars and seconds."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from routerkit.intervals import wilson
from routerkit_app.data import ask
from routerkit_app.view import head, nothing, table
from routerkit_evals.charts import Point, pareto

_FILL = "routerkit eval run --pool coding --tasks own"


def show() -> None:
    """Quality against dollars and seconds, with intervals."""
    head("Models", "Up and left is better. A bar is the 95 % interval: targets whose bars overlap are not told apart.")
    totals = ask("SELECT * FROM totals ORDER BY share DESC")
    if totals.empty:
        nothing("measurements", _FILL)
        return
    kinds = ["all", *ask("SELECT DISTINCT kind FROM cells ORDER BY kind")["kind"]]
    kind = st.selectbox("task kind", kinds, key="kind")
    found = totals if kind == "all" else ask("SELECT * FROM cells WHERE kind = ? ORDER BY share DESC", [kind])
    priced = found[found["cost_per_task_usd"].notna()]
    if not priced.empty:
        st.altair_chart(
            pareto(_points(priced, "cost_per_task_usd"), unit="usd", title="Solved tasks against dollars per task"),
            height=400,
        )
    if len(priced) < len(found):
        st.caption(f"Without a known price, so not in the picture: {', '.join(found[found['cost_per_task_usd'].isna()]['target'])}")
    timed = found[found["latency_s"].notna()]
    if not timed.empty:
        st.altair_chart(pareto(_points(timed, "latency_s"), unit="s", title="Solved tasks against seconds per task"), height=400)
    table(_with_interval(found), "models")


def _points(frame: pd.DataFrame, x: str) -> list[Point]:
    found = []
    for row in frame.to_dict("records"):
        interval = wilson(row["solved"], row["n_tasks"])
        found.append(Point(row["target"], row["share"], interval.low, interval.high, int(row["n_tasks"]), row[x], row[x], row[x]))
    return found


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    intervals = [wilson(row.solved, row.n_tasks) for row in frame.itertuples()]
    return frame.assign(low=[i.low for i in intervals], high=[i.high for i in intervals])


if __name__ == "__main__":
    show()
