"""`routerkit ledger reconcile`: does the ledger agree with the provider's bill?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from routerkit.reconcile import WORDS, Line, reconcile
from routerkit.store import query
from routerkit.usage_export import Cell, Used, model_name, read_export, summed

_ATTEMPTS: Final = """
    WITH tried AS (SELECT CAST(called_at AS DATE) AS day, unnest(CAST(attempts AS JSON[])) AS attempt FROM calls
                   WHERE CAST(called_at AS DATE) BETWEEN ? AND ?)
    SELECT day, attempt->>'model', CAST(attempt->'usage'->>'input_tokens' AS BIGINT), CAST(attempt->'usage'->>'output_tokens' AS BIGINT),
        CAST(attempt->>'cost_usd' AS DOUBLE), CAST(attempt->'usage'->>'is_estimated' AS BOOLEAN)
    FROM tried"""
_COLUMNS: Final = "{:<10}  {:<24} {:>13} {:>13} {:>13} {:>13} {:>11} {:>11}  {}"


def print_reconciliation(folder: Path, usage: Path, *, tolerance: float, as_json: bool) -> None:
    """Compare, print, and end with exit code 1 when anything differs."""
    theirs = read_export(usage)
    days = [cell.day for cell in theirs]
    ours = _ours(folder, min(days), max(days))
    lines = reconcile(ours, theirs, tolerance=tolerance)
    if as_json:
        print(json.dumps([_facts(line) for line in lines], indent=2))
    else:
        _print_table(lines)
    if any(line.reason != "agrees" for line in lines):
        raise typer.Exit(1)


UsageFile = Annotated[Path, typer.Option("--usage", help="Usage export of the provider, as CSV.")]
Tolerance = Annotated[float, typer.Option(min=0.0, max=1.0, help="Share by which numbers may differ and still agree.")]


def _ours(folder: Path, first: date, last: date) -> dict[Cell, Used]:
    """Every attempt of the days the export covers; failed ones are billed, too."""
    rows = query(folder, _ATTEMPTS, [first, last]).rows
    return {cell: used for cell, used in summed(_attempt(row) for row in rows).items() if used != Used()}


def _attempt(row: Sequence[Any]) -> tuple[Cell, Used]:  # what a row holds is known to its query alone
    day, model, n_in, n_out, cost, is_estimated = row
    tokens = (n_in or 0, n_out or 0)
    return Cell(day, model_name(model)), Used(*tokens, cost, sum(tokens) if is_estimated else 0)


def _print_table(lines: list[Line]) -> None:
    heads = ("in here", "in there", "out here", "out there", "$ here", "$ there")
    print(_COLUMNS.format("day (UTC)", "model", *heads, "verdict"))
    for line in lines:
        counts = (line.ours.input_tokens, line.theirs.input_tokens, line.ours.output_tokens, line.theirs.output_tokens)
        costs = (_usd(line.ours.cost_usd), _usd(line.theirs.cost_usd))
        print(_COLUMNS.format(f"{line.cell.day}", line.cell.model[:24], *(f"{n:,}" for n in counts), *costs, WORDS[line.reason]))
    differing = sum(line.reason != "agrees" for line in lines)
    print(f"{len(lines) - differing} of {len(lines)} agree")


def _facts(line: Line) -> dict[str, object]:
    sides = {"ours": line.ours, "theirs": line.theirs}
    facts: dict[str, object] = {"day": line.cell.day.isoformat(), "model": line.cell.model, "reason": line.reason}
    for name, used in sides.items():
        facts[name] = {field: getattr(used, field) for field in used.__slots__}
    return facts


def _usd(cost: float | None) -> str:
    return "unknown" if cost is None else f"{cost:.4f}"
