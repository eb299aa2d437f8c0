"""What `routerkit eval run` says of a plan before anything is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from routerkit_evals.cli_shared import OTHER_ENVIRONMENT

if TYPE_CHECKING:
    from routerkit.store import Due
    from routerkit_evals.preflight import Preflight
    from routerkit_evals.suite import Suite


def print_preflight(suite: Suite, *, is_dry: bool, as_json: bool, due: Sequence[Due] = ()) -> None:
    """What will be asked and what that costs: all that a dry run prints, as lines or as JSON; else lines on standard error."""
    preflight = suite.preflight()
    if is_dry and as_json:
        print(json.dumps(_facts(preflight, due), indent=2))
    else:
        print("\n".join(_lines(suite, preflight, due)), file=sys.stdout if is_dry else sys.stderr)


def _lines(suite: Suite, preflight: Preflight, due: Sequence[Due]) -> Iterator[str]:
    from routerkit_evals.due import due_lines

    yield from preflight.lines()
    yield from (f"  asked first: {line}" for line in due_lines(due))
    if suite.options.allocate != "uniform":
        yield "  that is the most: targets that fall behind are asked less"


def _facts(preflight: Preflight, due: Sequence[Due]) -> dict[str, object]:
    interval = preflight.interval
    return {
        "n_calls": preflight.n_calls,
        "n_known": preflight.n_known,
        "cost_usd": preflight.cost_usd,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "answering_s": preflight.seconds,
        "due_for_measuring": [cell._asdict() for cell in due],
        "targets": [{"target": f.target, "n_calls": f.n_calls, "cost_usd": f.cost_usd, "n_known": f.n_known} for f in preflight.forecasts],
    }


def print_invalid(suite: Suite) -> None:
    """Tasks that did not prove themselves."""
    for proof in suite.invalid:
        print(f"invalid_task {proof.task_id}: {proof.why}; it is not scored", file=sys.stderr)
    if suite.invalid and not suite.options.python:
        print(OTHER_ENVIRONMENT, file=sys.stderr)
