"""Choosing targets of a pool and tasks of a source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from routerkit import Pool, Router, Target
from routerkit_evals.errors import EvalError
from routerkit_evals.task import Task


def only_pool(router: Router, place: str) -> str:
    """The pool, where there is only one.

    Args:
        router: Whose pools.
        place: Where people name one.

    Raises:
        EvalError: there are several, or none.
    """
    pools = list(router.state.pools)
    if len(pools) != 1:
        raise EvalError(f"which pool? there are {', '.join(pools) or 'none'}; name one {place}")
    return pools[0]


def pick_targets(router: Router, pool: str, names: Sequence[str]) -> tuple[Target, ...]:
    """Targets of a pool by name, all when none is named.

    Raises:
        EvalError: no such pool or target; the message lists what there is.
    """
    found = router.state.pools.get(pool)
    if found is None:
        raise EvalError(f"no pool {pool!r}; known: {', '.join(router.state.pools) or 'none'}")
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
