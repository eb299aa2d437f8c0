"""What every page has in common: the filters, empty states that teach, tables that can be taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd
import streamlit as st

from routerkit_app.data import Where, ask, is_demo, spreadsheet_safe, where

_SPANS: Final[Mapping[str, int | None]] = {"30 days": 30, "7 days": 7, "all": None}
_ALL: Final = "all"


def head(title: str, says: str) -> None:
    """Title, and one line that says what to look for."""
    st.title(title)
    if is_demo():
        st.warning("Generated data: nothing here was measured or paid. `routerkit app` without --demo shows your own.")
    st.caption(says)


def calls_where() -> Where:
    """Filters over the ledger, kept in the address so that a view can be shared."""
    span = _choice("time", tuple(_SPANS))
    names = ("pool", "kind", "agent", "target")
    lists = ", ".join(f"list(DISTINCT {n} ORDER BY {n}) FILTER ({n} IS NOT NULL) AS {n}" for n in names)
    found = ask(f"SELECT {lists} FROM calls")  # noqa: S608  column names are ours
    options = {name: found[name].iloc[0] if found[name].iloc[0] is not None else [] for name in names}
    chosen = {name: value for name in names if (value := _choice(name, (_ALL, *options[name]))) != _ALL}
    return where(chosen, days=_SPANS[span], instant="called_at")


def nothing(what: str, command: str) -> None:
    """An empty state that says which command fills it."""
    st.info(f"No {what} yet. This fills the page:")
    st.code(command, language="sh")


def table(frame: pd.DataFrame, name: str, columns: Mapping[str, str] | None = None) -> None:
    """A table with readable heads, and a button that takes it away as CSV."""
    shown = frame.rename(columns=dict(columns or {}))
    st.dataframe(shown, hide_index=True, width="stretch", key=f"table-{name}")
    st.download_button("Download CSV", spreadsheet_safe(frame), f"{name}.csv", "text/csv", key=f"csv-{name}")


def usd(value: float | None) -> str:
    """Dollars as people read them."""
    if value is None or pd.isna(value):
        return "unknown"
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def _choice(name: str, options: tuple[str, ...]) -> str:
    asked = st.query_params.get(name, "")
    index = options.index(asked) if asked in options else 0
    value = st.sidebar.selectbox(name, options, index=index, key=f"filter-{name}")
    if value == options[0]:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value
    return value
