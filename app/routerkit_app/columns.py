"""How tables show figures: with their unit, and as many digits as are worth reading."""

from __future__ import annotations

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig


def dollars(title: str, why: str | None = None) -> ColumnConfig:
    """Dollars of single calls, or sums of them."""
    return st.column_config.NumberColumn(title, format="$%.5f", help=why)


def seconds(title: str, why: str | None = None) -> ColumnConfig:
    """A duration."""
    return st.column_config.NumberColumn(title, format="%.2f s", help=why)


def share(title: str, why: str | None = None) -> ColumnConfig:
    """0..1, shown as a percentage."""
    return st.column_config.NumberColumn(title, format="percent", help=why)


def count(title: str, why: str | None = None) -> ColumnConfig:
    """A number that may be large."""
    return st.column_config.NumberColumn(title, format="compact", help=why)


def instant(title: str) -> ColumnConfig:
    """A moment; the store knows only UTC."""
    return st.column_config.DatetimeColumn(f"{title} (UTC)", format="MMM DD HH:mm:ss", timezone="UTC")
