"""Judging an answer. A verdict rests on what the runner reports about the tests, never on an exit code or on printed text alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from routerkit_evals.execution import Execution, Limits, Verdict
from routerkit_evals.extract import extract
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task

_WALL_PER_CPU = 3.0
"""A loaded machine stretches wall time, not processor time; so the task's limit bounds the latter and this much of the former."""
_WHY_CHARS = 300


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer was worth."""

    verdict: Verdict
    why: str = ""
    """One line; empty for a pass."""
    tests_passed: int = 0
    tests_total: int = 0
    seconds: float = 0.0
    """Wall time of the tests."""
    sandbox: str = ""
    """Level of the sandbox; empty when nothing was run."""

    @property
    def counts(self) -> bool:
        """Whether it says something about the model."""
        return self.verdict not in {"infra_provider", "infra_sandbox", "skipped_no_sandbox", "invalid_task"}


class Grader:
    """Grades answers; a sandbox is only needed for tasks that run something."""

    def __init__(self, sandbox: Sandbox | None) -> None:
        self._sandbox = sandbox

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one whole answer."""
        if task.scorer.kind == "tests":
            return self._tests(task, text)
        if task.scorer.kind in {"literal_equal", "int_in"}:
            return _value(task, text)
        return Grade("invalid_task", f"no grader for scorer {task.scorer.kind!r}")

    def _tests(self, task: Task, text: str) -> Grade:
        if self._sandbox is None:
            return Grade("skipped_no_sandbox", "the task runs code and there is no sandbox")
        found = extract(text, task.editable, preamble=task.preamble)
        if not found.is_ok:
            return Grade("format", f"no usable file in the answer (may write: {', '.join(task.editable)})")
        grade = self.grade_files(task, found.files)
        if found.ignored and grade.verdict != "pass":
            return replace(grade, why=f"{grade.why} (ignored: {', '.join(found.ignored)})")
        return grade

    def grade_files(self, task: Task, changed: Mapping[str, str]) -> Grade:
        """Grade files laid over the task's starting state."""
        assert self._sandbox is not None
        assert task.program is not None
        answer = {path: task.preamble.get(path, "") + code for path, code in changed.items()}
        program = replace(task.program, untrusted=tuple(answer))
        limits = Limits(wall_s=task.timeout_s * _WALL_PER_CPU, cpu_s=max(1, round(task.timeout_s)))
        # Tests last: an answer that brings its own check.py finds it replaced.
        execution = self._sandbox.run({**task.files, **answer, **task.tests}, program, limits)
        return replace(_verdict(task, execution), seconds=execution.seconds, sandbox=self._sandbox.level)


def _verdict(task: Task, execution: Execution) -> Grade:
    if execution.verdict_class == "infra_sandbox":
        return Grade("infra_sandbox", execution.why)
    if execution.verdict_class == "timeout_tests":
        return Grade("timeout_tests", f"the tests did not end within {task.timeout_s:g} s")
    report = execution.report
    if report is None:
        return Grade("fail", f"the run ended before its tests did (exit code {execution.exit_code})")
    missing = set(task.scorer.expected) - set(report.passed)
    n_passed, n_total = len(report.passed), len({*report.passed, *report.failed, *task.scorer.expected})
    if not report.is_complete or report.failed or missing or not report.passed:
        why = report.error or f"failed: {', '.join([*report.failed, *sorted(missing)][:5]) or 'no test ran'}"
        return Grade("fail", why.replace("\n", " ")[:_WHY_CHARS], n_passed, n_total)
    if task.scorer.must_print and not re.search(task.scorer.must_print, execution.stdout):
        return Grade("fail", "the tests' closing line was not printed", n_passed, n_total)
    return Grade("pass", tests_passed=n_passed, tests_total=n_total)


def _value(task: Task, text: str) -> Grade:
    assert task.scorer.extract is not None
    found = re.findall(task.scorer.extract, text.replace("\r\n", "\n").strip())
    if not found:
        return Grade("format", f"the answer does not match {task.scorer.extract!r}")
    given = str(found[-1]).strip().strip("`")
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
    return given.lstrip("+-").isdigit() and int(given) in values
