"""Which lines of which sources the tests of the newest commit run."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from routerkit_evals.mine.bench import Bench
from routerkit_evals.mine.filters import is_runnable, is_source
from routerkit_evals.mine.repository import Repository


class Covered(NamedTuple):
    """Where a source is tested."""

    target: str
    """Test file that runs most of its lines."""
    lines: frozenset[int]
    """Those it runs, counted from 1."""


@lru_cache(maxsize=1)
def coverage(repository: Repository, bench: Bench) -> dict[str, Covered]:
    """By source, in the order of names. Every test file is run once, with its lines followed."""
    tree = repository.tree(repository.head)
    best: dict[str, Covered] = {}
    for target in sorted(filter(is_runnable, tree)):
        trial = bench.watch(tree, (target,), wants_lines=True)
        if not trial.passed:
            continue  # tests that fail anyway notice nothing
        for source, lines in trial.watched.lines.items():
            if is_source(source) and source in tree and (source not in best or len(lines) > len(best[source].lines)):
                best[source] = Covered(target, lines)
    return dict(sorted(best.items()))
