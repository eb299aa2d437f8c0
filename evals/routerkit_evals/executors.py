"""Where answers are graded: in this process, or on the machines of a Ray cluster.

Calls to models always stay in the process that was started: there are the keys, the budget and the limits of the providers, and waiting
for an answer needs no machine. What costs processor time is running the tests of an answer, and that is what an executor spreads.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Final, Protocol, Self

from routerkit_evals.errors import EvalError
from routerkit_evals.grade import Grade
from routerkit_evals.task import Task

EXECUTORS: Final = ("local", "ray", "ray:ADDRESS")
"""What `make_executor` knows; `ray` finds the cluster of this machine or of RAY_ADDRESS."""


class Grading(Protocol):
    """Grades answers; `Grader` is one, and every executor."""

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one whole answer; failures of the machinery are verdicts, never exceptions."""
        ...


class Executor(Grading, Protocol):
    """A place for grading that must be closed."""

    @property
    def name(self) -> str:
        """As stored with a run."""
        ...

    def close(self) -> None:
        """Give back what was taken."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /) -> None: ...


class LocalExecutor:
    """Grades in this process, at most as many answers at a time as there are processors: tests that fight for one run into their limits."""

    name = "local"

    def __init__(self, grader: Grading, *, slots: int | None = None) -> None:
        """Prepare; `slots` = answers graded at a time, at least 1; None = one per processor this process may use."""
        self._grader = grader
        self._slots = threading.BoundedSemaphore(slots or len(os.sched_getaffinity(0)))

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one answer when there is room."""
        with self._slots:
            return self._grader.grade(task, text)

    def close(self) -> None:
        """Nothing was taken; the sandbox belongs to who opened it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /) -> None:
        self.close()


def make_executor(name: str, workers: int, *, grader: Grading, is_unsafe: bool = False, python: str = "") -> Executor:
    """Executor by name.

    Args:
        name: `local`, `ray` (the cluster of RAY_ADDRESS or of this machine) or `ray:HOST:PORT`. A cluster is attached to, never started.
        workers: Answers graded at a time.
        grader: Grades here: everything with `local`, with `ray` only tasks that run nothing.
        is_unsafe: Whether workers may run answers without a sandbox.
        python: Interpreter the grader's sandbox was given; the machines of a cluster do not have it.

    Raises:
        EvalError: unknown name, Ray is not installed, no cluster answers, or it has no room.
        SandboxUnavailableError: the workers have no sandbox.
    """
    if name == "local":
        return LocalExecutor(grader, slots=min(workers, len(os.sched_getaffinity(0))))
    kind, _, address = name.partition(":")
    if kind != "ray":
        raise EvalError(f"no executor {name!r}; known: {', '.join(EXECUTORS)}")
    if python:
        raise EvalError(f"--python {python} is on this machine only; leave it out, or grade here with --executor local")
    # Ray takes seconds to import, and only this executor needs it.
    from routerkit_evals.ray_executor import RayExecutor

    return RayExecutor(address or "auto", workers, grader=grader, is_unsafe=is_unsafe)
