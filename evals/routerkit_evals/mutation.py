"""Grading tests a model wrote: they must pass on the module as it is, and fail on each of its mutants."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from routerkit_evals.ast_checks import parsed
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task
from routerkit_evals.verdict import Grade, one_line, run_tests

_RERUNS: Final = 2
"""Runs on the unchanged module after the first: tests that fail now and then would kill mutants by luck."""


def grade_tests(sandbox: Sandbox, task: Task, answer: Mapping[str, str]) -> Grade:
    """Mutation score of an answer's tests: `tests_passed` of `tests_total` mutants killed; a pass from `scorer.threshold` on.

    They must also pass on the same module written another way, so that tests which compare source text instead of behaviour fail.
    A mutant under which the tests do not end counts as killed.
    """
    n_mutants = len(task.mutants)
    first = run_tests(sandbox, task, answer)
    if first.verdict != "pass":
        return replace(first, why=one_line(f"the tests fail on the unchanged module: {first.why}"), tests_passed=0, tests_total=n_mutants)
    seconds = first.seconds
    again = [_rewritten(task), *({} for _ in range(_RERUNS))]
    for over in again:
        grade = run_tests(sandbox, task, answer, over=over)
        seconds += grade.seconds
        if grade.verdict != "pass":
            why = "tests fail when the module is laid out otherwise" if over else "tests fail when run again on the unchanged module"
            return replace(grade, why=one_line(f"{why}: {grade.why}"), tests_passed=0, tests_total=n_mutants, seconds=seconds)
    return _score(sandbox, task, answer, seconds=seconds)


def _score(sandbox: Sandbox, task: Task, answer: Mapping[str, str], *, seconds: float) -> Grade:
    assert task.scorer.module is not None
    alive: list[str] = []
    for mutant in task.mutants:
        grade = run_tests(sandbox, task, answer, over={task.scorer.module: mutant.code})
        seconds += grade.seconds
        if grade.verdict == "infra_sandbox":
            return replace(grade, seconds=seconds)
        if grade.verdict == "pass":
            alive.append(mutant.description)
    n_all, n_killed = len(task.mutants), len(task.mutants) - len(alive)
    # A share of 0.8 of 10 is 8, whatever binary fractions make of it.
    is_enough = n_killed >= task.scorer.threshold * n_all - 1e-9
    why = "" if is_enough else one_line(f"killed {n_killed} of {n_all} mutants; alive: {'; '.join(alive)}")
    return Grade("pass" if is_enough else "fail", why, n_killed, n_all, seconds, sandbox.level)


def _rewritten(task: Task) -> Mapping[str, str]:
    """The module with the same behaviour and another text: no comments, other quotes and lines."""
    assert task.scorer.module is not None
    tree = parsed(task.files[task.scorer.module])
    return {task.scorer.module: ast.unparse(tree) + "\n"} if tree else {}
