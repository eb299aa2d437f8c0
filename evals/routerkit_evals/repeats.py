"""Several answers per task: solved by at least one of k (pass@k), solved by all of k (pass^k). Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from routerkit_evals.sample import Sample


class Repeated(NamedTuple):
    """What a target does when a task is tried k times."""

    target: str
    k: int
    n_tasks: int
    """Tasks with at least k answers; the others say nothing about k tries."""
    any_share: float | None
    """pass@k: share of tasks that one of k answers solves, 0..1; None without such tasks. Useful only if one can tell the right one."""
    all_share: float | None
    """pass^k: share of tasks that k answers all solve."""


def repeated(samples: Iterable[Sample], k: int) -> tuple[Repeated, ...]:
    """One entry per target, in order of appearance.

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    targets: defaultdict[str, defaultdict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        if sample.counts:
            targets[sample.target][sample.task_version].append(sample.is_solved)
    return tuple(_repeated(target, k, [(len(a), sum(a)) for a in tasks.values() if len(a) >= k]) for target, tasks in targets.items())


def pass_at_k(n: int, n_solved: int, k: int) -> float:
    """Probability that at least one of k of these n answers, drawn at random, is right; unbiased. Needs 1 <= k <= n.

    Source: Chen et al. 2021, arXiv 2107.03374.
    """
    return 1.0 - math.comb(n - n_solved, k) / math.comb(n, k)


def pass_all_k(n: int, n_solved: int, k: int) -> float:
    """Probability that k of these n answers, drawn at random, are all right; unbiased. Needs 1 <= k <= n.

    Source: Yao et al. 2024, tau-bench, arXiv 2406.12045.
    """
    return math.comb(n_solved, k) / math.comb(n, k)


def _repeated(target: str, k: int, counts: list[tuple[int, int]]) -> Repeated:
    if not counts:
        return Repeated(target, k, 0, None, None)
    any_share = math.fsum(pass_at_k(n, solved, k) for n, solved in counts) / len(counts)
    all_share = math.fsum(pass_all_k(n, solved, k) for n, solved in counts) / len(counts)
    return Repeated(target, k, len(counts), any_share, all_share)
