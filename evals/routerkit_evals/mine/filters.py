"""Which commits are worth trying: small ones that change tests and Python sources, and nothing twice."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from routerkit_evals.mine.candidate import Loss
from routerkit_evals.mine.repository import Commit

MAX_SOURCES: Final = 6
LINES: Final = (3, 160)
"""Fewest and most changed lines of source; less says little, more is seldom one idea. Tried on seven public repositories."""
_SUBJECT_CHARS: Final = 15
_DULL: Final = re.compile(
    r"^(bump|release|version|v?\d+\.\d+|merge|lint|typo|docs?\b|documentation|changelog|format|reformat|\[?pre-commit|mypy|typing|ci\b|"
    r"style\b|chore\b|update (copyright|dependenc)|(re)?run black|ruff|isort|add (missing )?type)|\b(type (hints|annotations)|linter)\b",
    re.IGNORECASE,
)
_REVERT: Final = re.compile(r"^revert\b|this reverts commit", re.IGNORECASE)
_TEST_FOLDERS: Final = frozenset({"test", "tests", "testing"})
_NO_SOURCE: Final = frozenset({"setup.py", "noxfile.py", "tasks.py", "fabfile.py", "conf.py", "versioneer.py"})
_NO_SOURCE_FOLDERS: Final = frozenset({"doc", "docs", "examples", "benchmarks", "scripts", "tools", "misc"})
_OTHER_CODE: Final = frozenset(
    {".c", ".cc", ".cpp", ".h", ".hpp", ".pyx", ".pxd", ".rs", ".go", ".java", ".js", ".ts", ".tsx", ".rb", ".sh", ".sql", ".cob", ".cbl"}
)
_ALIKE: Final = 0.9
"""Share of changed lines in common from which two changes count as one."""


def is_test(path: str) -> bool:
    """Whether a file belongs to the tests: by its name, or by a folder it lies in."""
    pure = PurePosixPath(path)
    return is_runnable(path) or pure.name == "conftest.py" or not _TEST_FOLDERS.isdisjoint(pure.parts[:-1])


def is_runnable(path: str) -> bool:
    """Whether pytest would take a file for tests by its name."""
    name = PurePosixPath(path).name
    return path.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def is_source(path: str) -> bool:
    """Whether a file is Python that tests could be about."""
    pure = PurePosixPath(path)
    return pure.suffix == ".py" and not is_test(path) and pure.name not in _NO_SOURCE and _NO_SOURCE_FOLDERS.isdisjoint(pure.parts[:-1])


def refusal(commit: Commit) -> Loss | None:
    """Why a commit is not worth trying, by its message and the sizes of its files alone; None when it is."""
    paths = [change.path for change in commit.changes]
    sources = [change for change in commit.changes if is_source(change.path)]
    if not sources or not any(is_runnable(path) for path in paths):
        return Loss("changes no test or no source")
    if any(PurePosixPath(path).suffix in _OTHER_CODE for path in paths if not is_test(path)):
        return Loss("changes code in other languages")
    if len(sources) > MAX_SOURCES:
        return Loss(f"more than {MAX_SOURCES} source files", f"{len(sources)} files")
    n_lines = sum(change.n_lines or 0 for change in sources)
    if not LINES[0] <= n_lines <= LINES[1]:
        return Loss(f"not {LINES[0]} to {LINES[1]} changed source lines", f"{n_lines} lines")
    if len(commit.subject) < _SUBJECT_CHARS or _DULL.search(commit.subject):
        return Loss("its message says too little", commit.subject[:80])
    return Loss("a revert", commit.subject[:80]) if _REVERT.search(f"{commit.subject}\n{commit.body}") else None


@dataclass(frozen=True, slots=True)
class Footprint:
    """Lines a change takes out and puts in, without their indentation."""

    removed: frozenset[str]
    added: frozenset[str]

    def repeats(self, other: Footprint) -> bool:
        """Whether it is nearly the same change."""
        return _alike(self.removed | self._marked, other.removed | other._marked) >= _ALIKE

    def undoes(self, other: Footprint) -> bool:
        """Whether it takes back nearly all of the other change."""
        return self.repeats(Footprint(other.added, other.removed))

    @property
    def _marked(self) -> frozenset[str]:
        return frozenset(f"+{line}" for line in self.added)


def footprint(before: Mapping[str, str], after: Mapping[str, str]) -> Footprint:
    """Footprint of a change, states as path → text."""
    removed: set[str] = set()
    added: set[str] = set()
    for path in {**before, **after}:
        for line in _changed(before.get(path, ""), after.get(path, "")):
            (added if line[0] == "+" else removed).add(line[1:].strip())
    return Footprint(frozenset(removed - {""}), frozenset(added - {""}))


def _changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard similarity, 0..1."""
    return len(one & other) / (len(one | other) or 1)
