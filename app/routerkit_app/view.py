"""What every page has in common: its head, empty states that teach, charts, tables that can be taken away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from routerkit import format_usd
from routerkit_app.charts.marks import Picture
from routerkit_app.data import is_demo
from routerkit_app.export import as_csv, as_parquet
from routerkit_app.headings import HEADINGS
from routerkit_app.markdown import plain

_CARD_WIDTH: Final = 128
"""Pixels; six fit beside the sidebar at 1280, two on a phone."""
_WIDE_CARD: Final = 168
_CARD_CHARS: Final = 7
"""Longest value that a card of the usual width does not cut off."""


class Card(NamedTuple):
    """One number."""

    label: str
    value: str
    says: str
    """What it counts, its n and its interval."""


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


def draw(chart: Picture, *, key: str) -> None:
    """A chart across the page, under its title, which wraps here and would be cut off inside the chart."""
    st.markdown(f"**{plain(str(chart.title))}**")
    st.altair_chart(chart.properties(title=""), width="stretch", key=f"chart-{key}")


def cards(numbers: Iterable[Card]) -> None:
    """Numbers side by side, as many as fit."""
    with st.container(horizontal=True, gap="xsmall"):
        for card in numbers:
            width = _CARD_WIDTH if len(card.value) <= _CARD_CHARS else _WIDE_CARD
            st.metric(plain(card.label), plain(card.value), help=plain(card.says), border=True, width=width)


def table(frame: pd.DataFrame, name: str, more: Mapping[str, ColumnConfig | str | None] | None = None) -> None:
    """A table, and buttons that take it away.

    Args:
        frame: Rows, without index.
        name: Of the file, and unique on the page.
        more: Configuration of columns beyond `HEADINGS`: heads, formats, None to hide.
    """
    st.dataframe(frame, hide_index=True, width="stretch", key=f"table-{name}", column_config={**HEADINGS, **(more or {})})
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


def count(n: int) -> str:
    """A number that fits on a card: 4,321 or 1.23 million."""
    return f"{n:,}" if n < 1_000_000 else f"{n / 1e6:.2f} M"


def warn_of_other_tasks(found: pd.DataFrame) -> None:
    """Say which targets are not comparable.

    Args:
        found: As `measured.apart` gives it.
    """
    if not found.empty:
        them = ", ".join(f"{row.target} ({row.n_common:,} of {row.n:,} in common)" for row in found.itertuples())
        st.warning(f"Not asked the same tasks as {plain(found['most'].iloc[0])}, so not comparable with it: {plain(them)}.")


def usd(value: float | None) -> str:
    """Dollars as people read them; unknown stays unknown."""
    return "unknown" if value is None or pd.isna(value) else format_usd(float(value))
