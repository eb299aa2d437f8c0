"""What a model may learn about its answer before it is graded: shown tests run in the sandbox. Hidden tests never take part."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from routerkit_evals.execution import Program
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task
from routerkit_evals.verdict import limits_of, verdict_of

_HEAD_CHARS: Final = 500
_TAIL_CHARS: Final = 2_500
"""Failing output is read from its end, where the assertion stands; its beginning names what was run."""
_TEST_FILE: Final = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
_PYTEST: Final = ("-q", "--no-header", "--color=no", "--tb=short")


@dataclass(frozen=True, slots=True)
class Shown:
    """What can be shown about an answer."""

    is_ok: bool
    """Whether nothing is known to be wrong; also true where nothing can be run."""
    output: str = ""
    """What to tell the model, cut to its ends."""
    is_broken: bool = False
    """Whether the sandbox failed, so that nothing is known."""


def check_shown(sandbox: Sandbox | None, task: Task, answer: Mapping[str, str]) -> Shown:
    """Run what may be shown over an answer: its syntax, then shown tests, or for written tests these themselves."""
    wrong = _syntax(answer)
    if wrong:
        return Shown(is_ok=False, output=wrong)
    program = _program(task, answer)
    if program is None or sandbox is None:
        return Shown(is_ok=True, output="There are no tests to run for this task; every file is valid Python.")
    execution = sandbox.run({**task.files, **answer, **task.shown_tests}, program, limits_of(task))
    plain = replace(task, scorer=replace(task.scorer, expected=(), must_print=None))
    grade = verdict_of(plain, execution)
    if grade.verdict == "infra_sandbox":
        return Shown(is_ok=True, output="The tests cannot be run at the moment.", is_broken=True)
    if grade.verdict == "pass":
        return Shown(is_ok=True, output="The tests pass.")
    return Shown(is_ok=False, output=cut(execution.stdout.strip()) or grade.why)


def cut(text: str) -> str:
    """A long text without its middle."""
    left_out = len(text) - _HEAD_CHARS - _TAIL_CHARS
    return text if left_out <= 0 else f"{text[:_HEAD_CHARS]}\n[... {left_out} characters left out ...]\n{text[-_TAIL_CHARS:]}"


def _syntax(answer: Mapping[str, str]) -> str:
    for path, text in answer.items():
        if path.endswith(".py"):
            try:
                compile(text, path, "exec", flags=0x400, dont_inherit=True)  # ast.PyCF_ONLY_AST: parsed, not run
            except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
                line = getattr(exc, "lineno", None)
                return f"{path}{f', line {line}' if line else ''}: {getattr(exc, 'msg', None) or exc}"
    return ""


def _program(task: Task, answer: Mapping[str, str]) -> Program | None:
    untrusted = tuple(answer)
    if task.scorer.kind == "mutation":
        return Program("pytest", (*_PYTEST, *sorted(answer)), untrusted=untrusted)
    own = task.program
    if own is not None and _shows_all(own, task):
        return replace(own, untrusted=untrusted)
    scripts = sorted(path for path in task.shown_tests if path.endswith(".py"))
    collected = [path for path in scripts if _TEST_FILE.search(path)]
    pythonpath = own.pythonpath if own else ""
    if collected:
        return Program("pytest", (*_PYTEST, *collected), untrusted=untrusted, pythonpath=pythonpath)
    # Files pytest would not take for tests are scripts that fail by raising.
    return Program("script", tuple(scripts), untrusted=untrusted, pythonpath=pythonpath) if scripts else None


def _shows_all(own: Program, task: Task) -> bool:
    """Whether nothing the task's own program runs is hidden; then its options are the right ones."""
    if own.kind == "script":
        return set(own.paths) <= set(task.shown_tests)
    return bool(task.tests) and task.tests == task.shown_tests
