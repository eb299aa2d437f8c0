"""Which target for which kind of work."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from routerkit.intervals import wilson
from routerkit_app.data import ask
from routerkit_app.view import head, nothing, table
from routerkit_evals.charts import Tile, heat_map

_FILL = "routerkit eval run --pool coding --tasks own"


def show() -> None:
    """Heat map of target and kind."""
    head("By kind", "Which target is worth its money for which kind of work. Empty tiles were never measured.")
    cells = ask("SELECT target, kind, n_tasks, solved, share, cost_per_solved_usd FROM cells ORDER BY kind, target")
    if cells.empty:
        nothing("measurements", _FILL)
        return
    # Streamlit squeezes a chart, title and all, into this height.
    height = 120 + 56 * cells["kind"].nunique()
    st.altair_chart(heat_map(tiles(cells), title="Share of tasks solved, and how many there were"), height=height)
    table(_with_interval(cells), "cells")


def tiles(cells: pd.DataFrame) -> list[Tile]:
    """Every target with every kind; missing ones are unmeasured."""
    known = {(row.target, row.kind): row for row in cells.itertuples()}
    found: list[Tile] = []
    for kind in dict.fromkeys(cells["kind"]):
        for target in dict.fromkeys(sorted(cells["target"])):
            row = known.get((target, kind))
            if row is None:
                found.append(Tile(target, kind, None))
            else:
                interval = wilson(row.solved, row.n_tasks)
                found.append(Tile(target, kind, row.share, interval.low, interval.high, row.n_tasks))
    return found


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    intervals = [wilson(row.solved, row.n_tasks) for row in frame.itertuples()]
    return frame.assign(low=[i.low for i in intervals], high=[i.high for i in intervals])


if __name__ == "__main__":
    show()
