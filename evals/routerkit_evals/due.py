"""Cells that drifted in production: a night asks about them before anything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from routerkit.store import Due, due_for_measuring
from routerkit_evals.sample import Sample
from routerkit_evals.store import sql

_CHOSEN: Final = """
SELECT config->>'due' AS due FROM runs WHERE config->>'suite' = ? AND config->>'night' = ? AND config->>'due' IS NOT NULL
ORDER BY started_at LIMIT 1"""


def due_cells(folder: Path, suite: str, night: date, *, ledger: Path, revision: str) -> tuple[Due, ...]:
    """Cells with an alarm against the scorecard in force. A night that is resumed keeps to those it began with.

    Args:
        folder: Where runs are stored.
        suite: Name of the suite.
        night: Its date.
        ledger: Where alarms are stored.
        revision: Of the scorecard in force.

    Raises:
        StoreError: a store cannot be read.
    """
    begun = sql(folder, _CHOSEN, [suite, night.isoformat()]).rows
    if begun:
        return tuple(Due(*cell) for cell in json.loads(str(begun[0][0])))
    return tuple(due_for_measuring(ledger, revision))


def without_due(samples: Iterable[Sample], due: Sequence[Due]) -> Iterator[Sample]:
    """Samples of cells that are still what they were when these were made."""
    cells = {(d.target, d.kind) for d in due}
    return (s for s in samples if (s.target, s.kind) not in cells)


def due_lines(due: Sequence[Due], samples: Sequence[Sample] | None = None) -> Iterator[str]:
    """One line per cell: what drifted, and what became of it.

    Args:
        due: Cells with an alarm.
        samples: Those of the night; None = it has not begun.
    """
    for cell in due:
        line = f"{cell.target} on {cell.kind or 'unknown'} drifted in production ({cell.why})"
        yield line if samples is None else f"{line}: {_measured(cell, samples)}"


def _measured(cell: Due, samples: Sequence[Sample]) -> str:
    mine = [s for s in samples if (s.target, s.kind) == (cell.target, cell.kind) and s.counts]
    if not mine:
        return "not measured this night; the suite has no such task or target, or no answer counts"
    return f"{sum(s.is_solved for s in mine)} of {len(mine)} answers of this night are right"
