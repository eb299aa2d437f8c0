"""`routerkit eval run`: measure now, or run one night of a suite."""

# Flags are booleans, a command has as many parameters as options, and a command line prints.
# ruff: noqa: FBT002, PLR0913, PLR0917, T201

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import routerkit
from routerkit_evals.cli_shared import (
    DEFAULT_CONFIG,
    OTHER_ENVIRONMENT,
    AsJson,
    ConfigPath,
    DataFolder,
    PythonPath,
    Workers,
    data_folder,
    only_pool,
    read_config,
    scorecard_path,
)
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit.store import Due
    from routerkit_evals.nightly import Night
    from routerkit_evals.patch import AnswerFormat
    from routerkit_evals.runner import RunResult
    from routerkit_evals.schedule import Allocation
    from routerkit_evals.suite import Options, Suite
    from routerkit_evals.suite_file import SuiteFile
    from routerkit_evals.worth import Worth

Tasks = Annotated[str, typer.Option("--tasks", help="own, demo, modernization, human-eval, or a .jsonl file or folder of tasks.")]


def run(
    config: ConfigPath = DEFAULT_CONFIG,
    suite: Annotated[Path | None, typer.Option(help="Suite file: one night of it, with comparison, publication and report.")] = None,
    pool: Annotated[str | None, typer.Option(help="Pool whose targets are measured; needed when there are several.")] = None,
    tasks: Tasks = "own",
    targets: Annotated[str, typer.Option(help="Targets of the pool, comma-separated; default: all.")] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Answers per task and target.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Most tasks.")] = None,
    max_usd: Annotated[float | None, typer.Option("--budget-usd", "--max-usd", help="Hard stop for this run's dollars.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, help="Hard stop for this run's tokens, in and out.")] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0.0, help="No new answer is asked for after this time.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.")] = 4096,
    workers: Workers = 2,
    solver: Annotated[str, typer.Option(help="How an answer is got: one-shot, two-tries or agent.")] = "one-shot",
    answer_format: Annotated[str, typer.Option(help="Form of answers that are files: whole, search-replace or diff.")] = "whole",
    executor: Annotated[str, typer.Option(help="Where answers are graded: local, ray or ray:ADDRESS.")] = "local",
    allocate: Annotated[
        str | None, typer.Option(help="uniform: every task to every target; race: not to those that are credibly worth less; halve.")
    ] = None,
    value_usd: Annotated[float | None, typer.Option(help="What a solved task is worth to a race; default 0.50.")] = None,
    data: DataFolder = None,
    dry_run: Annotated[bool, typer.Option(help="Print what would be asked and what that costs; ask nothing.")] = False,
    night: Annotated[str | None, typer.Option(help="With --suite: its date, YYYY-MM-DD; default: today.")] = None,
    report: Annotated[Path | None, typer.Option(help="With --suite: folder of its report.")] = None,
    python: PythonPath = None,
    unsafe_no_sandbox: Annotated[bool, typer.Option(help="Run answers as plain processes; stored with every sample.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer tasks with the targets of a pool and grade the answers. The same command again goes on where it stopped.

    With --suite, exit code 1 means that a target became credibly worse on the same tasks; without, that some answer is missing.
    """
    if suite is not None:
        file = _suite_file(suite, pool, targets, python)
        file = file.with_allocation(_allocation(allocate) if allocate else None, value_usd).with_stops(
            usd=max_usd, tokens=budget_tokens, minutes=max_minutes
        )
        _run_night(file, config, data, label=night, report=report, is_dry=dry_run, is_unsafe=unsafe_no_sandbox, as_json=as_json)
        return
    if night or report:
        raise EvalError("--night and --report belong to --suite; `routerkit eval report` shows what is stored")
    from routerkit_evals.suite import Options

    options = Options(
        targets=_names(targets),
        epochs=epochs,
        limit=limit,
        workers=workers,
        max_usd=max_usd,
        budget_tokens=budget_tokens,
        max_s=None if max_minutes is None else max_minutes * 60.0,
        max_tokens=max_tokens,
        solver=solver,
        answer_format=_format(answer_format),
        executor=executor,
        python=str(python or ""),
        allocate=_allocation(allocate or "uniform"),
        worth=_worth(value_usd),
        is_unsafe=unsafe_no_sandbox,
    )
    _run_tasks(config, pool or only_pool(read_config(config)), tasks, data, options, is_dry=dry_run, as_json=as_json)


def exit_as(result: RunResult) -> None:
    """End with the exit code of a plain run: 0 complete, 1 something is missing, 130 interrupted."""
    if result.status == "interrupted":
        print(f"interrupted with {len(result.rows)} of {result.n_planned} samples stored; the same command goes on", file=sys.stderr)
        raise typer.Exit(130)
    if len(result.rows) < result.n_planned or not all(sample.counts for sample in result.rows):
        raise typer.Exit(1)


def _run_tasks(config: Path, pool: str, tasks: str, data: Path | None, options: Options, *, is_dry: bool, as_json: bool) -> None:
    from routerkit_evals.durable import only_run
    from routerkit_evals.progress import showing
    from routerkit_evals.suite import open_suite

    folder = data_folder(config, data)
    with routerkit.load(config) as router, open_suite(router, pool, tasks, folder=folder, options=options) as suite:
        _print_preflight(suite, to_json=as_json and is_dry)
        if is_dry:
            return
        with only_run(folder), showing() as show:
            _prove(suite)
            result = suite.run(show)
    _print_run(result, as_json=as_json)


def _run_night(
    file: SuiteFile,
    config: Path,
    data: Path | None,
    label: str | None,
    report: Path | None,
    *,
    is_dry: bool,
    is_unsafe: bool,
    as_json: bool,
) -> None:
    from routerkit_evals.nightly import Watchers, plan_night
    from routerkit_evals.progress import checking, showing

    folder, ledger = data_folder(config, data), data_folder(config, None)
    with (
        routerkit.load(config) as router,
        plan_night(router, file, folder, scorecard=scorecard_path(config), ledger=ledger, night=_date(label), is_unsafe=is_unsafe) as plan,
    ):
        print(f"night of {plan.night.isoformat()}: {len(plan.suite.tasks)} tasks, {len(plan.suite.targets)} targets", file=sys.stderr)
        _print_preflight(plan.suite, to_json=as_json and is_dry, due=plan.due)
        if is_dry:
            return
        with showing() as show:
            night = plan.run(Watchers(checking, show))
    _print_invalid(plan.suite)
    _print_night(night, report or folder / "reports" / f"{file.suite.name}-{night.night.isoformat()}", as_json=as_json)


def _print_night(night: Night, folder: Path, *, as_json: bool) -> None:
    if night.result.status == "interrupted":
        exit_as(night.result)
    from routerkit_evals.report_page import headline, write_report

    page = write_report(night, folder)
    if as_json:
        print(json.dumps(_night_dict(night, page), indent=2))
    else:
        print(headline(night).replace("**", ""))
        print(f"report: {page}")
    if night.has_regression:
        raise typer.Exit(1)


def _night_dict(night: Night, page: Path) -> dict[str, object]:
    result, published = night.result, night.published
    return {
        "suite": night.file.suite.name,
        "night": night.night.isoformat(),
        "run_id": result.run_id,
        "status": result.status,
        "stopped_by": result.stopped_by,
        "n_planned": result.n_planned,
        "n_done": len(result.rows),
        "n_counted": night.n_counted,
        "n_resumed": result.n_resumed,
        "spent_usd": result.spent_usd,
        "dropped": [d._asdict() for d in result.dropped],
        "decided": sorted(night.decided),
        "due_for_measuring": [cell._asdict() for cell in night.due],
        "invalid_tasks": {p.task_id: p.why for p in night.invalid},
        "regressions": [v.target for v in night.verdicts if v.is_regression],
        "comparisons": [
            {"target": v.target, "n": v.n_tasks, "before": v.before, "now": v.now, "p_worse": v.p_worse} for v in night.verdicts
        ],
        "scorecard": published.card.revision if published else None,
        "unpublished": night.unpublished,
        "changes": [c._asdict() for c in published.changes] if published else [],
        "report": str(page),
    }


def _print_run(result: RunResult, *, as_json: bool) -> None:
    from routerkit_evals.cli_report import print_table

    print_table(result.rows, by_kind=False, as_json=as_json, run=result)
    if result.status == "budget":
        flag = {"dollars": "--budget-usd", "tokens": "--budget-tokens", "time": "--max-minutes"}.get(result.stopped_by, "its limit")
        print(f"stopped at {flag}; the same command with a higher limit goes on", file=sys.stderr)
    for d in result.dropped:
        print(f"{d.target} is asked no further about {d.kind} after {d.n_tasks} tasks: {d.why}", file=sys.stderr)
    if result.gave_up:
        print(f"left alone after repeated failures: {', '.join(result.gave_up)}; the same command tries them again", file=sys.stderr)
    exit_as(result)


def _print_preflight(suite: Suite, *, to_json: bool, due: Sequence[Due] = ()) -> None:
    from routerkit_evals.due import due_lines

    preflight = suite.preflight()
    if not to_json:
        print("\n".join(preflight.lines()), file=sys.stderr)
        for line in due_lines(due):
            print(f"  asked first: {line}", file=sys.stderr)
        if suite.options.allocate != "uniform":
            print("  that is the most: targets that fall behind are asked less", file=sys.stderr)
        return
    interval = preflight.interval
    body = {
        "n_calls": preflight.n_calls,
        "n_known": preflight.n_known,
        "cost_usd": preflight.cost_usd,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "answering_s": preflight.seconds,
        "due_for_measuring": [cell._asdict() for cell in due],
        "targets": [{"target": f.target, "n_calls": f.n_calls, "cost_usd": f.cost_usd, "n_known": f.n_known} for f in preflight.forecasts],
    }
    print(json.dumps(body, indent=2))


def _prove(suite: Suite) -> None:
    from routerkit_evals.progress import checking

    if suite.options.has_baselines:
        suite.prove(checking)
        _print_invalid(suite)


def _print_invalid(suite: Suite) -> None:
    for proof in suite.invalid:
        print(f"invalid_task {proof.task_id}: {proof.why}; it is not scored", file=sys.stderr)
    if suite.invalid and not suite.options.python:
        print(OTHER_ENVIRONMENT, file=sys.stderr)


def _suite_file(path: Path, pool: str | None, targets: str, python: Path | None) -> SuiteFile:
    from routerkit_evals.suite_file import read_suite

    file = read_suite(path)
    old = file.suite
    section = replace(old, pool=pool or old.pool, targets=_names(targets) or old.targets, python=str(python or old.python))
    return replace(file, suite=section)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _format(text: str) -> AnswerFormat:
    from routerkit_evals.patch import FORMATS

    for known in FORMATS:
        if text == known:
            return known
    raise EvalError(f"no answer format {text!r}; there is {', '.join(FORMATS)}")


def _allocation(text: str) -> Allocation:
    from routerkit_evals.schedule import ALLOCATIONS

    for known in ALLOCATIONS:
        if text == known:
            return known
    raise EvalError(f"no allocation {text!r}; there is {', '.join(ALLOCATIONS)}")


def _worth(value_usd: float | None) -> Worth:
    from routerkit_evals.worth import Worth

    return Worth() if value_usd is None else Worth(value_usd)


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise EvalError(f"--night {text!r} is no date; write it as YYYY-MM-DD") from None
