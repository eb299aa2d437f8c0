"""What is stored of a decision's candidates: columns of numbers, which become a row per target only for those who look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Final

from routerkit.case import UNKNOWN_USD, Case, Columns, Panel, known_usd
from routerkit.decision import Candidate, CandidateRow, Drop, format_usd
from routerkit.messages import Json

_VALUES: Final = itemgetter(2)


class Rows(tuple[Case, Columns, Mapping[int, Drop], Sequence[float], Sequence[int], Sequence[float]]):
    """Case, columns, drops, weighted sums per target, ranking, and shares of the exploring draws in rank order (empty = none).

    A tuple, because one is made with every decision.
    """

    __slots__ = ()

    def __call__(self) -> list[CandidateRow]:
        """Every target once, as by `Candidate.to_dict`: the kept ones in rank order, then the dropped ones by name."""
        case, columns, drops, _, ranking, spread = self
        rows = kept_rows(case.panel, columns, ranking, map(self.numbers().__getitem__, self.places()))
        for row, rate in zip(rows, spread, strict=False):
            row["explored_rate"] = rate
        if case.cache_usd or case.snapshot.ailments:
            for row, i in zip(rows, ranking, strict=True):
                row["note"] = "; ".join([*_caveats(case.panel, i), *_remarks(case, i)])
        names = case.panel.names
        return [*rows, *[Candidate(names[i], drops[i]).to_dict() for i in sorted(drops, key=names.__getitem__)]]

    def numbers(self) -> list[float | None]:
        """Those of one request, column by column: the scores, cost, latency and total of every target in the order of the pool."""
        case, columns, _, sums, _, _ = self
        costs = map(known_usd, case.costs_usd) if UNKNOWN_USD in case.costs_usd else case.costs_usd
        return [*chain.from_iterable(map(_VALUES, columns)), *costs, *case.latencies_s(), *sums]

    def places(self) -> list[int]:
        """Where in `numbers` those stand that `kept_rows` takes, in its order."""
        case, columns, _, _, ranking, _ = self
        n = len(case.panel.names)
        return [i + n * column for i in ranking for column in range(len(columns) + 3)]

    def cost_place(self, target: str | None) -> int | None:
        """Where in `numbers` the expected cost of a target stands; None when it is not in the pool."""
        case, columns, *_ = self
        names = case.panel.names
        return len(columns) * len(names) + names.index(target) if target in names else None

    def is_plain(self) -> bool:
        """Whether the rows follow from the panel, the terms and their weights, the ranking and the numbers alone."""
        case, _, drops, _, _, spread = self
        return not (drops or spread or case.cache_usd or case.snapshot.ailments)


def kept_rows(panel: Panel, columns: Columns, ranking: Sequence[int], numbers: Iterable[Json]) -> list[dict[str, Json]]:
    """Rows of targets that were not dropped.

    Args:
        panel: What every decision on it says of its targets.
        columns: Of the scores; only their names and weights are looked at.
        ranking: Places of the targets in the pool, best first.
        numbers: Target by target, in that order: the score of each column, cost, latency and total.
    """
    known, number = _known(panel), iter(numbers)
    return [_row(known[i], columns, number) for i in ranking]


def _row(known: dict[str, Json], columns: Columns, number: Iterator[Json]) -> dict[str, Json]:
    row = known.copy()
    row["scores"] = tuple([{"by": by, "value": next(number), "weight": weight} for by, weight, _ in columns])
    row["cost_usd"], row["latency_s"], row["total"] = next(number), next(number), next(number)
    return row


@lru_cache(maxsize=1024)
def _known(panel: Panel) -> tuple[dict[str, Json], ...]:
    """What every decision on a panel says of its targets; the numbers of one request take their places in it."""
    notes = ["; ".join(_caveats(panel, i)) for i in range(len(panel.names))]
    facts = zip(panel.names, panel.estimates, notes, strict=True)
    known = [Candidate(name, None, (), None, e.mean, e.low, e.high, e.n_samples, note=note) for name, e, note in facts]
    return tuple([dict(candidate.to_dict()) for candidate in known])


def _caveats(panel: Panel, i: int) -> list[str]:
    """What a reader should know of a target's numbers in every request."""
    e = panel.estimates[i]
    said = [] if e.n_samples else [f"unmeasured, quality from {e.source}"]
    if e.note:
        said.append(e.note)
    if panel.rates[i] is None:
        said.append("price unknown")
    return said


def _remarks(case: Case, i: int) -> list[str]:
    """What a reader should know of them in this one."""
    said: list[str] = []
    cache_usd = case.cache_usd[i] if case.cache_usd else 0.0
    if cache_usd:
        said.append(f"warm: saves {format_usd(-cache_usd)}" if cache_usd < 0 else f"cold: writing its cache adds {format_usd(cache_usd)}")
    if ailment := case.snapshot.ailments.get(case.panel.names[i]):
        said.append(f"readmitted although {ailment.why}")
    return said
