"""Which target is worth its money for which kind of work."""

from __future__ import annotations

from typing import Final

import pandas as pd

from routerkit_app.charts.quality import heat_map
from routerkit_app.filters import chosen
from routerkit_app.first_steps import to_measure
from routerkit_app.measured import apart, by_cell, n_samples
from routerkit_app.view import draw, head, nothing, table, warn_of_other_tasks

_SHOWN: Final = ["kind", "target", "n_tasks", "share", "low", "high", "cost_per_solved_usd", "latency_s"]


def show() -> None:
    """Draw the page."""
    head("By kind", "Which target is worth its money for which kind of work. Pale tiles were never measured.")
    cells = by_cell(chosen().samples())
    if cells.empty:
        nothing("measurements", to_measure(), n_elsewhere=n_samples())
        return
    warn_of_other_tasks(apart(chosen().samples()))
    draw(heat_map(every_cell(cells), title="Share of tasks solved: darker is better, small n is a guess"), key="kinds")
    table(cells[_SHOWN], "cells")


def every_cell(cells: pd.DataFrame) -> pd.DataFrame:
    """Every target with every kind; what is not in `cells` is missing."""
    every = pd.MultiIndex.from_product([sorted(cells["target"].unique()), sorted(cells["kind"].unique())], names=["target", "kind"])
    wanted = cells.set_index(["target", "kind"])[["share", "low", "high", "n_tasks"]]
    return wanted.reindex(every).reset_index()


if __name__ == "__main__":
    show()
