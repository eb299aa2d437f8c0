"""Whether a target became worse on the same tasks, said only when it is credible. Pure."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.intervals import Interval
from routerkit_evals.sample import Sample

_DRAWS: Final = 4_000
_PRIOR: Final = (0.5, 0.5, 1.0)
"""Dirichlet prior of lost, gained and same, worth two tasks: small, and favouring neither side."""


class Shift(NamedTuple):
    """One task's share of solved repetitions before and now."""

    task_id: str
    cluster: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the same tasks say about a target then and now."""

    target: str
    n_tasks: int
    """Tasks answered both times."""
    before: float
    """Share solved before, 0..1."""
    now: float
    interval: Interval
    """90 % credible interval of the difference."""
    p_worse: float
    """Probability that it became worse by more than the margin."""
    is_regression: bool
    lost: tuple[str, ...] = ()
    """Tasks it solved before and not now."""
    gained: tuple[str, ...] = ()

    @property
    def difference(self) -> float:
        """Now less before, on the same tasks."""
        return self.now - self.before


def regressions(now: Iterable[Sample], before: Iterable[Sample], *, margin: float = 0.05, credible: float = 0.95) -> tuple[Verdict, ...]:
    """Compare each target with itself on the tasks it answered in both groups of samples.

    `credible` holds for all targets together: with k targets each must reach 1 - (1 - credible) / k, as in Bonferroni's correction, so
    that many targets do not raise many alarms.

    Args:
        now: Samples of this night.
        before: Samples of earlier nights; repetitions of a task are averaged.
        margin: Loss in share that nobody minds, 0..1.
        credible: Probability needed for an alarm, 0..1.
    """
    shifts = _shifts(now, before)
    needed = 1.0 - (1.0 - credible) / max(1, len(shifts))
    return tuple(_verdict(target, group, margin=margin, needed=needed) for target, group in shifts.items())


def _verdict(target: str, shifts: Sequence[Shift], *, margin: float, needed: float) -> Verdict:
    draws = _differences(shifts)
    p_worse = sum(d < -margin for d in draws) / len(draws)
    return Verdict(
        target,
        len(shifts),
        before=sum(s.before for s in shifts) / len(shifts),
        now=sum(s.now for s in shifts) / len(shifts),
        interval=Interval(draws[int(0.05 * len(draws))], draws[int(0.95 * len(draws))]),
        p_worse=p_worse,
        is_regression=p_worse > needed,
        lost=tuple(s.task_id for s in shifts if s.now < s.before),
        gained=tuple(s.task_id for s in shifts if s.now > s.before),
    )


def _differences(shifts: Sequence[Shift]) -> list[float]:
    """Posterior draws of gained less lost, sorted.

    Each task is lost, gained or the same, in parts where repetitions disagree. Counts are shrunk to the number of clusters: tasks that
    resemble each other are not independent evidence.
    """
    shrink = len({s.cluster for s in shifts}) / len(shifts)
    lost = shrink * sum(max(0.0, s.before - s.now) for s in shifts)
    gained = shrink * sum(max(0.0, s.now - s.before) for s in shifts)
    same = shrink * len(shifts) - lost - gained
    dice = random.Random(20260101)
    found = []
    for _ in range(_DRAWS):
        a, b, c = (dice.gammavariate(x + prior, 1.0) for x, prior in zip((lost, gained, max(0.0, same)), _PRIOR, strict=True))
        found.append((b - a) / (a + b + c))
    return sorted(found)


def _shifts(now: Iterable[Sample], before: Iterable[Sample]) -> dict[str, list[Shift]]:
    rates_now, rates_before = _rates(now), _rates(before)
    found: dict[str, list[Shift]] = {}
    for (target, version), mean in rates_now.items():
        old = rates_before.get((target, version))
        if old is not None:
            found.setdefault(target, []).append(Shift(mean.task_id, mean.cluster, old.share, mean.share))
    return found


class _Mean(NamedTuple):
    task_id: str
    cluster: str
    share: float


def _rates(samples: Iterable[Sample]) -> Mapping[tuple[str, str], _Mean]:
    groups: defaultdict[tuple[str, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.counts:
            groups[sample.target, sample.task_version].append(sample)
    return {key: _Mean(g[0].task_id, g[0].cluster, sum(s.is_solved for s in g) / len(g)) for key, g in groups.items()}
