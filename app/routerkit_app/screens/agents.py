"""Who spends what, and what comes of it."""

from __future__ import annotations

import altair as alt
import streamlit as st

from routerkit_app.data import ask
from routerkit_app.filters import chosen
from routerkit_app.theme import PALETTE
from routerkit_app.view import head, nothing, table

_FILL = "routerkit serve --config routerkit.toml"


def show() -> None:
    """Spend, tokens and success per agent."""
    head("Agents", "Who spends what, and what comes of it. Success is what `report` said later; most calls have no report.")
    where = chosen().calls()
    found = ask(
        f"""SELECT coalesce(agent, '(none)') AS agent, count(*) AS calls, count(DISTINCT session) AS sessions, sum(cost_usd) AS usd,
            sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, avg((status = 'ok')::INT) AS answered,
            count(success) AS reported, avg(success::INT) AS success
        FROM calls LEFT JOIN (SELECT record_id, arg_max(success, reported_at) AS success FROM reports GROUP BY record_id) USING (record_id)
        WHERE {where.sql} GROUP BY 1 ORDER BY usd DESC NULLS LAST""",  # noqa: S608  columns are ours, values are bound
        where.params,
    )
    if found.empty:
        nothing("calls", _FILL)
        return
    bars = alt.Chart(found).mark_bar(color=PALETTE[0]).encode(x=alt.X("usd:Q", title="spent $"), y=alt.Y("agent:N", sort="-x", title=None))
    st.altair_chart(bars.properties(title="Spend by agent: the longest bar is where saving pays"), width="stretch")
    table(found, "agents")


if __name__ == "__main__":
    show()
