"""From what a run reported to what an answer was worth."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from routerkit_evals.errors import EvalError, SandboxFailureError, TaskError
from routerkit_evals.execution import Execution, Limits, Program, Verdict
from routerkit_evals.patterns import last_match
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task

_WALL_PER_CPU = 3.0
"""A loaded machine stretches wall time, not processor time; so the task's limit bounds the latter and this much of the former."""
_WHY_CHARS = 300
_NAMED = 5
"""Tests that are named where some did not pass."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer was worth."""

    verdict: Verdict
    why: str = ""
    """One line; empty for a pass."""
    tests_passed: int = 0
    """Tests passed, mutants killed, or points made."""
    tests_total: int = 0
    seconds: float = 0.0
    """Wall time of the tests."""
    sandbox: str = ""
    """Level of the sandbox; empty when nothing was run."""
    cost_usd: float | None = 0.0
    """What grading cost; 0 without a judge, None = unknown."""
    type_errors: int | None = None
    """What mypy found in the answer's files; None = not looked for."""

    @property
    def counts(self) -> bool:
        """Whether it says something about the model."""
        return self.verdict not in {"infra_provider", "infra_sandbox", "skipped_no_sandbox", "invalid_task"}


def run_tests(sandbox: Sandbox, task: Task, answer: Mapping[str, str], *, over: Mapping[str, str] | None = None) -> Grade:
    """Grade of the task's tests over an answer.

    Args:
        sandbox: Where it runs.
        task: A task with a program.
        answer: Files the answer wrote.
        over: Files laid over the answer, under the tests.
    """
    assert task.program is not None
    program = replace(task.program, untrusted=tuple(answer))
    # Tests last: an answer that brings its own check.py finds it replaced.
    files = {**task.files, **answer, **(over or {}), **task.tests}
    return run_program(sandbox, task, files, program)


def run_program(sandbox: Sandbox, task: Task, files: Mapping[str, str], program: Program) -> Grade:
    """Grade of one program over these files, within the task's limits."""
    execution = sandbox.run(files, program, limits_of(task))
    return replace(verdict_of(task, execution), seconds=execution.seconds, sandbox=sandbox.level)


def limits_of(task: Task) -> Limits:
    """What one run of a task's tests may use."""
    return Limits(wall_s=task.timeout_s * _WALL_PER_CPU, cpu_s=max(1, round(task.timeout_s)))


def verdict_of(task: Task, execution: Execution) -> Grade:
    """What a run says about the answer in it."""
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
        return Grade("fail", one_line(report.error or _shortfall(report.failed, missing - set(report.failed))), n_passed, n_total)
    try:
        if task.scorer.must_print and last_match(task.scorer.must_print, execution.stdout, cpu_s=limits_of(task).cpu_s) is None:
            return Grade("fail", "the tests' closing line was not printed", n_passed, n_total)
    except (TaskError, SandboxFailureError) as exc:
        return unjudged(exc)
    return Grade("pass", tests_passed=n_passed, tests_total=n_total)


def unjudged(why: EvalError) -> Grade:
    """Grade of an answer that could not be looked at, which says nothing about it."""
    return Grade("invalid_task" if isinstance(why, TaskError) else "infra_sandbox", one_line(str(why)))


def _shortfall(failed: Sequence[str], absent: Collection[str]) -> str:
    """Which tests did not pass; those that did not even run may only be called otherwise, as pytest escapes `ü` in a parameter."""
    named = [(words, list(names)[:_NAMED]) for words, names in (("failed", failed), ("did not run", sorted(absent))) if names]
    return "; ".join(f"{words}: {', '.join(names)}" for words, names in named) or "failed: no test ran"


def one_line(text: str) -> str:
    """A text for `Grade.why`: no line ends, not too long."""
    return text.replace("\n", " ")[:_WHY_CHARS]
