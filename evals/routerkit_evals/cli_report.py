"""`routerkit eval report`: what stored samples say, as a table or as JSON."""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from routerkit import format_usd
from routerkit_evals.cli_shared import DEFAULT_CONFIG, AsJson, ConfigPath, RunId, StoredFolder, stored_samples

if TYPE_CHECKING:
    from routerkit.intervals import Interval
    from routerkit_evals.repeats import Repeated
    from routerkit_evals.resampled import Resampled
    from routerkit_evals.runner import RunResult
    from routerkit_evals.sample import Sample
    from routerkit_evals.statistics import Summary

# What reads samples brings duckdb, and intervals bring numpy, so each command imports them only when it runs.


def report(
    config: ConfigPath = DEFAULT_CONFIG,
    data: StoredFolder = None,
    run_id: RunId = None,
    by_kind: Annotated[bool, typer.Option("--by-kind", help="One line per task kind.")] = False,
    k: Annotated[int | None, typer.Option("--at-k", min=1, help="Also pass@k and pass^k, of tasks with at least k answers.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what stored samples say of each target. Solved with interval, cost and seconds per task, cost per solved task.

    frontier: probability that no other target is as good for less, or better for as much.
    """
    print_table(stored_samples(config, data, run_id), by_kind=by_kind, as_json=as_json, k=k)


def print_table(samples: tuple[Sample, ...], *, by_kind: bool, as_json: bool, run: RunResult | None = None, k: int | None = None) -> None:
    """Print a summary per target, or per target and kind; that of a run is short as text, and has its facts as JSON."""
    from routerkit_evals.statistics import summarise, table

    summaries = summarise(samples, by_kind=by_kind)
    if run is not None and not as_json:
        print(table(summaries))
        return
    facts = _facts(samples, by_kind=by_kind, k=k)
    if not as_json:
        print(table(summaries, _columns([facts.get((s.target, s.kind), _NOTHING) for s in summaries], k)))
        return
    body = [_dict(s, facts.get((s.target, s.kind), _NOTHING)) for s in summaries]
    print(json.dumps({**(_head(run) if run else {}), "targets": body}, indent=2))


def exit_as(result: RunResult) -> None:
    """End with the exit code of a plain run: 0 complete, 1 something is missing, 130 interrupted."""
    if result.status == "interrupted":
        print(result.remainder(), file=sys.stderr)
        raise typer.Exit(130)
    if result.n_counted < result.n_planned:
        raise typer.Exit(1)


def _head(run: RunResult) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "status": run.status,
        "spent_usd": run.spent_usd,
        "n_planned": run.n_planned,
        "dropped": [d._asdict() for d in run.dropped],
    }


class _Facts(NamedTuple):
    """What is said of a line besides its summary."""

    drawn: Resampled | None
    tries: Repeated | None


_NOTHING: Final = _Facts(None, None)


def _facts(samples: Sequence[Sample], *, by_kind: bool, k: int | None) -> dict[tuple[str, str | None], _Facts]:
    from routerkit_evals.repeats import repeated
    from routerkit_evals.resampled import resampled

    groups: defaultdict[str | None, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.kind if by_kind else None].append(sample)
    found = {}
    for kind, group in groups.items():
        tries = {r.target: r for r in repeated(group, k)} if k else {}
        found.update({(target, kind): _Facts(drawn, tries.get(target)) for target, drawn in resampled(group).items()})
    return found


def _columns(facts: Sequence[_Facts], k: int | None) -> dict[str, list[str]]:
    columns = {"cost/solved [95 %]": [_cost(f.drawn) for f in facts], "frontier": [_probability(f.drawn) for f in facts]}
    if k:
        columns[f"pass@{k}"] = [_share(f.tries.any_share if f.tries else None) for f in facts]
        columns[f"pass^{k}"] = [_share(f.tries.all_share if f.tries else None) for f in facts]
    return columns


def _cost(drawn: Resampled | None) -> str:
    interval = drawn.cost_per_solved_usd if drawn else None
    return "-" if interval is None else f"[{_end(interval.low)}, {_end(interval.high)}]"


def _end(usd: float) -> str:
    return "∞" if math.isinf(usd) else format_usd(usd)


def _probability(drawn: Resampled | None) -> str:
    return "-" if drawn is None or drawn.p_frontier is None else f"{drawn.p_frontier:.2f}"


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _dict(s: Summary, facts: _Facts) -> dict[str, object]:
    drawn, tries = facts
    return {
        **asdict(s),
        "cost_per_task_usd": s.cost_per_task_usd,
        "cost_per_solved_usd": _finite(s.cost_per_solved_usd),
        "share_clustered": _ends(drawn.share) if drawn else None,
        "cost_per_solved_interval": _ends(drawn.cost_per_solved_usd) if drawn else None,
        "p_frontier": drawn.p_frontier if drawn else None,
        **({"at_k": tries._asdict()} if tries else {}),
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    return None if interval is None else [_finite(interval.low), _finite(interval.high)]


def _finite(value: float | None) -> float | None:
    return None if value is None or value == float("inf") else value
