"""Candidates made at the newest commit: a fault in a line that tests run, to be found and mended."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import Final

from routerkit_evals.mine.bench import Bench
from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.coverage import coverage
from routerkit_evals.mine.operators import Fault, faults
from routerkit_evals.mine.repository import Repository
from routerkit_evals.sample import digest

PER_SOURCE: Final = 5
"""Candidates of one source; tasks of one file resemble each other."""
_SEED: Final = 20261126


def mutants(repository: Repository, bench: Bench) -> Iterator[Candidate | Loss]:
    """Faults in lines that tests run, a few per source, the same every time."""
    tree = repository.tree(repository.head)
    for source, (target, lines) in coverage(repository, bench).items():
        chosen = sample(source, tree[source], lines, PER_SOURCE)
        if not chosen:
            yield Loss("nothing in the lines its tests run can be wrong in one place", source)
        for fault in chosen:
            yield Candidate(
                key=f"mutants:{source}:{digest(tree[source], fault.code, tree[target])}",
                mode="mutants",
                tree=repository.head,
                before={source: fault.code},
                after={source: tree[source]},
                targets=(target,),
                subject=f"{source}:{fault.line}",
                commit=repository.head,
            )


def sample(path: str, source: str, lines: Collection[int], n: int) -> list[Fault]:
    """At most `n` faults of a source on these lines, drawn the same way every time."""
    found = list(faults(source, lines))
    return random.Random(f"{_SEED}:{path}").sample(found, min(n, len(found)))
