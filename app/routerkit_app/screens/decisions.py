"""Why calls went where they went."""

from __future__ import annotations

import json

import altair as alt
import pandas as pd
import streamlit as st

from routerkit import Decision
from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.theme import PALETTE
from routerkit_app.view import head, nothing, table

_FILL = "routerkit serve --config routerkit.toml"


def show() -> None:
    """Search calls and see one in full."""
    head("Decisions", "Why a call went where it went: pick a row, or paste a record id.")
    where = chosen().calls()
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


if __name__ == "__main__":
    show()
