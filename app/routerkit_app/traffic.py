"""Whether anything was ever routed."""

from __future__ import annotations

from routerkit_app.data import ask


def n_calls() -> int:
    """Calls that are stored at all, whatever the filters say."""
    return int(ask("SELECT count(*) AS n FROM calls")["n"].iloc[0])
