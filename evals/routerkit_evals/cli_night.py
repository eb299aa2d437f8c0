"""`routerkit eval run --suite`: one night on the command line."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

import routerkit
from routerkit_evals.cli_preflight import print_invalid, print_preflight
from routerkit_evals.cli_report import exit_as
from routerkit_evals.cli_shared import data_folder, scorecard_path
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit_evals.nightly import Night
    from routerkit_evals.suite_file import SuiteFile

_SAID_BY_SUITES: Final = {
    "tasks": "sources",
    "limit": "anchors and fresh",
    **{key: key for key in ("epochs", "max_tokens", "workers", "solver", "answer_format", "executor")},
}
"""Options of a plain run by the keys of `[suite]` that stand for them."""


def refuse_what_a_suite_says(context: typer.Context, path: Path) -> None:
    """Nights are compared with each other, so what shapes them stands in the file.

    Raises:
        EvalError: such an option was given on the command line.
    """
    for option, key in _SAID_BY_SUITES.items():
        source = context.get_parameter_source(option)
        if source is not None and source.name == "COMMANDLINE":
            raise EvalError(f"--{option.replace('_', '-')} does not go with --suite; set {key} in [suite] of {path}")


def run_night(
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
    """Run one night of a suite, write its report and say what it came to; exit code 1 for a credible regression."""
    from routerkit_evals.nightly import Watchers, plan_night
    from routerkit_evals.progress import checking, showing

    folder, ledger = data_folder(config, data), data_folder(config, None)
    with (
        routerkit.load(config) as router,
        plan_night(router, file, folder, scorecard=scorecard_path(config), ledger=ledger, night=_date(label), is_unsafe=is_unsafe) as plan,
    ):
        print(f"night of {plan.night.isoformat()}: {len(plan.suite.tasks)} tasks, {len(plan.suite.targets)} targets", file=sys.stderr)
        print_preflight(plan.suite, is_dry=is_dry, as_json=as_json, due=plan.due)
        if is_dry:
            return
        # The report is drawn with them; imported here, so that their absence is told before anything is asked and paid for.
        import altair  # noqa: F401
        import vl_convert  # noqa: F401

        with showing() as show:
            night = plan.run(Watchers(checking, show))
    print_invalid(plan.suite)
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


def _date(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise EvalError(f"--night {text!r} is not a date; write it as YYYY-MM-DD") from None
