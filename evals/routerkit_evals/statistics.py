"""Numbers that may be published: success rates with intervals, and what a solved task costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from routerkit import format_usd
from routerkit.intervals import Interval, wilson
from routerkit_evals.sample import Sample


@dataclass(frozen=True, slots=True)
class Summary:
    """What one target did on one kind of task, or on all."""

    target: str
    kind: str | None
    """None = all kinds."""
    n_tasks: int
    n_samples: int
    """Samples that say something about the model."""
    solved: float
    """Solved tasks; repetitions of a task are averaged first, so it may be fractional."""
    interval: Interval
    """95 % Wilson interval of the share of solved tasks. Treats tasks as independent."""
    cost_usd: float | None
    """All counted samples together; None when any cost is unknown."""
    latency_s: float | None
    """Mean seconds to a whole answer."""
    output_tokens: float | None
    """Mean answer length."""
    n_infra: int
    """Samples lost to providers or sandboxes; they are in no other number here."""

    @property
    def rate(self) -> float | None:
        """Share of solved tasks; None when nothing was measured."""
        return self.solved / self.n_tasks if self.n_tasks else None

    @property
    def cost_per_task_usd(self) -> float | None:
        """Dollars per sample, failures included."""
        return None if self.cost_usd is None or not self.n_samples else self.cost_usd / self.n_samples

    @property
    def cost_per_solved_usd(self) -> float | None:
        """Ratio of sums: dollars of all samples, failures included, per solved task; infinite when none was solved."""
        if self.cost_per_task_usd is None or not self.n_tasks:
            return None
        return self.cost_per_task_usd * self.n_tasks / self.solved if self.solved else math.inf


class Lost(NamedTuple):
    """Answers of one target that do not count, for one reason."""

    verdict: str
    n: int
    example: Sample

    def line(self) -> str:
        """For people: whose, how many, and why the first of them."""
        count = "1 answer does" if self.n == 1 else f"{self.n} answers do"
        return f"{self.example.target}: {count} not count ({self.verdict}), e.g. {self.example.task_id}: {self.example.why}"


def lost(samples: Iterable[Sample]) -> tuple[Lost, ...]:
    """What is not counted, one entry per target and verdict, in order of appearance."""
    groups: defaultdict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        if not sample.counts:
            groups[sample.target, sample.verdict].append(sample)
    return tuple(Lost(verdict, len(group), group[0]) for (_, verdict), group in groups.items())


def summarise(samples: Iterable[Sample], *, by_kind: bool = False) -> tuple[Summary, ...]:
    """One line per target, or per target and kind, in order of appearance."""
    groups: defaultdict[tuple[str, str | None], list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.target, sample.kind if by_kind else None].append(sample)
    return tuple(_summary(target, kind, group) for (target, kind), group in groups.items())


def task_rates(samples: Iterable[Sample]) -> dict[str, float]:
    """Share of solved repetitions by task; only samples that count."""
    by_task: defaultdict[str, list[bool]] = defaultdict(list)
    for sample in samples:
        if sample.counts:
            by_task[sample.task_id].append(sample.is_solved)
    return {task: sum(solved) / len(solved) for task, solved in by_task.items()}


def table(summaries: Sequence[Summary], more: Mapping[str, Sequence[str]] | None = None) -> str:
    """Plain text table: target, solved with interval, cost and seconds per task, cost per solved task.

    Args:
        summaries: One line each.
        more: Further columns by their heads, with one text per line.
    """
    has_kinds = any(s.kind for s in summaries)
    head = ["target", *(["kind"] if has_kinds else []), "solved", "share [95 %]", "cost/task", "s/task", "cost/solved", "not counted"]
    rows = [head, *(_cells(s, has_kinds=has_kinds) for s in summaries)]
    rows = (
        [[*row, *cells] for row, cells in zip(rows, zip(*([h, *c] for h, c in more.items()), strict=True), strict=True)] if more else rows
    )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _summary(target: str, kind: str | None, samples: Sequence[Sample]) -> Summary:
    counted = [s for s in samples if s.counts]
    rates = task_rates(counted)
    solved = sum(rates.values())
    costs = [s.cost_usd for s in counted]
    return Summary(
        target,
        kind,
        n_tasks=len(rates),
        n_samples=len(counted),
        solved=solved,
        interval=wilson(solved, len(rates)),
        cost_usd=None if None in costs or not costs else sum(c for c in costs if c is not None),
        latency_s=_mean([s.latency_s for s in counted]),
        output_tokens=_mean([s.output_tokens for s in counted]),
        n_infra=len(samples) - len(counted),
    )


def rate_text(n: int, of: int) -> str:
    """A share for people, with its 95 % Wilson interval."""
    if not of:
        return "unmeasured"
    low, high = wilson(n, of)
    return f"{n / of:.2f} [{low:.2f}, {high:.2f}] ({n} of {of})"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


def _cells(summary: Summary, *, has_kinds: bool) -> list[str]:
    s = summary
    share = "-" if s.rate is None else f"{s.rate:.2f} [{s.interval.low:.2f}, {s.interval.high:.2f}]"
    return [
        s.target,
        *([s.kind or "all"] if has_kinds else []),
        f"{s.solved:.4g}/{s.n_tasks}",
        share,
        _usd(s.cost_per_task_usd),
        "-" if s.latency_s is None else f"{s.latency_s:.1f}",
        _usd(s.cost_per_solved_usd),
        str(s.n_infra or "-"),
    ]


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    return "none solved" if math.isinf(value) else format_usd(value)
