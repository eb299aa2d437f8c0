"""`routerkit report` and `routerkit drift`: telling what became of an answer, and seeing who has become worse."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from routerkit.cli.ledger import find_folder
from routerkit.cli.options import DEFAULT_CONFIG, AsJson, Folder, LedgerConfig
from routerkit.cli.tables import cell, print_table
from routerkit.drift import OUTCOMES_PER_FALSE_ALARM, Drift
from routerkit.errors import ConfigError, StoreError
from routerkit.ledger import Ledger
from routerkit.record import Report
from routerkit.scorecard import Scorecard, now_utc
from routerkit.store import Due, due_for_measuring, find_drift, query, raise_alarms

_HEAD: Final = ("target", "kind", "measure", "was", "now", "over", "since", "watched", "evidence")


def report(
    record_id: Annotated[str, typer.Argument(help="Id of a record, or the unambiguous start of one.")],
    success: Annotated[bool | None, typer.Option("--success/--failure", help="Whether the answer worked.", show_default=False)] = None,
    evidence: Annotated[str, typer.Option(help="What shows it, e.g. 'tests passed'.")] = "",
    folder: Folder = None,
    config: LedgerConfig = None,
    as_json: AsJson = False,
) -> None:
    """Report what became of an answer: it worked, or it did not."""
    if success is None:
        raise ConfigError("say --success or --failure")
    place = find_folder(folder, config)
    found = query(place, "SELECT record_id, target, kind FROM calls WHERE starts_with(record_id, ?) LIMIT 2", [record_id]).as_dicts()
    if len(found) != 1:
        what = "several records start" if found else "no record starts"
        raise StoreError(f"{what} with {record_id!r} in {place}; `routerkit ledger --json` lists the ids")
    call = found[0]
    with Ledger(place) as ledger:
        ledger.observe(Report(str(call["record_id"]), now_utc(), success, evidence))
    if ledger.dropped:
        raise StoreError(f"the report could not be written to {place}; free the disk or correct the folder")
    if as_json:
        print(json.dumps({**call, "success": success, "evidence": evidence}))
    else:
        print(f"reported: {call['record_id']} {'worked' if success else 'failed'} ({call['target']} on {call['kind'] or 'unknown'})")


def drift(
    folder: Folder = None,
    config: LedgerConfig = None,
    as_json: AsJson = False,
) -> None:
    """Compare what calls achieve, cost and take with what the scorecard says. Exit code 1 with an alarm."""
    place, (card, outcomes_per_false_alarm) = find_folder(folder, config), _in_force(config)
    found = find_drift(place, card, outcomes_per_false_alarm=outcomes_per_false_alarm)
    raise_alarms(place, found, card, now=now_utc())
    due = due_for_measuring(place, card.revision)
    if as_json:
        body = {"scorecard": card.revision, "cells": [_facts(d) for d in found], "due_for_measuring": [d._asdict() for d in due]}
        print(json.dumps(body, indent=2))
    else:
        _print(found, due, place)
    raise typer.Exit(1 if any(d.is_alarm for d in found) else 0)


class _InForce(NamedTuple):
    """What a running router compares with, and how often it may be wrong."""

    scorecard: Scorecard = Scorecard()
    """Empty: cells are compared with their own start."""
    outcomes_per_false_alarm: float = OUTCOMES_PER_FALSE_ALARM


def _in_force(config: Path | None) -> _InForce:
    path = DEFAULT_CONFIG if config is None else config
    if config is None and not path.exists():
        return _InForce()
    # Brings pydantic, which `routerkit report` does without.
    from routerkit.config import plan_state, read

    settings = read(path)
    return _InForce(plan_state(settings, path.parent).scorecard, settings.outcomes_per_false_alarm)


def _facts(found: Drift) -> dict[str, object]:
    return {**asdict(found), "since": None if found.since is None else found.since.isoformat(), "is_alarm": found.is_alarm}


def _print(found: list[Drift], due: list[Due], place: Path) -> None:
    if not found:
        print(f"too few outcomes in {place} to compare: reports tell about success (`routerkit report`), 50 answered calls about cost")
        return
    print_table(_HEAD, [_row(d) for d in found])
    for cell_due in due:
        print(f"due for measuring again: {cell(cell_due.target)} on {cell(cell_due.kind or 'unknown')} ({cell_due.why})")


def _row(found: Drift) -> list[str]:
    mark = "ALARM" if found.is_alarm else f"{found.evidence:.2g}"
    since = f"{found.since:%Y-%m-%d %H:%M}" if isinstance(found.since, datetime) else ""
    figures = [found.figure(found.normal), found.figure(found.now), str(found.n_now), since, str(found.n), mark]
    return [cell(found.target), cell(found.kind or "unknown"), found.measure, *figures]
