"""Judging an answer. A verdict rests on what the runner reports about the tests, never on an exit code or on printed text alone."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from routerkit_evals.ast_checks import equal_trees, failed_checks
from routerkit_evals.errors import SandboxFailureError, TaskError
from routerkit_evals.extract import extract
from routerkit_evals.layout import layout_fault
from routerkit_evals.mutation import grade_tests
from routerkit_evals.patterns import last_match
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.scope import violations
from routerkit_evals.task import Task
from routerkit_evals.type_checks import type_errors
from routerkit_evals.verdict import Grade, limits_of, one_line, run_tests, unjudged

__all__ = ["Grade", "Grader", "RubricGrader"]


class RubricGrader(Protocol):
    """Grades answers in words; a calibrated judge is one."""

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one answer; a judge that fails is `infra_provider`, never the answer's fault."""
        ...


class Grader:
    """Grades answers; a sandbox is only needed for tasks that run something, a judge only for rubrics."""

    def __init__(self, sandbox: Sandbox | None, judge: RubricGrader | None = None) -> None:
        self._sandbox, self._judge = sandbox, judge

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one whole answer."""
        if task.wants_files:
            return self._files(task, text)
        if task.scorer.kind in {"literal_equal", "int_in"}:
            return _value(task, text)
        if self._judge is None:
            return Grade("invalid_task", "a rubric needs a judge, and there is none")
        return self._judge.grade(task, text)

    def _files(self, task: Task, text: str) -> Grade:
        if self._sandbox is None and task.program is not None:
            return Grade("skipped_no_sandbox", "the task runs code and there is no sandbox")
        found = extract(text, task.editable, preamble=task.preamble)
        if not found.is_ok:
            return Grade("format", f"no usable file in the answer (may write: {', '.join(task.editable)})")
        grade = self.grade_files(task, found.files, ignored=found.ignored)
        if found.ignored and grade.verdict != "pass":
            return replace(grade, why=f"{grade.why} (ignored: {', '.join(found.ignored)})")
        return grade

    def grade_files(self, task: Task, changed: Mapping[str, str], *, ignored: Sequence[str] = ()) -> Grade:
        """Grade files laid over the task's starting state.

        Args:
            task: A task whose answers are files.
            changed: Path → text, editable paths only.
            ignored: Paths the answer wrote although it may not.
        """
        answer = {path: task.preamble.get(path, "") + code for path, code in changed.items()}
        if why := layout_fault({**task.files, **answer, **task.tests}):
            return Grade("fail", one_line(why))
        wrong = _out_of_bounds(task, answer, ignored)
        if wrong:
            return Grade("fail", one_line("; ".join(wrong)))
        if task.program is None:
            return _same_trees(task, answer)
        assert self._sandbox is not None
        if task.scorer.kind == "mutation":
            return grade_tests(self._sandbox, task, answer)
        grade = run_tests(self._sandbox, task, answer)
        return self._with_types(task, answer, grade) if grade.verdict == "pass" else grade

    def _with_types(self, task: Task, answer: Mapping[str, str], grade: Grade) -> Grade:
        """Types last, and only of answers that work: looking takes seconds."""
        if task.max_type_errors is None:
            return grade
        assert self._sandbox is not None
        found = type_errors(self._sandbox, {**task.files, **answer}, tuple(answer))
        if found is None:
            return replace(grade, verdict="infra_sandbox", why="types could not be checked; pip install mypy")
        if len(found) <= task.max_type_errors:
            return replace(grade, type_errors=len(found))
        why = one_line(f"{len(found)} type errors, at most {task.max_type_errors} may be: {'; '.join(found)}")
        return replace(grade, verdict="fail", why=why, type_errors=len(found))


def _out_of_bounds(task: Task, answer: Mapping[str, str], ignored: Sequence[str]) -> list[str]:
    """What the answer touches or leaves that it must not, before anything is run."""
    try:
        wrong = violations(task.scope, task.files, answer, ignored) if task.scope else []
        return wrong + failed_checks(task.structure, {**task.files, **answer}, task.files)
    except RecursionError:  # syntax trees are as deep as whoever wrote the answer likes
        return ["it nests too deeply to be looked at"]


def _same_trees(task: Task, answer: Mapping[str, str]) -> Grade:
    state = {**task.files, **answer}
    other = [path for path, text in task.reference.items() if not equal_trees(state.get(path, ""), text)]
    n_right, n_all = len(task.reference) - len(other), len(task.reference)
    if other:
        return Grade("fail", f"not the expected program: {', '.join(other)}", n_right, n_all)
    return Grade("pass", tests_passed=n_right, tests_total=n_all)


def _value(task: Task, text: str) -> Grade:
    assert task.scorer.extract is not None
    try:
        found = last_match(task.scorer.extract, text.replace("\r\n", "\n").strip(), cpu_s=limits_of(task).cpu_s)
    except (TaskError, SandboxFailureError) as exc:
        return unjudged(exc)
    if found is None:
        return Grade("format", f"the answer does not match {task.scorer.extract!r}")
    given = found.strip().strip("`")
    is_right = _is_one_of(given, task.answer) if task.scorer.kind == "int_in" else _is_equal(given, task.answer)
    return Grade("pass", tests_passed=1, tests_total=1) if is_right else Grade("fail", f"answered {given[:80]!r}", 0, 1)


def _is_equal(given: str, expected: object) -> bool:
    try:
        value, right = ast.literal_eval(given), ast.literal_eval(str(expected))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return type(value) is type(right) and bool(value == right)


def _is_one_of(given: str, expected: object) -> bool:
    values = expected if isinstance(expected, list) else [expected]
    try:
        return given.lstrip("+-").isdigit() and int(given) in values
    except ValueError:  # "²" is a digit, too; and Python reads no number of 4,300 digits
        return False
