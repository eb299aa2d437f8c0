"""`routerkit eval mine`: tasks out of a repository's own history."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit_evals.cli_shared import AsJson
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit_evals.mine.candidate import Mode
    from routerkit_evals.mine.mining import Haul
    from routerkit_evals.mine.report import Report

# What runs tests brings heavy packages, so the command imports it only when it runs.

_DATES: Final = re.compile(r"\d{4}-\d{2}-\d{2}|\d+ (?:day|week|month|year)s?(?: ago)?")
EnvironmentPath = Annotated[
    Path | None, typer.Option("--python", help="Virtual environment with what the project's tests need; default: the active one.")
]


def mine_command(
    repo: Annotated[Path, typer.Option(help="Git repository, with or without a work tree.")] = Path(),
    out: Annotated[Path | None, typer.Option(help="Task file to write; default: NAME-tasks.jsonl.")] = None,
    since: Annotated[str | None, typer.Option(help="Oldest commits, as YYYY-MM-DD or '6 months'; default: all.")] = None,
    wanted: Annotated[int, typer.Option("--max", min=1, help="At most this many tasks of each mode.")] = 50,
    mode: Annotated[str, typer.Option(help="history, reverse, mutants, tests, or all.")] = "history",
    python: EnvironmentPath = None,
    test_command: Annotated[str, typer.Option(help="Further options for the tests, as in 'pytest -p plugin'.")] = "",
    test_seconds: Annotated[int, typer.Option(min=1, help="Processor seconds one run of tests may take.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Candidates at a time.")] = 2,
    as_json: AsJson = False,
) -> None:
    """Turn commits into tasks that are proven in the sandbox. Run it again and it resumes.

    Nothing leaves this machine, nothing is installed, and the repository is only read.
    """
    from routerkit_evals.mine.environment import default_python
    from routerkit_evals.mine.session import Plan, mine
    from routerkit_evals.progress import counting

    plan = Plan(repo, python or default_python(), out, _modes(mode), _since(since), wanted, test_command, test_seconds, workers)
    with counting() as show:
        report = mine(plan, lambda haul: show(haul.n_seen, haul.n_all, _said(haul)))
    print(json.dumps(report.to_dict(), indent=2) if as_json else "\n".join(report.lines()))
    if report.n_written:
        print(f"next: {_next(report)}", file=sys.stderr)
    if any(haul.stopped_by == "interrupt" for haul in report.hauls):
        raise typer.Exit(130)


def _modes(mode: str) -> tuple[Mode, ...]:
    from routerkit_evals.mine.candidate import MODES

    if mode == "all":
        return MODES
    found: tuple[Mode, ...] = tuple(known for known in MODES if known == mode)
    if not found:
        raise EvalError(f"--mode {mode!r} is unknown; known: {', '.join(MODES)} and all")
    return found


def _since(text: str | None) -> str | None:
    """A date git reads as it is meant; of anything else it silently makes today."""
    if text is not None and not _DATES.fullmatch(text):
        raise EvalError(f"--since {text!r} is not a date; write it as YYYY-MM-DD or like '6 months'")
    if text is None:
        return None
    if "-" in text:
        return f"{text} 00:00:00"  # git would take the time of day it is now
    return text if text.endswith("ago") else f"{text} ago"


def _said(haul: Haul) -> str:
    return f"{haul.mode}: {haul.n_candidates} tried, {len(haul.tasks)} tasks"


def _next(report: Report) -> str:
    """The command that proves what was found."""
    python = [] if report.python in {sys.executable, sys.prefix} else ["--python", report.python]
    return shlex.join(["routerkit", "eval", "verify", "--tasks", str(report.out), *python])
