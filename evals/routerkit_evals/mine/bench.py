"""Runs the tests of one state of a project in the sandbox, and says which passed and what they read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from routerkit_evals.execution import Execution, Limits, Program, RunReport
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task

_WATCHER: Final = Path(__file__).with_name("watcher.py")
_REPORT: Final = "routerkit_watched.json"
_WATCH: Final = ("-p", "routerkit_watcher")
_WANTS_LINES: Final = {"routerkit_lines": ""}


Fate = Literal["ran", "endless", "unfit", "broken"]
"""How a run ended: its tests came to their end; they did not; pytest could not start them; the sandbox failed."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What the tests of one run looked at; paths are those of the project."""

    n_collected: int = 0
    errors: tuple[str, ...] = ()
    """Ends of the messages about files that could not be collected."""
    opened: frozenset[str] = frozenset()
    outside: frozenset[str] = frozenset()
    """Files of installed packages, from their `site-packages` on."""
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Lines that ran, where they were asked for."""


@dataclass(frozen=True, slots=True)
class Trial:
    """How the tests of one state ended."""

    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    """Tests, and files that could not be collected."""
    seconds: float = 0.0
    watched: Watched = field(default_factory=Watched)
    fate: Fate = "ran"
    why: str = ""
    """One line unless tests ran."""


class Bench:
    """A sandbox with the way this project's tests are started."""

    def __init__(self, sandbox: Sandbox, options: Sequence[str], limits: Limits) -> None:
        """Prepare; `options` are those of pytest that every run gets."""
        self._sandbox, self.options, self.limits = sandbox, tuple(options), limits
        self._watcher = {"routerkit_watcher.py": _WATCHER.read_text("utf-8")}

    def run(self, files: Mapping[str, str], arguments: Sequence[str]) -> Trial:
        """Run tests exactly as a task's will be run."""
        return self._run(files, [*self.options, *arguments])

    def watch(self, files: Mapping[str, str], arguments: Sequence[str], *, wants_lines: bool = False) -> Trial:
        """Run tests and see what they open; lines take about ten times as long."""
        watched = {**files, **self._watcher, **(_WANTS_LINES if wants_lines else {})}
        return self._run(watched, [*_WATCH, *self.options, *arguments], collect=(_REPORT,))

    def grade(self, task: Task, answer: Mapping[str, str]) -> Grade:
        """Grade files as an answer to a task."""
        return Grader(self._sandbox).grade_files(task, answer)

    def _run(self, files: Mapping[str, str], arguments: Sequence[str], *, collect: tuple[str, ...] = ()) -> Trial:
        program = Program("pytest", tuple(arguments), pythonpath=pythonpath_of(files))
        execution = self._sandbox.run(files, program, self.limits, collect=collect)
        if execution.verdict_class == "infra_sandbox":
            return Trial(fate="broken", why=execution.why)
        if execution.verdict_class == "timeout_tests":
            return Trial(fate="endless", why=f"the tests did not end within {self.limits.cpu_s} s")
        if execution.report is None:
            return Trial(fate="endless", why=f"the tests ended their process (exit code {execution.exit_code})")
        if execution.report.error:
            return Trial(fate="unfit", why=execution.report.error.strip().splitlines()[-1])
        return _trial(execution, execution.report, _watched(execution.collected.get(_REPORT, "")))


def pythonpath_of(files: Mapping[str, str]) -> str:
    """Folder that must be importable besides the root: `src`, where a project keeps its packages there."""
    return "src" if any(path.startswith("src/") and path.endswith(".py") for path in files) else ""


def _trial(execution: Execution, report: RunReport, watched: Watched) -> Trial:
    has_run = report.is_complete or report.passed or report.failed
    # What keeps pytest from starting, a conftest.py that cannot be imported say, it only prints.
    why = "" if has_run else (execution.stdout.strip().splitlines() or [""])[-1]
    return Trial(frozenset(report.passed), frozenset(report.failed), execution.seconds, watched, why=why)


def _watched(text: str) -> Watched:
    # Tests of a project could write anything there; what they forge spoils their own task only.
    try:
        body = json.loads(text)
        lines = {str(path): frozenset(int(n) for n in numbers) for path, numbers in body["lines"].items()}
        opened, outside = (frozenset(str(path) for path in body[name]) for name in ("opened", "outside"))
        return Watched(int(body["n_collected"]), tuple(str(e) for e in body["errors"]), opened, outside, lines)
    except (ValueError, TypeError, KeyError, AttributeError):
        return Watched()
