"""`routerkit budgets`: what every agent, key and pool has spent today, and what it has left."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from routerkit.budget import MICROS_PER_USD, micros
from routerkit.config import Config, read
from routerkit.config.state import build_store
from routerkit.errors import ConfigError
from routerkit.state.interface import Account, AccountLine

_COLUMNS: Final = "{:<28} {:>12} {:>12} {:>12} {:>12} {:>7}"


def budgets(
    config: Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")] = Path("routerkit.toml"),
    day: Annotated[str, typer.Option(help="UTC day, YYYY-MM-DD; today if left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what every agent, key and pool has spent today, and what it has left."""
    settings, wanted = read(config), _day(day)
    lines = _lines(settings, _used(settings, config.parent, wanted), wanted)
    if as_json:
        print(json.dumps([_facts(line) for line in lines], indent=2))
    elif lines:
        print(_COLUMNS.format(f"{wanted} (UTC)", "limit $", "spent $", "reserved $", "left $", "used"))
        for line in lines:
            print(_row(line))
    else:
        print(f"no budgets in {config}; add e.g. [budgets.planner] with usd_per_day = 5.0, or make a key with --usd-per-day")


def _used(settings: Config, base: Path, day: str) -> tuple[AccountLine, ...]:
    store = build_store(settings, base)
    if store is None and settings.state is not None:
        raise ConfigError('[state] url is "memory:", so every process counts for itself; name a file or a server to see it here')
    if store is None:
        return ()
    try:
        return store.accounts(day)
    finally:
        store.close()


def _lines(settings: Config, used: tuple[AccountLine, ...], day: str) -> list[AccountLine]:
    """Accounts of the configuration, used or not, and those of keys, which only the store knows."""
    limits = {f"agent:{name}": usd for name, usd in settings.usd_per_day.items()}
    limits |= {f"pool:{name}": usd for name, usd in settings.pool_usd_per_day.items()}
    found = {line.account.name: line for line in used}
    for name, usd in limits.items():
        line = found.get(name) or AccountLine(Account(name, day), 0, 0, 0)
        found[name] = line._replace(limit=micros(usd))
    return [found[name] for name in sorted(found)]


def _facts(line: AccountLine) -> dict[str, object]:
    micro = {"limit": line.limit, "spent": line.spent, "reserved": line.leased, "left": line.limit - line.spent - line.leased}
    facts: dict[str, object] = {"account": line.account.name, "day": line.account.day}
    return facts | {f"{name}_usd": value / MICROS_PER_USD for name, value in micro.items()}


def _row(line: AccountLine) -> str:
    amounts = [f"{value / MICROS_PER_USD:.6f}" for value in (line.limit, line.spent, line.leased, line.limit - line.spent - line.leased)]
    share = f"{line.spent / line.limit:.0%}" if line.limit else "-"
    return _COLUMNS.format(line.account.name, *amounts, share)


def _day(text: str) -> str:
    if not text:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ConfigError(f"--day {text!r} is no day; write e.g. --day 2026-11-26") from None
