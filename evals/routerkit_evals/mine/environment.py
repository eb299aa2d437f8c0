"""How the tests of a project are started in its own environment, and whether they can be at all."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from routerkit_evals.errors import EvalError
from routerkit_evals.interpreter import Interpreter
from routerkit_evals.mine.bench import Bench
from routerkit_evals.mine.filters import is_runnable
from routerkit_evals.mine.repository import Repository

# Options of the project's own files could need plugins or tools that are not loaded here, so they are left out; --test-command adds some.
_OPTIONS: Final = ("-q", "--no-header", "--color=no", "--tb=short", "--rootdir=.", "-o", "addopts=", "--continue-on-collection-errors")
_UNWANTED: Final = frozenset(
    {"xdist", "xdist.looponfail", "pytest_cov", "randomly", "random_order", "rerunfailures", "benchmark", "codspeed"}
)
"""Plugins that run tests elsewhere, in another order, again, or only measure."""
_DECLARING: Final = re.compile(
    r"(^|/)(pyproject\.toml|setup\.(cfg|py)|tox\.ini|noxfile\.py|Pipfile|environment[^/]*\.ya?ml|[^/]*requirements?[^/]*\.(txt|in)|requirements/[^/]+)$"
)
"""Files in which a project says what its tests need."""


_TREE_CHARS: Final = 40 << 20
"""The sandbox's work folder holds 64 MB, and tests write there too."""


def default_python() -> Path:
    """The active virtual environment, else the interpreter we run on."""
    active = os.environ.get("VIRTUAL_ENV")
    return Path(active) if active else Path(sys.executable)


def options_of(test_command: str) -> tuple[str, ...]:
    """Options in a user's own command.

    Args:
        test_command: `pytest …` or `python -m pytest …`, options only; empty = none.

    Raises:
        EvalError: it is another command.
    """
    try:
        words = shlex.split(test_command)
    except ValueError as exc:  # a quote that is never closed
        raise EvalError(f"--test-command {test_command!r}: {exc}") from None
    if words[:2] == ["python", "-m"]:
        words = words[2:]
    if words and words[0] != "pytest":
        raise EvalError(
            f"--test-command {test_command!r}: tasks are run by pytest; write it as 'pytest OPTIONS' or 'python -m pytest OPTIONS'"
        )
    return tuple(words[1:])


def pytest_options(interpreter: Interpreter, tree: Mapping[str, str]) -> tuple[str, ...]:
    """Options of every run: ours, and the installed plugins that the project names as its own.

    Args:
        interpreter: Where tests run.
        tree: Files of the project.
    """
    declared = _plain("\n".join(text for path, text in tree.items() if _DECLARING.search(path)))
    plugins = [
        p.name for p in interpreter.plugins if p.name not in _UNWANTED and re.search(rf"\b{re.escape(_plain(p.package))}\b", declared)
    ]
    return (*_OPTIONS, *(part for name in plugins for part in ("-p", name)))


def _plain(text: str) -> str:
    """With names of packages written in one way."""
    return text.lower().replace("_", "-").replace(".", "-")


def check_tests(repository: Repository, bench: Bench, python: str) -> int:
    """Number of tests that can be imported at the newest commit.

    Raises:
        EvalError: there is none; the message says why and what to do.
    """
    tree = repository.tree(repository.head)
    targets = sorted(filter(is_runnable, tree))
    if not targets:
        raise EvalError(f"{repository.name}: its newest commit has no test files (test_*.py or *_test.py), so nothing can prove a task")
    _refuse_files(bench.options, tree)
    if (n_chars := sum(map(len, tree.values()))) > _TREE_CHARS:
        raise EvalError(f"{repository.name}: {n_chars >> 20} MB of text are more than the sandbox holds ({_TREE_CHARS >> 20} MB)")
    trial = bench.watch(tree, ("--collect-only", *targets))
    if not trial.watched.n_collected:
        errors = trial.watched.errors or (trial.why or "pytest found no test",)
        raise EvalError(
            f"{repository.name}: no test can be imported in {python} ({errors[0].strip().splitlines()[-1][:200]}); "
            "install what its tests need there, or name another environment with --python"
        )
    return trial.watched.n_collected


def _refuse_files(options: Iterable[str], tree: Iterable[str]) -> None:
    paths = list(tree)
    for word in options:
        if any(path == word.rstrip("/") or path.startswith(f"{word.rstrip('/')}/") for path in paths):
            raise EvalError(f"--test-command names {word!r}; give options only, the test files of each commit are added")
