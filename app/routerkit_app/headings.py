"""How columns are called and written in tables: the same name means the same on every page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

_number, _instant = st.column_config.NumberColumn, st.column_config.DatetimeColumn

HEADINGS: Final[Mapping[str, ColumnConfig]] = {
    "n": _number("calls", format="localized"),
    "answered": _number("answered", format="percent"),
    "usd": _number("spent", format="$%.4f", help="Empty when a price is unknown."),
    "n_unpriced": _number("without price", format="localized", help="Calls whose price is unknown; they are not in what was spent."),
    "p50_s": _number("median s", format="%.2f"),
    "p95_s": _number("p95 s", format="%.2f"),
    "n_tasks": _number("tasks (n)", format="localized"),
    "n_samples": _number("answers", format="localized"),
    "share": _number("solved", format="percent"),
    "low": _number("from", format="percent", help="Lower end of the 95 % interval of the share solved."),
    "high": _number("to", format="percent", help="Upper end of the 95 % interval of the share solved."),
    "cost_per_task_usd": _number("$ per task", format="$%.5f"),
    "cost_per_solved_usd": _number("$ per solved task", format="$%.5f", help="Failures included."),
    "latency_s": _number("mean s", format="%.2f"),
    "p_frontier": _number("on cost frontier", format="percent", help="Probability that no target is better for less."),
    "a": _number("A solved", format="percent"),
    "b": _number("B solved", format="percent"),
    "usd_a": _number("A $", format="$%.5f"),
    "usd_b": _number("B $", format="$%.5f"),
    "n_lost": _number("lost", format="localized", help="To providers and sandboxes; they say nothing about a model."),
    "n_targets": _number("targets", format="localized"),
    "first_at": _instant("first (UTC)", format="YYYY-MM-DD HH:mm"),
    "last_at": _instant("last (UTC)", format="YYYY-MM-DD HH:mm"),
    "called_at": _instant("called (UTC)", format="YYYY-MM-DD HH:mm:ss"),
    "solved": _number("solved", format="percent"),
    "before": _number("before", format="percent"),
    "after": _number("after", format="percent"),
    "change": _number("change", format="%+.3f"),
}
"""Configuration by column of a data frame."""
