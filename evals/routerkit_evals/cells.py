"""Cells of a scorecard: made from samples, by language and repository where there are several, and put together again."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from routerkit import Cell
from routerkit_evals.sample import Sample
from routerkit_evals.statistics import Summary, summarise

Key: TypeAlias = tuple[str, str]
"""Target and task kind."""


def cells_of(samples: Sequence[Sample]) -> Iterator[Cell]:
    """One cell per target and kind; of kinds that were measured on several languages or repositories, one for each of these."""
    parts: defaultdict[str, set[tuple[str | None, str | None]]] = defaultdict(set)
    for sample in samples:
        if sample.language is not None:  # samples from before it was looked at are no other part
            parts[sample.kind].add(sample.part)
    groups: defaultdict[tuple[str | None, ...], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.target, sample.kind, *(sample.part if len(parts[sample.kind]) > 1 else (None, None))].append(sample)
    for (_, _, language, repo), group in groups.items():
        yield from (_cell(summary, language, repo) for summary in summarise(group, by_kind=True))


def by_kind(cells: Iterable[Cell]) -> dict[Key, tuple[Cell, ...]]:
    """The cells of each target and kind."""
    groups: defaultdict[Key, tuple[Cell, ...]] = defaultdict(tuple)
    for cell in cells:
        groups[cell.target, cell.kind] += (cell,)
    return dict(groups)


def pooled(cells: Sequence[Cell]) -> Cell | None:
    """Cells of one target and kind as one; None of none."""
    if len(cells) < 2:
        return cells[0] if cells else None
    return Cell(
        cells[0].target,
        cells[0].kind,
        sum(c.n for c in cells),
        math.fsum(c.passed for c in cells),
        cost_usd=_mean(cells, lambda c: c.cost_usd),
        latency_s=_mean(cells, lambda c: c.latency_s),
        output_tokens=_mean(cells, lambda c: c.output_tokens),
    )


def label(cell: Cell) -> str:
    """A cell's name for people: target, kind, and what part of the kind it is."""
    return " ".join(filter(None, (cell.target, cell.kind, cell.language, cell.repo)))


def _cell(summary: Summary, language: str | None, repo: str | None) -> Cell:
    # n is tasks, not samples: repetitions of one task are not independent evidence.
    assert summary.kind is not None
    return Cell(
        summary.target,
        summary.kind,
        summary.n_tasks,
        summary.solved,
        cost_usd=summary.cost_per_task_usd,
        latency_s=summary.latency_s,
        output_tokens=summary.output_tokens,
        language=language,
        repo=repo,
    )


def _mean(cells: Sequence[Cell], value: Callable[[Cell], float | None]) -> float | None:
    """Mean over the tasks; None when it is unknown of any cell."""
    known = [(v, c.n) for c in cells if (v := value(c)) is not None]
    return math.fsum(v * n for v, n in known) / sum(n for _, n in known) if len(known) == len(cells) else None
