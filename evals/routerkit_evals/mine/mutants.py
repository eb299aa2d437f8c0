"""Candidates made at the newest commit: a fault in a line that tests run, to be found and mended."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Final

from routerkit_evals.mine.bench import Bench
from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.filters import is_runnable, is_source
from routerkit_evals.mine.operators import Fault, faults
from routerkit_evals.mine.repository import Repository
from routerkit_evals.sample import digest

PER_SOURCE: Final = 5
"""Candidates of one source; tasks of one file resemble each other."""
_SEED: Final = 20261126


def mutants(repository: Repository, bench: Bench, *, per_source: int = PER_SOURCE) -> Iterator[Candidate | Loss]:
    """Faults in lines that tests run, a few per source, in an order that is the same every time.

    Each test file is run once with its lines followed; a source belongs to the test file that runs most of it.
    """
    tree = repository.tree(repository.head)
    for source, (target, lines) in sorted(_covered(tree, bench).items()):
        found = list(faults(tree[source], lines))
        random.Random(f"{_SEED}:{source}").shuffle(found)
        if not found:
            yield Loss("nothing in the lines its tests run can be mutated", source)
        yield from (_candidate(repository, tree, source, target, fault) for fault in islice(found, per_source))


def _covered(tree: Mapping[str, str], bench: Bench) -> dict[str, tuple[str, frozenset[int]]]:
    """By source: the test file that runs most of its lines, and these lines."""
    best: dict[str, tuple[str, frozenset[int]]] = {}
    for target in sorted(filter(is_runnable, tree)):
        trial = bench.watch(tree, (target,), wants_lines=True)
        if not trial.passed:
            continue  # a target whose tests fail anyway notices nothing
        for source, lines in trial.watched.lines.items():
            if is_source(source) and source in tree and len(lines) > len(best.get(source, ("", ()))[1]):
                best[source] = (target, lines)
    return best


def _candidate(repository: Repository, tree: Mapping[str, str], source: str, target: str, fault: Fault) -> Candidate:
    return Candidate(
        key=f"mutants:{source}:{digest(tree[source], fault.code, tree[target])}",
        mode="mutants",
        tree=repository.head,
        before={source: fault.code},
        after={source: tree[source]},
        targets=(target,),
        subject=f"{source}:{fault.line}",
        commit=repository.head,
    )
