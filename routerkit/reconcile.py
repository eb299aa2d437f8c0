"""Compares what the ledger says was used with what a provider says, per UTC day and model, and names the likely reason of differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from routerkit.usage_export import Cell, Used

Reason = Literal["agrees", "unknown_here", "unknown_there", "estimates", "tokens", "unpriced", "price"]

WORDS: Final[Mapping[Reason, str]] = {
    "agrees": "agrees",
    "unknown_here": "not in the ledger: someone else uses the same account, or rows were lost",
    "unknown_there": "not in the export: it does not cover that day or account, or nothing was billed",
    "estimates": "tokens differ, and some were estimated here: failed or abandoned calls that reported no usage",
    "tokens": "tokens differ although all were reported: rows are missing on one side, or the day begins at another hour",
    "unpriced": "cost unknown here: give the target usd_per_mtok; what was lost with a process gets it by --settle",
    "price": "tokens agree but cost does not: the price here is not the one billed",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One cell, as both sides see it."""

    cell: Cell
    ours: Used
    theirs: Used
    reason: Reason


def reconcile(ours: Mapping[Cell, Used], theirs: Mapping[Cell, Used], *, tolerance: float) -> list[Line]:
    """One line per day and model that either side knows, by day and model.

    Args:
        ours: From the ledger.
        theirs: From the provider.
        tolerance: Share, 0..1, by which numbers may differ and still agree.
    """
    lines = []
    for cell in sorted({*ours, *theirs}):
        here, there = ours.get(cell), theirs.get(cell)
        lines.append(Line(cell, here or Used(), there or Used(), _reason(here, there, tolerance)))
    return lines


def _reason(here: Used | None, there: Used | None, tolerance: float) -> Reason:
    if here is None:
        return "unknown_here"
    if there is None:
        return "unknown_there"
    if not (_is_near(here.input_tokens, there.input_tokens, tolerance) and _is_near(here.output_tokens, there.output_tokens, tolerance)):
        return "estimates" if here.estimated_tokens else "tokens"
    if there.cost_usd is None:
        return "agrees"
    if here.cost_usd is None:
        return "unpriced"
    return "agrees" if _is_near(here.cost_usd, there.cost_usd, tolerance) else "price"


def _is_near(here: float, there: float, tolerance: float) -> bool:
    return abs(here - there) <= tolerance * max(here, there)
