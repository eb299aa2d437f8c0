"""Two targets on the same tasks."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from routerkit_app.data import ask
from routerkit_app.view import head, nothing, usd

_FILL = "routerkit eval run --pool coding --tasks own"


def show() -> None:
    """Two targets on the same tasks."""
    head("Compare", "Two targets on the same tasks: only tasks that both answered count, and only those they disagree on decide.")
    targets = list(ask("SELECT target FROM totals ORDER BY target")["target"])
    if len(targets) < 2:
        nothing("two measured targets", _FILL)
        return
    left, right = st.columns(2)
    a = left.selectbox("A", targets, key="a")
    b = right.selectbox("B", [t for t in targets if t != a], key="b")
    pairs = ask(
        """SELECT task_id, l.kind, l.solved AS a, r.solved AS b FROM task_results l JOIN task_results r USING (task_id)
        WHERE l.target = ? AND r.target = ? ORDER BY task_id""",
        [a, b],
    )
    if pairs.empty:
        st.info(f"{a} and {b} have no task in common; run both on the same tasks.")
        return
    _difference(pairs, a, b)
    split = pairs[pairs["a"] != pairs["b"]]
    st.subheader(f"{len(split)} tasks on which they differ")
    if not split.empty:
        _side_by_side(str(st.selectbox("task", list(split["task_id"]), key="task")), a, b)


def _difference(pairs: pd.DataFrame, a: str, b: str) -> None:
    difference = pairs["a"] - pairs["b"]
    n = len(pairs)
    half = 1.96 * float(difference.std(ddof=1)) / n**0.5 if n > 1 else float("nan")
    columns = st.columns(3)
    columns[0].metric(f"{a} solved", f"{pairs['a'].mean():.1%}")
    columns[1].metric(f"{b} solved", f"{pairs['b'].mean():.1%}")
    columns[2].metric("difference", f"{difference.mean():+.1%} ± {half:.1%}", help=f"95 % interval of the paired difference, n={n} tasks.")


def _side_by_side(task_id: str, a: str, b: str) -> None:
    for column, target in zip(st.columns(2), (a, b), strict=True):
        found = ask(
            """SELECT r.verdict, r.why, r.cost_usd, o.output FROM results r LEFT JOIN outputs o USING (output_sha256)
            WHERE task_id = ? AND target = ? ORDER BY epoch LIMIT 1""",
            [task_id, target],
        )
        row = found.iloc[0]
        column.markdown(f"**{target}** · {row['verdict']} · {usd(row['cost_usd'])}")
        if row["why"]:
            column.text(row["why"])
        column.code(row["output"] or "(no answer)", language=None)


if __name__ == "__main__":
    show()
