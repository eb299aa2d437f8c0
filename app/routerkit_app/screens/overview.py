"""What routing did, what it cost, and what it saved."""

from __future__ import annotations

import altair as alt
import pandas as pd
import streamlit as st

from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.theme import PALETTE
from routerkit_app.view import head, nothing, table, usd

_FILL = "routerkit serve --config routerkit.toml"


def show() -> None:
    """Spend, calls, success, failovers."""
    head("Overview", "What routing did, what it cost, and what it saved.")
    where = chosen().calls()
    totals = _totals(where)
    if not totals["n"]:
        nothing("calls", _FILL, n_elsewhere=int(ask("SELECT count(*) AS n FROM calls")["n"].iloc[0]))
        return
    columns = st.columns(5)
    columns[0].metric("calls", f"{int(totals['n']):,}")
    columns[1].metric("spent", usd(totals["usd"]), help=f"{int(totals['n_unpriced']):,} calls have no known price and are not in it.")
    columns[2].metric("answered", f"{totals['n_ok'] / totals['n']:.1%}")
    columns[3].metric("saved by failover", f"{int(totals['n_rescued']):,}", help="Answered although the first attempt failed.")
    columns[4].metric("cached input", f"{totals['cached']:.0%}", help="Share of input tokens that the provider had cached.")
    st.altair_chart(daily_chart(daily(where)), width="stretch")
    table(by_target(where), "targets")


def daily(where: Where) -> pd.DataFrame:
    """Dollars by day and target."""
    return ask(
        f"""SELECT date_trunc('day', called_at) AS day, coalesce(target, '(none)') AS target, sum(cost_usd) AS usd, count(*) AS n
        FROM calls WHERE {where.sql} GROUP BY 1, 2 ORDER BY 1, 2""",  # noqa: S608  columns are ours, values are bound
        where.params,
    )


def daily_chart(frame: pd.DataFrame) -> alt.Chart:
    """Spend by day, one colour per target."""
    colour = alt.Color("target:N", scale=alt.Scale(range=list(PALETTE)), legend=alt.Legend(orient="top", title=None))
    chart: alt.Chart = alt.Chart(frame, title="Spend by day: which target the money goes to", height=260)
    return chart.mark_bar().encode(  # type: ignore[no-any-return]  # altair's types lose it here
        x=alt.X("yearmonthdate(day):O", title=None),
        y=alt.Y("usd:Q", title="spent $"),
        color=colour,
        tooltip=["day", "target", "usd", "n"],
    )


def by_target(where: Where) -> pd.DataFrame:
    """Calls, success, spend and latency by target."""
    return ask(
        f"""SELECT coalesce(target, '(none)') AS target, count(*) AS n, avg((status = 'ok')::INT) AS answered, sum(cost_usd) AS usd,
            quantile_cont(latency_s, 0.5) AS p50_s, quantile_cont(latency_s, 0.95) AS p95_s
        FROM calls WHERE {where.sql} GROUP BY 1 ORDER BY n DESC""",  # noqa: S608  columns are ours, values are bound
        where.params,
    )


def _totals(where: Where) -> pd.Series:
    return ask(
        f"""SELECT count(*) AS n, coalesce(sum(cost_usd), 0) AS usd, count(*) FILTER (cost_usd IS NULL) AS n_unpriced,
            count(*) FILTER (status = 'ok') AS n_ok, count(*) FILTER (status = 'ok' AND n_attempts > 1) AS n_rescued,
            coalesce(sum(cached_input_tokens) / nullif(sum(input_tokens), 0), 0) AS cached
        FROM calls WHERE {where.sql}""",  # noqa: S608  columns are ours, values are bound
        where.params,
    ).iloc[0]


if __name__ == "__main__":
    show()
