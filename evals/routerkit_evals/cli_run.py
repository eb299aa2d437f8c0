"""`routerkit eval run`: measure now, or run one night of a suite."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

import routerkit
from routerkit_evals.cli_night import refuse_what_a_suite_says, run_night
from routerkit_evals.cli_preflight import print_invalid, print_preflight
from routerkit_evals.cli_report import exit_as, print_table
from routerkit_evals.cli_shared import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigPath,
    DataFolder,
    PythonPath,
    Workers,
    data_folder,
)
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit_evals.patch import AnswerFormat
    from routerkit_evals.runner import RunResult
    from routerkit_evals.schedule import Allocation
    from routerkit_evals.suite import Options, Suite
    from routerkit_evals.suite_file import SuiteFile
    from routerkit_evals.worth import Worth

Word = TypeVar("Word", bound=str)
Tasks = Annotated[str, typer.Option("--tasks", help="own, demo, modernization, human-eval, or a .jsonl file or folder of tasks.")]


def run(
    context: typer.Context,
    config: ConfigPath = DEFAULT_CONFIG,
    suite: Annotated[Path | None, typer.Option(help="Suite file: one night of it, with comparison, publication and report.")] = None,
    pool: Annotated[str | None, typer.Option(help="Pool whose targets are measured; needed when there are several.")] = None,
    tasks: Tasks = "own",
    targets: Annotated[str | None, typer.Option(help="Targets of the pool, comma-separated; default: all.")] = None,
    epochs: Annotated[int, typer.Option(min=1, max=100, help="Answers per task and target.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many tasks.")] = None,
    max_usd: Annotated[float | None, typer.Option("--budget-usd", "--max-usd", help="Hard limit on this run's dollars.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, help="Hard limit on this run's tokens, in and out.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="Ask for no new answer after this time.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens; at most half of a target's context.")] = 4096,
    workers: Workers = 2,
    solver: Annotated[str, typer.Option(help="How a model gets to its answer: one-shot, two-tries or agent.")] = "one-shot",
    answer_format: Annotated[str, typer.Option(help="Form of answers that are files: whole, search-replace or diff.")] = "whole",
    executor: Annotated[str, typer.Option(help="Where answers are graded: local, ray or ray:ADDRESS.")] = "local",
    allocate: Annotated[
        str | None, typer.Option(help="uniform: every task to every target; race: none to targets that are credibly worth less; halve.")
    ] = None,
    value_usd: Annotated[float | None, typer.Option(help="What a solved task is worth to a race; default 0.50.")] = None,
    data: DataFolder = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be asked and what that costs; ask nothing.")] = False,
    night: Annotated[str | None, typer.Option(help="With --suite: its date, YYYY-MM-DD; default: today.")] = None,
    report: Annotated[Path | None, typer.Option(help="With --suite: folder of its report.")] = None,
    python: PythonPath = None,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run answers as plain processes; stored with every sample.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a pool's targets to do tasks, and grade the answers. Run it again and it resumes where it stopped.

    With --suite, exit code 1 means that a target became credibly worse on the same tasks; without, that some answer is missing.
    """
    if suite is not None:
        refuse_what_a_suite_says(context, suite)
        file = _changed(suite, pool, _names(targets), python)
        file = file.with_allocation(_allocation(allocate) if allocate else None, value_usd).with_stops(
            usd=max_usd, tokens=budget_tokens, minutes=max_minutes
        )
        run_night(file, config, data, label=night, report=report, is_dry=dry_run, is_unsafe=unsafe_no_sandbox, as_json=as_json)
        return
    if night is not None or report is not None:
        raise EvalError("--night and --report belong to --suite; `routerkit eval report` shows what is stored")
    from routerkit_evals.suite import Options

    options = Options(targets=_names(targets), epochs=epochs, limit=limit, workers=workers, max_tokens=max_tokens, solver=solver)
    options = replace(options, max_usd=max_usd, budget_tokens=budget_tokens, max_s=None if max_minutes is None else max_minutes * 60.0)
    options = replace(options, allocate=_allocation(allocate or "uniform"), worth=_worth(value_usd))
    options = replace(
        options, answer_format=_format(answer_format), executor=executor, python=str(python or ""), is_unsafe=unsafe_no_sandbox
    )
    _run_tasks(config, pool, tasks, data, options, is_dry=dry_run, as_json=as_json)


def _run_tasks(config: Path, pool: str | None, tasks: str, data: Path | None, options: Options, *, is_dry: bool, as_json: bool) -> None:
    from routerkit_evals.durable import only_run
    from routerkit_evals.picking import only_pool
    from routerkit_evals.progress import showing
    from routerkit_evals.suite import open_suite

    folder = data_folder(config, data)
    with (
        routerkit.load(config) as router,
        open_suite(router, pool or only_pool(router, "with --pool"), tasks, folder=folder, options=options) as suite,
    ):
        print_preflight(suite, is_dry=is_dry, as_json=as_json)
        if is_dry:
            return
        with only_run(folder), showing() as show:
            _prove(suite)
            result = suite.run(show)
    _print_run(result, as_json=as_json)


def _print_run(result: RunResult, *, as_json: bool) -> None:
    from routerkit_evals.statistics import lost

    print_table(result.rows, by_kind=False, as_json=as_json, run=result)
    if result.status == "budget":
        flag = {"dollars": "--budget-usd", "tokens": "--budget-tokens", "time": "--max-minutes"}.get(result.stopped_by, "its limit")
        print(f"stopped at {flag}; run the same command with a higher limit to resume", file=sys.stderr)
    for d in result.dropped:
        print(f"{d.target} is asked no further about {d.kind} after {d.n_tasks} tasks: {d.why}", file=sys.stderr)
    for entry in lost(result.rows):
        print(entry.line(), file=sys.stderr)
    if result.gave_up:
        print(f"left alone after repeated failures: {', '.join(result.gave_up)}; the same command tries them again", file=sys.stderr)
    exit_as(result)


def _prove(suite: Suite) -> None:
    from routerkit_evals.progress import checking

    if suite.options.has_baselines:
        suite.prove(checking)
        print_invalid(suite)


def _changed(path: Path, pool: str | None, targets: tuple[str, ...], python: Path | None) -> SuiteFile:
    from routerkit_evals.suite_file import read_suite

    file = read_suite(path)
    old = file.suite
    return replace(file, suite=replace(old, pool=pool or old.pool, targets=targets or old.targets, python=str(python or old.python)))


def _names(text: str | None) -> tuple[str, ...]:
    """Names in `--targets`; none stand for all of them, so an empty text, as of an unset variable, must not."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and not names:
        raise EvalError(f"--targets {text!r} names nobody; leave it out for all")
    return names


def _format(text: str) -> AnswerFormat:
    from routerkit_evals.patch import FORMATS

    return _one_of("answer format", text, FORMATS)


def _allocation(text: str) -> Allocation:
    from routerkit_evals.schedule import ALLOCATIONS

    return _one_of("allocation", text, ALLOCATIONS)


def _one_of(what: str, text: str, known: Sequence[Word]) -> Word:
    for word in known:
        if text == word:
            return word
    raise EvalError(f"no {what} {text!r}; known: {', '.join(known)}")


def _worth(value_usd: float | None) -> Worth:
    from routerkit_evals.worth import Worth

    return Worth() if value_usd is None else Worth(value_usd)
