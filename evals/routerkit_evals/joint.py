"""From samples to what cascades are planned from: outcomes on the same tasks, and how well answers are checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from routerkit.intervals import wilson
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.verifier import Verdict
from routerkit_evals.sample import Sample
from routerkit_evals.statistics import rate_text


class _Outcome(NamedTuple):
    score: float
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verifier said about stored answers of one kind."""

    counts: VerifierCounts
    n_silent: int
    """Answers it could not look at; they are in no rate."""

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % Wilson intervals of both rates."""
        c = self.counts
        return {"true_accept": wilson(c.n_right_accepted, c.n_right), "false_accept": wilson(c.n_wrong_accepted, c.n_wrong)}

    def line(self) -> str:
        """For people, with 95 % Wilson intervals."""
        c = self.counts
        silent = f", could not look at {self.n_silent}" if self.n_silent else ""
        right, wrong = rate_text(c.n_right_accepted, c.n_right), rate_text(c.n_wrong_accepted, c.n_wrong)
        return f"{c.kind}: accepts right {right}, wrong {wrong}{silent}"


def joint_outcomes(samples: Iterable[Sample]) -> tuple[JointOutcomes, ...]:
    """Outcomes of all targets on the same tasks, one entry per kind; tasks with equal outcomes are put together at mean costs."""
    by_kind: defaultdict[str, defaultdict[str, defaultdict[str, list[Sample]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for sample in samples:
        if sample.counts:
            by_kind[sample.kind][sample.task_id][sample.target].append(sample)
    return tuple(_joint(kind, tasks) for kind, tasks in sorted(by_kind.items()))


def check_answers(samples: Iterable[Sample], verifier: str, look: Callable[[Sample], Verdict]) -> tuple[Checked, ...]:
    """Have a verifier look at stored answers whose grade is known; one result per kind.

    Args:
        samples: With the texts of their answers; those without are left out, as are those that say nothing about a model.
        verifier: Its name in the scorecard.
        look: What it says about one answer.
    """
    verdicts: defaultdict[str, list[tuple[bool, Verdict]]] = defaultdict(list)
    for sample in samples:
        if sample.counts and sample.answer is not None:
            verdicts[sample.kind].append((sample.is_solved, look(sample)))
    return tuple(_checked(verifier, kind, found) for kind, found in sorted(verdicts.items()))


def _joint(kind: str, tasks: Mapping[str, Mapping[str, Sequence[Sample]]]) -> JointOutcomes:
    targets = tuple(sorted({target for by_target in tasks.values() for target in by_target}))
    groups: defaultdict[tuple[float | None, ...], list[tuple[float | None, ...]]] = defaultdict(list)
    for by_target in tasks.values():
        outcomes = [_outcome(by_target[t]) if t in by_target else None for t in targets]
        groups[tuple(None if o is None else o.score for o in outcomes)].append(tuple(None if o is None else o.cost_usd for o in outcomes))
    patterns = [Pattern(len(costs), scores, _column_means(costs)) for scores, costs in groups.items()]
    return JointOutcomes(kind, targets, tuple(patterns))


def _outcome(samples: Sequence[Sample]) -> _Outcome:
    """Repetitions of a task are averaged: they are not independent evidence."""
    return _Outcome(sum(s.is_solved for s in samples) / len(samples), _mean([s.cost_usd for s in samples]))


def _column_means(rows: Sequence[tuple[float | None, ...]]) -> tuple[float | None, ...]:
    return tuple(_mean(column) for column in zip(*rows, strict=True))


def _mean(values: Sequence[float | None]) -> float | None:
    """To four digits, which is more than is known; None when any value is unknown."""
    known = [v for v in values if v is not None]
    return float(f"{sum(known) / len(known):.4g}") if known and len(known) == len(values) else None


def _checked(verifier: str, kind: str, found: Sequence[tuple[bool, Verdict]]) -> Checked:
    looked = [(is_right, verdict.accepted) for is_right, verdict in found if verdict.accepted is not None]
    right = [accepted for is_right, accepted in looked if is_right]
    wrong = [accepted for is_right, accepted in looked if not is_right]
    cost_usd = _mean([verdict.cost_usd for _, verdict in found])
    counts = VerifierCounts(verifier, kind, len(right), sum(map(bool, right)), len(wrong), sum(map(bool, wrong)), cost_usd)
    return Checked(counts, len(found) - len(looked))
