"""`routerkit eval verify`: are these tasks sound?"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from routerkit_evals.cli_shared import OTHER_ENVIRONMENT, AsJson, PythonPath

if TYPE_CHECKING:
    from routerkit_evals.verify import Proof


def verify_command(
    tasks: Annotated[str, typer.Option("--tasks", help="Name of a task source, or a .jsonl file or folder.")] = "own",
    times: Annotated[int, typer.Option(min=1, help="How often a reference must pass.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Tasks at a time.")] = 2,
    python: PythonPath = None,
    as_json: AsJson = False,
) -> None:
    """Prove tasks without a model. The reference passes, the starting state and an empty answer do not; exit code 1 if one is broken."""
    # What runs tasks brings heavy packages, and only this command needs them now.
    from routerkit_evals.grade import Grader
    from routerkit_evals.progress import counting
    from routerkit_evals.sources import tasks_of
    from routerkit_evals.suite import sandbox_for
    from routerkit_evals.verify import counted, verify

    chosen = tasks_of(tasks)
    started_s = time.monotonic()
    sandbox = sandbox_for(chosen, python=str(python or ""))
    try:
        with counting() as show:
            proofs = verify(
                chosen,
                Grader(sandbox),
                workers=workers,
                times=times,
                on_progress=lambda done, n_all, proof: show(done, n_all, f"{proof.task_id} {proof.state}"),
            )
    finally:
        if sandbox is not None:
            sandbox.close()
    seconds, counts = time.monotonic() - started_s, counted(proofs)
    if as_json:
        print(json.dumps({"n": len(proofs), **counts, "seconds": round(seconds, 2), "tasks": [p.to_dict() for p in proofs]}, indent=2))
    else:
        _print(proofs, seconds)
    if counts["broken"] and python is None:
        print(OTHER_ENVIRONMENT, file=sys.stderr)
    if counts["broken"]:
        raise typer.Exit(1)


def _print(proofs: Sequence[Proof], seconds: float) -> None:
    from routerkit_evals.verify import counted

    for proof in proofs:
        if proof.state != "proven":
            print(f"{proof.state:8}  {proof.task_id}  {proof.why}")
    kinds = list(dict.fromkeys(proof.kind for proof in proofs))
    for kind in kinds:
        own = [proof for proof in proofs if proof.kind == kind]
        print(f"{kind:12}  {counted(own)['proven']}/{len(own)} proven")
    total = counted(proofs)
    print(f"{total['proven']} of {len(proofs)} proven, {total['broken']} broken, {total['unproven']} unproven, in {seconds:.1f} s")
