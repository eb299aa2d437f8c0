"""Quality against dollars and seconds."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from routerkit_app.charts.quality import pareto
from routerkit_app.filters import chosen
from routerkit_app.first_steps import to_measure
from routerkit_app.frontier import with_frontier
from routerkit_app.markdown import plain
from routerkit_app.measured import against_dollars, against_seconds, apart, by_target, n_samples
from routerkit_app.view import draw, head, nothing, table, warn_of_other_tasks

_SHOWN: Final = [
    "target",
    "n_tasks",
    "n_samples",
    "share",
    "low",
    "high",
    "cost_per_task_usd",
    "cost_per_solved_usd",
    "latency_s",
    "p95_s",
    "p_frontier",
]


def show() -> None:
    """Draw the page."""
    head("Models", "Up and left is better. Bars are 95 % intervals: targets whose bars overlap are not told apart.")
    found = by_target(chosen().samples())
    if found.empty:
        nothing("measurements", to_measure(), n_elsewhere=n_samples())
        return
    warn_of_other_tasks(apart(chosen().samples()))
    priced, timed = with_frontier(against_dollars(found)), with_frontier(against_seconds(found))
    left, right = st.columns(2)
    with left:
        _picture(found, priced, "dollars per task", "$~r", "price")
    with right:
        _picture(found, timed, "p95 seconds per task", "~r", "latency")
    joined = found.merge(priced[["target", "p_frontier"]], on="target", how="left")
    table(joined[_SHOWN], "models")


def _picture(found: pd.DataFrame, placed: pd.DataFrame, unit: str, axis_format: str, missing: str) -> None:
    if not placed.empty:
        title = f"Solved tasks against {unit}: the dashed line is the frontier"
        draw(pareto(placed, title=title, unit=unit, axis_format=axis_format), key=missing)
    left_out = sorted(set(found["target"]) - set(placed["target"]))
    if left_out:
        st.caption(f"Without a known {missing}, so not in the picture: {plain(', '.join(left_out))}")


if __name__ == "__main__":
    show()
