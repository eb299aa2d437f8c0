"""Tasks of writing tests: a source of the newest commit without its test file, and faults that the real tests notice."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from routerkit import Json
from routerkit_evals.mine.bench import Bench, pythonpath_of
from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.coverage import coverage
from routerkit_evals.mine.leaks import find_leak
from routerkit_evals.mine.mutants import sample
from routerkit_evals.mine.operators import Fault
from routerkit_evals.mine.proving import LEAST_S, TIMES, needed, refused
from routerkit_evals.mine.relevance import background
from routerkit_evals.mine.repository import Repository
from routerkit_evals.sample import digest
from routerkit_evals.task import SCHEMA, parse_task

_WISH: Final = "Write the tests of {source}, as {target}, to be run by pytest. They must pass on it as it is, and fail when it has a fault."
_TRIED: Final = 16
"""Faults tried per source."""
_WANTED: Final = (3, 8)
"""Fewest and most faults of a task; fewer would make the score a matter of luck."""
_THRESHOLD: Final = 0.75
"""Share to notice for a pass: the real tests were written by people who knew more than the source says."""


def missing_tests(repository: Repository, bench: Bench) -> Iterator[Candidate]:
    """One candidate per source: the test file that runs most of it is to be written anew."""
    tree = repository.tree(repository.head)
    for source, (target, _) in coverage(repository, bench).items():
        yield Candidate(
            key=f"tests:{source}:{digest(tree[source], tree[target])}",
            mode="tests",
            tree=repository.head,
            after={target: tree[target]},
            targets=(target,),
            about=source,
            subject=source,
            commit=repository.head,
        )


def prove_tests(candidate: Candidate, repository: Repository, bench: Bench) -> Mapping[str, Json] | Loss:
    """Row of a task (`rk-task/1`) whose real tests pass and notice its faults, as graded; or why there is none."""
    tree = repository.tree(candidate.tree)
    trial = bench.watch(tree, candidate.targets)
    if loss := refused(trial):
        return loss
    if trial.failed or not trial.passed:
        return Loss("its tests do not all pass")
    paths = needed(tree, candidate, trial.watched.opened)
    if candidate.about not in paths:
        return Loss("its tests do not open it")
    files = {path: text for path, text in tree.items() if path in paths}
    lines = coverage(repository, bench)[candidate.about].lines
    noticed = list(islice(_noticed(candidate, files, lines, bench), _WANTED[1]))
    if len(noticed) < _WANTED[0]:
        return Loss(f"its tests notice fewer than {_WANTED[0]} faults", f"{len(noticed)} of {_TRIED}")
    row = _row(candidate, repository.name, files, noticed, bench.options, trial.seconds)
    if leak := find_leak({**files, **candidate.after}):
        return Loss("it may hold a secret", leak)
    grade = bench.grade(parse_task(json.dumps(row), where=candidate.key), candidate.after)
    return row if grade.verdict == "pass" else Loss("its tests do not pass as an answer", grade.why)


def _noticed(candidate: Candidate, files: Mapping[str, str], lines: frozenset[int], bench: Bench) -> Iterator[Fault]:
    """Faults under which a test fails; those under which nothing ends would cost every grading its whole time."""
    for fault in sample(candidate.about, files[candidate.about], lines, _TRIED):
        trial = bench.run({**files, candidate.about: fault.code}, candidate.targets)
        if trial.fate == "ran" and trial.failed:
            yield fault


def _row(
    candidate: Candidate, name: str, files: Mapping[str, str], noticed: Sequence[Fault], options: Sequence[str], seconds: float
) -> Mapping[str, Json]:
    (target,) = candidate.targets
    source, pythonpath = candidate.about, pythonpath_of(files)
    start = {path: text for path, text in files.items() if path != target}
    return {
        "schema": SCHEMA,
        "id": f"{name}/tests-{digest(candidate.key, length=10)}",
        "category": "test_write",
        "prompt": _WISH.format(source=source, target=target),
        "files": start,
        "background": list(background(start, [source], {}, pythonpath=pythonpath)),
        "editable": [target],
        "cmd": ["python", "-m", "pytest", *options, target],
        "pythonpath": pythonpath,
        "scorer": {"type": "mutation", "module": source, "threshold": _THRESHOLD},
        "mutants": [{"desc": f"{source}, line {fault.line}", "code": fault.code} for fault in noticed],
        "timeout_s": max(LEAST_S, float(math.ceil(TIMES * seconds))),
        "reference": dict(candidate.after),
        "cluster": f"{name}/{source}",
        "published": candidate.date,
        "source": f"mine/{name}",
        "origin": {"mode": candidate.mode, "commit": candidate.commit},
    }
