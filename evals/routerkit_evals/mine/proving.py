"""From a candidate to a task: its tests are run before and after, on all files and again on the few the task keeps."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from routerkit import Json
from routerkit_evals.mine.bench import Bench, Trial, pythonpath_of
from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.kinds import kind_of
from routerkit_evals.mine.leaks import find_leak
from routerkit_evals.mine.relevance import background
from routerkit_evals.mine.repository import Repository
from routerkit_evals.mine.wording import prompt_of
from routerkit_evals.sample import digest
from routerkit_evals.task import SCHEMA

UNFIT: Final = "does not run in this environment"
BROKEN: Final = "the sandbox broke"
"""Says nothing about the candidate; it is tried again next time."""
_TROUBLES: Final = {"endless": "its tests do not come to their end", "unfit": UNFIT, "broken": BROKEN}
_NO_F2P: Final = "no test fails before and passes after"
_TASK_CHARS: Final = 500_000
"""Most text of a task, shown or not."""
_SHOWN_CHARS: Final = 30_000
"""Longest tests that are shown as whole files; of longer ones the prompt quotes the failing tests."""
TIMES: Final = 5.0
"""A task may take this many times as long as it did here."""
LEAST_S: Final = 10.0
_SETTINGS: Final = re.compile(r"^\[(?:tool[.:])?pytest", re.MULTILINE)
_SETTINGS_FILES: Final = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


@dataclass(frozen=True)
class _States:
    """The project before and after, path → text."""

    start: Mapping[str, str]
    done: Mapping[str, str]

    def only(self, paths: Iterable[str]) -> _States:
        """The same with these files alone."""
        kept = set(paths)
        return _States(*({path: text for path, text in state.items() if path in kept} for state in (self.start, self.done)))

    @cached_property
    def n_chars(self) -> int:
        """Size of the larger part."""
        return sum(map(len, self.done.values()))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Test runs before and after."""

    before: Trial
    after: Trial

    @property
    def opened(self) -> frozenset[str]:
        return self.before.watched.opened | self.after.watched.opened

    @property
    def f2p(self) -> frozenset[str]:
        return self.after.passed - self.before.passed

    def confirms(self, other: _Pair) -> bool:
        """Whether the same tests passed as in another pair, and the others were left out."""
        same = (self.before.passed, self.after.passed) == (other.before.passed, other.after.passed)
        return same and not self.after.failed


class _Found(NamedTuple):
    """What a task keeps, and how its tests ended on that."""

    states: _States
    pair: _Pair


def prove(candidate: Candidate, repository: Repository, bench: Bench) -> Mapping[str, Json] | Loss:
    """Row of a task (`rk-task/1`) whose tests were seen to fail and pass twice, or why there is none."""
    start = {**repository.tree(candidate.tree), **candidate.before, **candidate.tests}
    states = _States(start, {**start, **candidate.after})
    looked = _look(bench, states, candidate.targets)
    if isinstance(looked, Loss):
        return looked
    if loss := _shadowed(candidate, looked):
        return loss
    arguments = _arguments(candidate, looked.after)
    paths = needed({**states.start, **states.done}, candidate, looked.opened)
    found = _confirmed(bench, states, paths, arguments, looked)
    if isinstance(found, Loss):
        return found
    return _row(candidate, repository.name, found, (*bench.options, *arguments))


def _look(bench: Bench, states: _States, targets: tuple[str, ...]) -> _Pair | Loss:
    """First runs, on all files."""
    before = bench.watch(states.start, targets)
    if loss := refused(before):
        return loss
    if before.passed and not before.failed:
        return Loss(_NO_F2P, "all pass before")
    after = bench.watch(states.done, targets)
    if loss := refused(after) or _unusable(before, after):
        return loss
    return _Pair(before, after)


def refused(trial: Trial) -> Loss | None:
    """Why a run says nothing about its tests; None when it does."""
    return None if trial.fate == "ran" else Loss(_TROUBLES[trial.fate], trial.why)


def _unusable(before: Trial, after: Trial) -> Loss | None:
    if not after.passed and after.watched.errors:
        return Loss(UNFIT, after.watched.errors[0].strip().splitlines()[-1][:200])
    if not after.passed - before.passed:
        return Loss(_NO_F2P)
    if broke := sorted(before.passed - after.passed):
        return Loss("a test that passed fails after", broke[0])
    if any(passed.startswith(failed) for failed in _left_out(after) for passed in after.passed):
        return Loss("failing tests cannot be left out alone", min(after.failed))
    return None


def _left_out(after: Trial) -> list[str]:
    """Tests that fail even with the right answer: they need what is not here, e.g. a network."""
    return sorted(test for test in after.failed if "::" in test)


def _arguments(candidate: Candidate, after: Trial) -> tuple[str, ...]:
    targets = [target for target in candidate.targets if target not in after.failed]
    return (*targets, *(f"--deselect={test}" for test in _left_out(after)))


def _shadowed(candidate: Candidate, looked: _Pair) -> Loss | None:
    """The package of the project must come from its tree: an installed copy may be newer, and would be what is tested."""
    names = {path.removeprefix("src/").partition("/")[0].removesuffix(".py") for path in candidate.after}
    outside = looked.before.watched.outside | looked.after.watched.outside
    copies = [path for path in sorted(outside) if path.partition("/")[0].removesuffix(".py") in names]
    return Loss("an installed copy of the package is imported", f"site-packages/{copies[0]}") if copies else None


def needed(files: Mapping[str, str], candidate: Candidate, opened: frozenset[str]) -> set[str]:
    """Paths of the files a task keeps: what the tests opened, and how pytest is set up."""
    settings = {path for path in _SETTINGS_FILES if _SETTINGS.search(files.get(path, ""))}
    return {*(opened & files.keys()), *settings, *candidate.targets}


def _confirmed(bench: Bench, states: _States, paths: set[str], arguments: tuple[str, ...], looked: _Pair) -> _Found | Loss:
    """Second runs, on the files the task keeps; on all of them where those are not enough."""
    for kept in (states.only(paths), states):
        if kept.n_chars > _TASK_CHARS:
            return Loss(f"more than {_TASK_CHARS // 1000} KB of files", f"{kept.n_chars // 1000} KB")
        pair = _Pair(bench.run(kept.start, arguments), bench.run(kept.done, arguments))
        if loss := refused(pair.before) or refused(pair.after):
            return loss
        if pair.confirms(looked):
            return _Found(kept, pair)
    return Loss("a second run ends otherwise")


def _row(candidate: Candidate, name: str, found: _Found, arguments: tuple[str, ...]) -> Mapping[str, Json] | Loss:
    start, pair = found.states.start, found.pair
    reference = {path: text for path, text in candidate.after.items() if path in found.states.done and start.get(path) != text}
    if not reference:
        return Loss("its tests open none of the changed sources")
    tests = {path: text for path, text in start.items() if path in {*candidate.tests, *candidate.targets}}
    files = {path: text for path, text in start.items() if path not in tests}
    shown = tests if sum(map(len, tests.values())) <= _SHOWN_CHARS else {}
    prompt = prompt_of(candidate, sorted(reference), sorted(pair.f2p), {} if shown else tests)
    if leak := find_leak({**files, **tests, **reference, "the prompt": prompt}):
        return Loss("it may hold a secret", leak)
    pythonpath = pythonpath_of(start)
    return {
        "schema": SCHEMA,
        "id": f"{name}/{candidate.mode}-{digest(candidate.key, length=10)}",
        "category": kind_of({path: start.get(path, "") for path in reference}, reference),
        "prompt": prompt,
        "files": files,
        "background": list(background(files, reference, tests, pythonpath=pythonpath)),
        "editable": sorted(reference),
        "tests": tests,
        "shown_tests": shown,
        "cmd": ["python", "-m", "pytest", *arguments],
        "pythonpath": pythonpath,
        "scorer": {"type": "tests"},
        "f2p": sorted(pair.f2p),
        "p2p": sorted(pair.after.passed & pair.before.passed),
        "timeout_s": max(LEAST_S, float(math.ceil(TIMES * max(pair.before.seconds, pair.after.seconds)))),
        "reference": reference,
        "cluster": f"{name}/{max(reference, key=lambda path: len(reference[path]))}",
        "published": candidate.date,
        "source": f"mine/{name}",
        "origin": {"mode": candidate.mode, "commit": candidate.commit},
    }
