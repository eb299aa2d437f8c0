"""`routerkit eval kinds`: how well are kinds of work guessed?"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from routerkit_evals.cli_shared import AsJson


def kinds_command(
    tasks: Annotated[
        list[str] | None,
        typer.Option("--tasks", help="Task source, .jsonl file or folder; may be repeated. Default: all of ours."),
    ] = None,
    half: Annotated[int | None, typer.Option(min=0, max=1, help="Only half the tasks: 0 = developed on, 1 = kept for judging.")] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Only the instruction, without the files that a model is shown.")] = False,
    as_json: AsJson = False,
) -> None:
    """Guess the kinds of tasks from their prompts. As the router does; compared with what they are; no model is called."""
    # Tasks bring what runs them, and only this command needs them now.
    from routerkit_evals.kind_check import check_kinds, half_of, kind_table
    from routerkit_evals.sources import tasks_of

    chosen = tuple(task for name in tasks or ["own", "modernization"] for task in tasks_of(name))
    check = check_kinds(chosen if half is None else half_of(chosen, half), is_bare=bare)
    print(json.dumps(check.to_dict(), indent=2) if as_json else kind_table(check))
