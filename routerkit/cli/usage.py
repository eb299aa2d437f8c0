"""`routerkit usage`: who spent what, and what a success cost."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from routerkit.cli.ledger import find_folder
from routerkit.cli.options import AsJson, Folder, LedgerConfig
from routerkit.cli.since import Since, start_of
from routerkit.cli.tables import cell, print_table
from routerkit.decision import format_usd
from routerkit.errors import ConfigError
from routerkit.scorecard import now_utc
from routerkit.store.usage import USAGE_BY, Spend, UsageBy, read_spend

_HEAD: Final = ("calls", "answered", "cached", "tokens in/out", "cost", "succeeded", "cost per success")


def usage(
    by: Annotated[str, typer.Option(help=f"One of {', '.join(USAGE_BY)}.")] = "agent",
    since: Since = None,
    folder: Folder = None,
    config: LedgerConfig = None,
    as_json: AsJson = False,
) -> None:
    """Show what calls cost and what a success cost, failures included, by agent, key, pool, target, kind, session or day."""
    group: UsageBy | None = next((name for name in USAGE_BY if name == by), None)
    if group is None:
        raise ConfigError(f"--by {by!r} is unknown; use one of {', '.join(USAGE_BY)}")
    place = find_folder(folder, config)
    found = read_spend(place, group, since=start_of(since, now_utc()))
    if as_json:
        print(json.dumps([_facts(spend, group) for spend in found], indent=2))
    elif found:
        names = _key_names(place) if group == "key" else {}
        print_table((group, *_HEAD), [_row(spend, names) for spend in found])
        _print_remarks(found)
    else:
        print(f"no calls in {place}{' since then' if since else ' yet'}")


def _facts(spend: Spend, by: UsageBy) -> dict[str, object]:
    """As JSON, which knows no infinity: without any success a success has no cost."""
    facts: dict[str, object] = {by: spend.name, **spend._asdict()}
    del facts["name"]
    has_cost = spend.usd_per_success is not None and math.isfinite(spend.usd_per_success)
    return facts | {"usd_per_success": spend.usd_per_success if has_cost else None}


def _key_names(place: Path) -> Mapping[str, str]:
    """What the gateway's keys are called, by id."""
    from routerkit.gateway.keys import KeyStore  # the gateway's own libraries are needed only here

    path = place / "keys.sqlite"
    return {key.id: f"{key.id} {key.name}" for key in KeyStore(path).all()} if path.exists() else {}


def _row(spend: Spend, names: Mapping[str, str]) -> list[str]:
    name = spend.name or "(none)"
    return [
        cell(names.get(name, name)),
        f"{spend.n_calls:,}",
        f"{spend.n_answered:,}",
        f"{spend.n_cached:,}",
        f"{spend.input_tokens:,}/{spend.output_tokens:,}",
        _cost(spend),
        f"{spend.n_succeeded:,} of {spend.n_judged:,}",
        _per_success(spend.usd_per_success),
    ]


def _cost(spend: Spend) -> str:
    if not spend.n_unpriced:
        return format_usd(spend.known_usd)
    return "unknown" if spend.n_unpriced == spend.n_calls else f"{format_usd(spend.known_usd)} + unknown"


def _per_success(usd: float | None) -> str:
    if usd is None:
        return "unknown"
    return format_usd(usd) if math.isfinite(usd) else "no success"


def _print_remarks(found: list[Spend]) -> None:
    n_unpriced = sum(spend.n_unpriced for spend in found)
    if n_unpriced:
        remedy = "give their targets usd_per_mtok, or settle lost ones: `routerkit ledger reconcile --settle`"
        print(f"calls of unknown cost: {n_unpriced:,}; {remedy}")
    if not any(spend.n_reported for spend in found):
        print("nobody reported an outcome, so successes are unknown: `routerkit report`, POST /v1/feedback")
