"""`routerkit eval judge`: how good is this model as a judge?"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

import routerkit
from routerkit_evals.cli_shared import DEFAULT_CONFIG, AsJson, ConfigPath, DataFolder, data_folder

if TYPE_CHECKING:
    from routerkit_evals.calibration import Calibration


def judge_command(
    judge: Annotated[str, typer.Argument(help="Who is measured, as POOL/TARGET.")],
    config: ConfigPath = DEFAULT_CONFIG,
    tasks: Annotated[str, typer.Option("--tasks", help="Source of answers known to be right or wrong.")] = "own",
    repeats: Annotated[int, typer.Option(min=1, help="Opinions per answer; more than one shows whether it agrees with itself.")] = 2,
    data: DataFolder = None,
    as_json: AsJson = False,
) -> None:
    """Measure a judge on answers known to be right or wrong. How it did is stored; exit code 1 if it may not judge."""
    # What asks models brings heavy packages, and only this command needs them now.
    from routerkit_evals.calibration import store_calibration
    from routerkit_evals.judge import calibrate, find_judge
    from routerkit_evals.sources import tasks_of

    chosen = tasks_of(tasks)
    with routerkit.load(config) as router:
        calibration = calibrate(find_judge(router, judge), chosen, repeats=repeats, on_progress=_show)
    store_calibration(data_folder(config, data), calibration)
    print(json.dumps(_body(calibration), indent=2) if as_json else calibration.summary())
    if calibration.problem:
        raise typer.Exit(1)


def _body(calibration: Calibration) -> dict[str, object]:
    rates = {"sensitivity": calibration.sensitivity, "specificity": calibration.specificity}
    return {**asdict(calibration), **rates, "problem": calibration.problem}


def _show(done: int, total: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} answers judged", end="\n" if done == total else "", file=sys.stderr, flush=True)
