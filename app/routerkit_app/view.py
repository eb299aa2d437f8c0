"""What every page has in common: its head, empty states that teach, charts, tables that can be taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import altair as alt
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from routerkit import format_usd
from routerkit_app.data import is_demo
from routerkit_app.export import as_csv, as_parquet

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart | alt.HConcatChart | alt.VConcatChart


def head(title: str, says: str) -> None:
    """Title, and one line that says what to look for."""
    st.title(title, anchor=False)
    if is_demo():
        st.warning("Generated data: nothing here was measured or paid. `routerkit app` without `--demo` shows your own.")
    st.caption(says)


def nothing(what: str, command: str, *, n_elsewhere: int = 0) -> None:
    """An empty state that says what fills it.

    Args:
        what: What is missing, e.g. `calls`.
        command: Of the shell; makes some.
        n_elsewhere: How many there are outside the filters; then it is the filters that should change.
    """
    if n_elsewhere:
        st.info(f"No {what} match the filters; {n_elsewhere:,} are stored. Widen the time or clear a filter in the sidebar.")
        return
    st.info(f"No {what} yet. This fills the page:")
    st.code(command, language="sh")


def draw(chart: Chart, *, key: str) -> None:
    """A chart across the page."""
    st.altair_chart(chart, width="stretch", key=f"chart-{key}")


def table(frame: pd.DataFrame, name: str, columns: Mapping[str, ColumnConfig | str | None] | None = None) -> None:
    """A table, and buttons that take it away.

    Args:
        frame: Rows, without index.
        name: Of the file, and unique on the page.
        columns: Streamlit's column configuration: heads, formats, None to hide.
    """
    st.dataframe(frame, hide_index=True, width="stretch", key=f"table-{name}", column_config=columns)
    take_away(frame, name)


def take_away(frame: pd.DataFrame, name: str) -> None:
    """Buttons that download these rows."""
    with st.container(horizontal=True, gap="small"):
        st.download_button("CSV", lambda: as_csv(frame), f"{name}.csv", "text/csv", key=f"csv-{name}", type="tertiary", on_click="ignore")
        st.download_button(
            "Parquet",
            lambda: as_parquet(frame),
            f"{name}.parquet",
            "application/vnd.apache.parquet",
            key=f"parquet-{name}",
            type="tertiary",
            on_click="ignore",
        )


def usd(value: float | None) -> str:
    """Dollars as people read them; unknown stays unknown."""
    return "unknown" if value is None or pd.isna(value) else format_usd(float(value))
