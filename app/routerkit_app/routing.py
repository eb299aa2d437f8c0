"""Pages about routed calls: overview, decisions, agents, health."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import streamlit as st

from routerkit import Decision
from routerkit_app.data import Where, ask
from routerkit_app.view import calls_where, head, nothing, table, usd
from routerkit_evals.charts import PALETTE

_FILL = "python -c \"import routerkit; print(routerkit.load('routerkit.toml').complete(...))\"   # or: routerkit serve"


def overview() -> None:
    """Spend, calls, success, failovers."""
    head("Overview", "What routing did, what it cost, and what it saved.")
    where = calls_where()
    totals = _totals(where)
    if not totals["n"]:
        nothing("calls", _FILL)
        return
    columns = st.columns(5)
    columns[0].metric("calls", f"{int(totals['n']):,}")
    columns[1].metric("spent", usd(totals["usd"]), help=f"{int(totals['n_unpriced']):,} calls have no known price and are not in it.")
    columns[2].metric("answered", f"{totals['n_ok'] / totals['n']:.1%}")
    columns[3].metric("saved by failover", f"{int(totals['n_rescued']):,}", help="Answered although the first attempt failed.")
    columns[4].metric("cached input", f"{totals['cached']:.0%}", help="Share of input tokens that the provider had cached.")
    st.altair_chart(daily_chart(daily(where)), width="stretch")
    table(by_target(where), "targets", {"usd": "spent $", "n": "calls", "p95_s": "p95 s"})


def decisions() -> None:
    """Search calls and see one in full."""
    head("Decisions", "Why a call went where it went: pick a row, or paste a record id.")
    where = calls_where()
    wanted = st.text_input("record id", value=st.query_params.get("record", ""), key="record")
    found = _recent(where, wanted.strip())
    if found.empty:
        nothing("such calls" if wanted else "calls", _FILL)
        return
    shown = st.dataframe(found, hide_index=True, width="stretch", on_select="rerun", selection_mode="single-row", key="calls")
    picked = shown["selection"]["rows"]
    record_id = str(found.iloc[picked[0] if picked else 0]["record_id"])
    if wanted or picked:
        st.query_params["record"] = record_id
    _one(record_id)


def agents() -> None:
    """Spend, tokens and success per agent."""
    head("Agents", "Who spends what, and what comes of it. Success is what `report` said later; most calls have no report.")
    where = calls_where()
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
    table(found, "agents", {"usd": "spent $"})


def health() -> None:
    """Failures by target and class."""
    head("Health", "Which targets fail, and how. What breakers do right now is at the gateway's /metrics.")
    where = calls_where()
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
    table(tried, "health", {"mean_s": "mean s"})


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


def _recent(where: Where, record_id: str) -> pd.DataFrame:
    columns = "called_at, record_id, pool, kind, agent, target, status, error_code, n_attempts, latency_s, cost_usd"
    if record_id:
        return ask(f"SELECT {columns} FROM calls WHERE record_id = ?", [record_id])  # noqa: S608
    return ask(f"SELECT {columns} FROM calls WHERE {where.sql} ORDER BY called_at DESC LIMIT 200", where.params)  # noqa: S608


def _one(record_id: str) -> None:
    row = ask("SELECT decision, attempts FROM calls WHERE record_id = ?", [record_id]).iloc[0]
    st.subheader(f"Call {record_id}")
    st.code(Decision.from_dict(json.loads(str(row["decision"]))).explain(), language=None)
    tried = pd.DataFrame(json.loads(str(row["attempts"])))
    if tried.empty:
        st.info("Nothing was sent.")
        return
    tried["end_s"] = tried["offset_s"] + tried["latency_s"]
    tried["outcome"] = tried["error_code"].fillna("ok") if "error_code" in tried else "ok"
    bars = (
        alt.Chart(tried)
        .mark_bar(height=14)
        .encode(
            x=alt.X("offset_s:Q", title="seconds after the start"),
            x2="end_s:Q",
            y=alt.Y("target:N", title=None, sort=alt.SortField("offset_s")),
            color=alt.Color("outcome:N", scale=alt.Scale(range=list(PALETTE)), legend=alt.Legend(orient="top", title=None)),
        )
    )
    st.altair_chart(bars.properties(title="Attempts on a time line", height=40 + 30 * tried["target"].nunique()), width="stretch")
    table(tried.drop(columns=["end_s"]), "attempts")
