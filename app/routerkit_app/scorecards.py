"""What changed between two published scorecards, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class Changes:
    """The newer scorecard beside the older one."""

    before: str
    """Revision."""
    after: str
    cells: pd.DataFrame
    """`target`, `kind`, `before`, `after`, `change`, `why`; largest change first."""


def what_changed(cards: pd.DataFrame) -> Changes | None:
    """Compare the cells of two revisions; None when there are fewer.

    Args:
        cards: Rows of table `scorecards`.
    """
    revisions = list(cards.sort_values("made_at")["revision"].drop_duplicates())
    if len(revisions) < 2:
        return None
    old, new = (cards[cards["revision"] == r].set_index(["target", "kind"]) for r in revisions[-2:])
    was = old[["p_mean", "p_low", "p_high", "n", "passed"]]
    joined = new[["p_mean", "n", "passed"]].join(was, how="outer", lsuffix="_new", rsuffix="_old")
    joined["change"] = joined["p_mean_new"] - joined["p_mean_old"]
    joined["why"] = [_why(row) for row in joined.to_dict("records")]
    cells = joined.rename(columns={"p_mean_old": "before", "p_mean_new": "after"}).reset_index()
    cells = cells.sort_values("change", key=lambda c: c.abs().fillna(2.0), ascending=False)
    return Changes(revisions[-2], revisions[-1], cells[["target", "kind", "before", "after", "change", "why"]])


def _why(row: dict[str, float]) -> str:
    if pd.isna(row["p_mean_old"]):
        return "newly measured"
    if pd.isna(row["p_mean_new"]):
        return "no longer measured"
    n, passed = row["n_new"] - row["n_old"], row["passed_new"] - row["passed_old"]
    said = f"{passed:+.4g} solved of {n:+.4g} tasks" if n or passed else "the same tasks"
    is_outside = not row["p_low"] <= row["p_mean_new"] <= row["p_high"]
    return f"{said}; outside the old interval" if is_outside else said
