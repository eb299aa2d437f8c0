"""What `routerkit eval run` says of a plan before anything is asked."""

# A command line prints.
# ruff: noqa: T201

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from routerkit_evals.cli_shared import OTHER_ENVIRONMENT

if TYPE_CHECKING:
    from routerkit.store import Due
    from routerkit_evals.suite import Suite


def print_preflight(suite: Suite, *, to_json: bool, due: Sequence[Due] = ()) -> None:
    """What will be asked and what that costs, as lines on standard error or as JSON."""
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


def print_invalid(suite: Suite) -> None:
    """Tasks that did not prove themselves."""
    for proof in suite.invalid:
        print(f"invalid_task {proof.task_id}: {proof.why}; it is not scored", file=sys.stderr)
    if suite.invalid and not suite.options.python:
        print(OTHER_ENVIRONMENT, file=sys.stderr)
