"""Why a call went where it went."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from routerkit_app import columns
from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.first_steps import to_call
from routerkit_app.one_call import show_call
from routerkit_app.traffic import n_calls
from routerkit_app.view import head, nothing

_COLUMNS: Final = """called_at, record_id, pool, kind, agent, session, target, status, error_code, n_attempts, latency_s, cost_usd,
    expected_usd, is_exploring"""
_SHOWN: Final = {
    "all calls": "true",
    "failed": "status = 'error'",
    "more than one attempt": "n_attempts > 1",
    "explored": "is_exploring",
    "dearer than twice expected": "cost_usd > 2 * expected_usd",
    "cost unknown": "cost_usd IS NULL",
    "reported as failed": "record_id IN (SELECT record_id FROM latest_reports WHERE NOT success)",
}
_SEARCHED: Final = ("agent", "session", "target", "model", "rule", "error_code")
_SHOWN_CALLS: Final = 200


def show() -> None:
    """Search calls and see one in full."""
    head("Decisions", "Why a call went where it went: pick a row, or paste a record id. The address then leads to that call.")
    where = chosen().calls()
    left, right = st.columns([2, 1])
    wanted = left.text_input(
        "Search", placeholder="record id, agent, session, target, model, rule or error", key="search", bind="query-params"
    )
    only = right.selectbox("Show", list(_SHOWN), key="only", bind="query-params")
    found = _found(where, wanted.strip(), _SHOWN[only])
    linked = st.query_params.get("record", "")
    if found.empty and not linked:
        nothing("calls", to_call(), n_elsewhere=n_calls())
        return
    if not found.empty:
        _list(found)
    record_id = linked or str(found.iloc[0]["record_id"])
    show_call(record_id)


def _list(found: pd.DataFrame) -> None:
    st.session_state["listed"] = list(found["record_id"])
    if len(found) == _SHOWN_CALLS:
        st.caption(f"The newest {_SHOWN_CALLS}; narrow the filters to see older ones.")
    st.dataframe(
        found,
        hide_index=True,
        width="stretch",
        height=min(36 + 35 * len(found), 330),
        on_select=_link_to_selected,
        selection_mode="single-row",
        key="calls",
        column_config={
            "called_at": columns.instant("called"),
            "latency_s": columns.seconds("took"),
            "cost_usd": columns.dollars("cost"),
            "expected_usd": columns.dollars("expected"),
            "n_attempts": columns.count("attempts"),
            "is_exploring": st.column_config.CheckboxColumn("explored"),
        },
    )


def _link_to_selected() -> None:
    """By id and not by place: the list may have moved on when the page is drawn again."""
    rows = st.session_state["calls"]["selection"]["rows"]
    if rows:
        st.query_params["record"] = st.session_state["listed"][rows[0]]
    else:
        st.query_params.pop("record", None)


def _found(where: Where, wanted: str, condition: str) -> pd.DataFrame:
    sought, params = where.sql, [*where.params]
    if wanted:
        parts = ["starts_with(record_id, ?)", *(f"contains(lower({column}), ?)" for column in _SEARCHED)]
        sought += f" AND ({' OR '.join(parts)})"
        params += [wanted, *[wanted.lower()] * len(_SEARCHED)]
    return ask(
        f"SELECT {_COLUMNS} FROM calls WHERE {sought} AND {condition} ORDER BY called_at DESC LIMIT {_SHOWN_CALLS}",  # noqa: S608
        params,
    )


if __name__ == "__main__":
    show()
