"""Which targets fail, and how."""

from __future__ import annotations

import altair as alt
import streamlit as st

from routerkit_app.data import ask
from routerkit_app.filters import chosen
from routerkit_app.theme import PALETTE
from routerkit_app.view import head, nothing, table

_FILL = "routerkit serve --config routerkit.toml"


def show() -> None:
    """Failures by target and class."""
    head("Health", "Which targets fail, and how. What breakers do right now is at the gateway's /metrics.")
    where = chosen().calls()
    tried = ask(
        f"""SELECT a->>'target' AS target, coalesce(a->>'error_code', 'ok') AS outcome, count(*) AS attempts,
            avg((a->>'latency_s')::DOUBLE) AS mean_s
        FROM (SELECT unnest(CAST(attempts AS JSON[])) AS a FROM calls WHERE {where.sql}) GROUP BY 1, 2 ORDER BY 1, 3 DESC""",  # noqa: S608
        where.params,
    )
    if tried.empty:
        nothing("attempts", _FILL)
        return
    bars = (
        alt.Chart(tried)
        .mark_bar()
        .encode(
            x=alt.X("attempts:Q", stack="normalize", axis=alt.Axis(format="%"), title="share of attempts"),
            y=alt.Y("target:N", title=None),
            color=alt.Color("outcome:N", scale=alt.Scale(range=list(PALETTE)), legend=alt.Legend(orient="top", title=None)),
            tooltip=["target", "outcome", "attempts", "mean_s"],
        )
    )
    st.altair_chart(bars.properties(title="How attempts end: anything but one colour is worth a look"), width="stretch")
    table(tried, "health")


if __name__ == "__main__":
    show()
