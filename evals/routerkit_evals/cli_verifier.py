"""`routerkit scores verifier`: how well do a policy's checks tell right answers from wrong ones?"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

import routerkit
from routerkit_evals.cli_shared import DEFAULT_CONFIG, AsJson, ConfigPath, RunId, StoredFolder, scorecard_path, stored_samples

if TYPE_CHECKING:
    from routerkit_evals.joint import Checked


def verifier_command(
    policy: Annotated[str, typer.Argument(help="Policy whose checks are measured.")],
    config: ConfigPath = DEFAULT_CONFIG,
    data: StoredFolder = None,
    run_id: RunId = None,
    tasks: Annotated[str | None, typer.Option("--tasks", help="Source of the questions; a judge needs them.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Add the rates to the scorecard, where cascades are planned from.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count what a policy's checks accept of stored answers. Their grades are known, so it is known how often a check is right."""
    from routerkit_evals.checking import Checker
    from routerkit_evals.joint import check_answers
    from routerkit_evals.publish import add_verifiers

    samples = stored_samples(config, data, run_id)
    with routerkit.load(config) as router:
        checker = Checker(router, policy, _prompts(tasks) if tasks else {})
        found = check_answers(samples, checker.name, checker.look)
    _print(checker.name, found, as_json=as_json)
    if publish:
        path = scorecard_path(config)
        revision = add_verifiers(path, [c.counts for c in found]).revision
        print(f"published {path}: revision {revision}", file=sys.stderr if as_json else sys.stdout)


def _prompts(source: str) -> Mapping[str, str]:
    from routerkit_evals.sources import tasks_of

    return {task.id: "\n\n".join([task.prompt, *(f"{path}\n{text}" for path, text in task.files.items())]) for task in tasks_of(source)}


def _print(name: str, found: tuple[Checked, ...], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([{**asdict(c.counts), "n_silent": c.n_silent, **c.intervals()} for c in found], indent=2))
        return
    print(name)
    for checked in found:
        print(f"  {checked.line()}")
