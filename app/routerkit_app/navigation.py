"""Which pages there are, in which order, and which filters say something about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import streamlit as st
from streamlit.navigation.page import StreamlitPage

_CALLS: Final = ("time", "pool", "kind", "agent", "target")
_SAMPLES: Final = ("time", "kind", "target")


class Entry(NamedTuple):
    """One page."""

    name: str
    """Of its file in `screens/`, and of its address."""
    title: str
    filters: tuple[str, ...]


ENTRIES: Final[Mapping[str, tuple[Entry, ...]]] = {
    "Routing": (
        Entry("overview", "Overview", _CALLS),
        Entry("decisions", "Decisions", _CALLS),
        Entry("whatif", "What if", ("time", "kind", "agent")),
        Entry("drift", "Drift", ("time", "kind", "target")),
        Entry("agents", "Agents", _CALLS),
        Entry("health", "Health", _CALLS),
    ),
    "Measured": (
        Entry("models", "Models", _SAMPLES),
        Entry("kinds", "By kind", _SAMPLES),
        Entry("compare", "Compare", _SAMPLES),
        Entry("runs", "Runs", ("time",)),
    ),
}


def navigate() -> tuple[StreamlitPage, Entry]:
    """Show the menu; the page that was asked for, not run yet, and its entry."""
    pages = {section: {_page(entry): entry for entry in entries} for section, entries in ENTRIES.items()}
    chosen = st.navigation({section: list(found) for section, found in pages.items()})
    by_path = {page.url_path: entry for found in pages.values() for page, entry in found.items()}
    return chosen, by_path[chosen.url_path]


def _page(entry: Entry) -> StreamlitPage:
    return st.Page(f"screens/{entry.name}.py", title=entry.title, url_path=entry.name, default=entry.name == "overview")
