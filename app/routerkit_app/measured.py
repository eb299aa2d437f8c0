"""Pages about evaluations: models, kinds, comparison, runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from routerkit.intervals import wilson
from routerkit_app.data import ask
from routerkit_app.view import head, nothing, table, usd
from routerkit_evals.charts import Point, Tile, heat_map, pareto

_FILL = "routerkit eval run --pool coding --tasks own"


def models() -> None:
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


def kinds() -> None:
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


def compare() -> None:
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


def runs() -> None:
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
    table(found, "runs", {"usd": "spent $"})
    health = ask(
        """SELECT task_id, kind, count(DISTINCT target) AS targets, avg(solved) AS solved FROM task_results
        GROUP BY 1, 2 ORDER BY solved, task_id"""
    )
    flat = health[(health["targets"] > 1) & ((health["solved"] == 0) | (health["solved"] == 1))]
    st.subheader("Task health")
    st.caption(f"{len(flat)} of {len(health)} tasks are solved by all or by none of their targets and so tell none apart.")
    table(health, "tasks")


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


def _points(frame: pd.DataFrame, x: str) -> list[Point]:
    found = []
    for row in frame.to_dict("records"):
        interval = wilson(row["solved"], row["n_tasks"])
        found.append(Point(row["target"], row["share"], interval.low, interval.high, int(row["n_tasks"]), row[x], row[x], row[x]))
    return found


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    intervals = [wilson(row.solved, row.n_tasks) for row in frame.itertuples()]
    return frame.assign(low=[i.low for i in intervals], high=[i.high for i in intervals])


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
