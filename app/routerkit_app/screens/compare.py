"""Two targets on the same tasks."""

from __future__ import annotations

import difflib
from typing import Final, Literal

import pandas as pd
import streamlit as st

from routerkit.store import task_results_sql
from routerkit_app.charts.pairs import split_tasks
from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.first_steps import to_measure
from routerkit_app.markdown import plain
from routerkit_app.measured import n_samples
from routerkit_app.pairs import Difference, difference
from routerkit_app.view import Card, cards, draw, head, nothing, table, usd

_LONG_LINES: Final = 14
_MOST_CHARS: Final = 40_000
"""Of an answer shown; comparing two longer ones line by line takes the browser seconds."""


def show() -> None:
    """Draw the page."""
    head("Compare", "Two targets on the same tasks: only tasks that both answered count, and only those they disagree on decide.")
    where = chosen().samples()
    targets = list(ask(f"SELECT target FROM results WHERE {where.sql} GROUP BY 1 ORDER BY count(*) DESC, 1", where.params)["target"])  # noqa: S608  columns are ours
    if len(targets) < 2:
        nothing("two measured targets", to_measure(), n_elsewhere=0 if targets else n_samples())
        return
    a, b = _choose(targets)
    pairs = _pairs(a, b, where)
    if len(pairs) < 2:
        st.info(f"{plain(a)} and {plain(b)} have {len(pairs)} tasks in common, at least 2 are needed; run both on the same tasks.")
        return
    _say(difference(pairs), pairs, a, b)
    split = pairs[pairs["a"] != pairs["b"]]
    draw(split_tasks(pairs, a, b), key="split")
    st.subheader(f"{len(split)} tasks on which they differ", anchor=False)
    if not split.empty:
        task_id = str(st.selectbox("Task", list(split["task_id"]), key="task", bind="query-params"))
        task = split[split["task_id"] == task_id].iloc[0]
        _side_by_side(task_id, a, b, is_a_better=bool(task["a"] > task["b"]))
    table(split, "differences")


def _choose(targets: list[str]) -> tuple[str, str]:
    left, right = st.columns(2)
    a = left.selectbox("A", targets, key="a", bind="query-params")
    others = [t for t in targets if t != a]
    return str(a), str(right.selectbox("B", others, key="b", bind="query-params"))


def _pairs(a: str, b: str, where: Where) -> pd.DataFrame:
    return ask(
        f"""WITH t AS ({task_results_sql(where.sql)})
        SELECT task_id, l.kind, coalesce(nullif(l.cluster, ''), task_id) AS cluster, l.solved AS a, r.solved AS b,
            CASE WHEN l.n_priced = l.n THEN l.cost_usd / l.n END AS usd_a, CASE WHEN r.n_priced = r.n THEN r.cost_usd / r.n END AS usd_b
        FROM t AS l JOIN t AS r USING (task_id, kind) WHERE l.target = ? AND r.target = ? ORDER BY task_id""",  # noqa: S608  as above
        (*where.params, a, b),
    )


def _say(found: Difference, pairs: pd.DataFrame, a: str, b: str) -> None:
    interval = f"{found.interval.low:+.1%} to {found.interval.high:+.1%}"
    numbers = (
        Card("A solved", f"{pairs['a'].mean():.1%}", f"{a}, of {found.n_tasks:,} tasks that both answered."),
        Card("B solved", f"{pairs['b'].mean():.1%}", f"{b}, of {found.n_tasks:,} tasks that both answered."),
        Card(
            "A less B", f"{found.mean:+.1%}", f"95 % interval {interval}; tasks of one of {found.n_clusters} clusters may share their luck."
        ),
        Card("$ per task", _money(pairs), "Dollars per task, A less B; unknown where a price is."),
    )
    cards(numbers)
    better, worse = (a, b) if found.mean > 0 else (b, a)
    verdict = f"**{plain(better)} is better** than {plain(worse)}" if found.is_credible else "**They are not told apart**"
    counts = f"n = {found.n_tasks:,} tasks, sign test p = {found.p_value:.2g}"
    st.markdown(f"{verdict}: difference {plain(f'{found.mean:+.1%}')}, 95 % interval {plain(interval)}, {counts}.")


def _money(pairs: pd.DataFrame) -> str:
    difference_usd = (pairs["usd_a"] - pairs["usd_b"]).astype(float).mean(skipna=False)
    if pd.isna(difference_usd):
        return "unknown"
    return f"{'-' if difference_usd < 0 else '+'}{usd(abs(difference_usd))}"


def _side_by_side(task_id: str, a: str, b: str, *, is_a_better: bool) -> None:
    """Of repetitions, one that shows the difference: the better target's right answer beside the other's wrong one."""
    answers = [_answer(task_id, a, right_first=is_a_better), _answer(task_id, b, right_first=not is_a_better)]
    for column, target, answer in zip(st.columns(2), (a, b), answers, strict=True):
        column.markdown(f"**{plain(target)}** · {plain(str(answer['verdict']))} · {plain(usd(answer['cost_usd']))}")
        if answer["why"]:
            column.text(answer["why"])
        column.code(_text(answer), language=None, wrap_lines=True, height=_height(answer))
    with st.expander("Difference line by line"):
        lines = difflib.unified_diff(_text(answers[0]).splitlines(), _text(answers[1]).splitlines(), a, b, lineterm="")
        st.code("\n".join(lines) or "(the same)", language="diff")


def _answer(task_id: str, target: str, *, right_first: bool) -> pd.Series:
    return ask(
        """SELECT r.verdict, r.why, r.cost_usd, o.output FROM results AS r LEFT JOIN outputs AS o USING (output_sha256)
        WHERE task_id = ? AND target = ? ORDER BY (verdict = 'pass') = ? DESC, epoch LIMIT 1""",
        (task_id, target, right_first),
    ).iloc[0]


def _height(answer: pd.Series) -> Literal["content"] | int:
    return "content" if _text(answer).count("\n") < _LONG_LINES else 320


def _text(answer: pd.Series) -> str:
    text = "(no answer kept)" if pd.isna(answer["output"]) else str(answer["output"])
    return text if len(text) <= _MOST_CHARS else f"{text[:_MOST_CHARS]}\n… {len(text) - _MOST_CHARS:,} more characters"


if __name__ == "__main__":
    show()
