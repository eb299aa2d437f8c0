"""Options that say how far to look back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from routerkit.errors import ConfigError

Since = Annotated[str | None, typer.Option(help="Only calls of the last 30m, 12h, 7d, 2w, or since 2026-11-20.")]
_SPAN: Final = re.compile(r"(\d+)([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def start_of(since: str | None, now: datetime) -> datetime | None:
    """The instant that `--since` names; None = the beginning.

    Raises:
        ConfigError: it is neither a span nor a date, or before the year 1.
    """
    if since is None:
        return None
    try:
        if found := _SPAN.fullmatch(since):
            return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
        at = datetime.fromisoformat(since)
    except (ValueError, OverflowError):
        raise ConfigError(f"--since {since!r}: write 30m, 12h, 7d, 2w, or a date like 2026-11-20") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
