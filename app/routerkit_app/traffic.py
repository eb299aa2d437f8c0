"""Whether anything was ever routed, and how to begin."""

from __future__ import annotations

from typing import Final

from routerkit_app.data import ask

FILL_CALLS: Final = "routerkit serve --config routerkit.toml"
"""Command that brings calls into the ledger."""


def n_calls() -> int:
    """Calls that are stored at all, whatever the filters say."""
    return int(ask("SELECT count(*) AS n FROM calls")["n"].iloc[0])
