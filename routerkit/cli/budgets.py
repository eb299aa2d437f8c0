"""`routerkit budgets`: what every agent, key and pool has spent today, and what it has left."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Annotated, Final

import typer

from routerkit.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from routerkit.config import AccountStanding, account_standings, read
from routerkit.errors import ConfigError

_COLUMNS: Final = "{:<28} {:>12} {:>12} {:>12} {:>12} {:>7}"


def budgets(
    config: ConfigPath = DEFAULT_CONFIG,
    day: Annotated[str, typer.Option(help="UTC day, YYYY-MM-DD; today if left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what every agent, key and pool has spent today, and what it has left."""
    wanted = _day(day)
    lines = account_standings(read(config), config.parent, wanted)
    if as_json:
        print(json.dumps([line._asdict() for line in lines], indent=2))
    elif lines:
        print(_COLUMNS.format(f"{wanted} (UTC)", "limit $", "spent $", "reserved $", "left $", "used"))
        for line in lines:
            print(_row(line))
    else:
        print(f"no budgets in {config}; add e.g. [budgets.planner] with usd_per_day = 5.0, or make a key with --usd-per-day")


def _row(line: AccountStanding) -> str:
    amounts = [f"{usd:.6f}" for usd in (line.limit_usd, line.spent_usd, line.reserved_usd, line.left_usd)]
    share = f"{line.spent_usd / line.limit_usd:.0%}" if line.limit_usd else "-"
    return _COLUMNS.format(line.account, *amounts, share)


def _day(text: str) -> str:
    if not text:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(f"--day {text!r} is not a day; write e.g. --day 2026-11-26") from None
