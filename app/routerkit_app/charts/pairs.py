"""Two targets on the same tasks."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.theme import BAD, FAINT, GOOD


def split_tasks(pairs: pd.DataFrame, a: str, b: str) -> alt.Chart:
    """One bar of tasks by who solves them; only the coloured parts say which target is better.

    Args:
        pairs: Shares solved by task, `a` and `b`.
        a: Name of one target.
        b: Name of the other.
    """
    shades = {f"only or rather {a}": GOOD, f"only or rather {b}": BAD, "as well by both": FAINT}
    names = list(shades)
    who = (pairs["a"] > pairs["b"]).map({True: names[0], False: names[2]}).mask(pairs["a"] < pairs["b"], names[1])
    counts = who.value_counts().reindex(names, fill_value=0).rename_axis("who").reset_index(name="tasks")
    scale = alt.Scale(domain=names, range=list(shades.values()))
    chart: alt.Chart = alt.Chart(counts, title="Tasks by who solves them: the coloured parts decide", height=210)
    bars: alt.Chart = chart.mark_bar().encode(
        x=alt.X("tasks:Q", title="tasks", axis=alt.Axis(format="~s", tickCount=6, tickMinStep=1)),
        color=alt.Color("who:N", scale=scale, legend=alt.Legend(orient="top", title=None, columns=1, labelLimit=260)),
        order=alt.Order("who:N", sort="descending"),
        tooltip=["who:N", "tasks:Q"],
    )
    return bars
