"""A simulation as JSON and as a table."""

from __future__ import annotations

import json
from typing import Final

from routerkit import format_usd
from routerkit_evals.lab.compare import Comparison
from routerkit_evals.lab.score import Bounded, Scored
from routerkit_evals.lab.simulate import Simulation

SCHEMA: Final = "rk-simulation/1"
_SHOWN: Final = ("quality", "cost_usd", "saving", "saving_at_95", "apgr", "aiq", "aiq_gain_over_static")
_HEADS: Final = ("policy", "quality", "cost/request", "saving", "saving at 95 %", "APGR", "AIQ", "over static")
_CURVE_POINTS: Final = 41


def to_json(simulation: Simulation) -> str:
    """All numbers. With one benchmark its policies also stand at the top level; unknown is null."""
    comparisons = [_comparison(c) for c in simulation.comparisons]
    e = simulation.experiment
    body = {
        "schema": SCHEMA,
        "fit": [str(p) for p in e.fit],
        "test": [str(p) for p in e.test],
        "labels": e.n_labels,
        "seed": e.seed,
        "resamples": e.n_resamples,
        "interval": "95 % percentile bootstrap over repositories (items without one: over items); the fit is held fixed",
        "notes": list(simulation.notes),
        **(comparisons[0] if len(comparisons) == 1 else {}),
        "benchmarks": {c.benchmark: body for c, body in zip(simulation.comparisons, comparisons, strict=True)},
    }
    return json.dumps(body, indent=2, allow_nan=False) + "\n"


def to_text(simulation: Simulation) -> str:
    """One table per benchmark, for a terminal."""
    return "\n\n".join(["\n".join(_lines(c)) for c in simulation.comparisons] + ([_notes(simulation.notes)] if simulation.notes else []))


def _comparison(comparison: Comparison) -> dict[str, object]:
    c = comparison
    return {
        "benchmark": c.benchmark,
        "n_fit": c.n_fit,
        "n_test": c.n_test,
        "n_clusters": c.n_clusters,
        "arms": list(c.arms),
        "best": c.best,
        "is_cost_known": c.is_cost_known,
        "comparison_notes": list(c.notes),
        "policies": {s.name: _policy(s) for s in c.scored},
    }


def _policy(scored: Scored) -> dict[str, object]:
    step = max(1, len(scored.curve.cost) // _CURVE_POINTS)
    points = zip(scored.curve.cost[::step].tolist(), scored.curve.quality[::step].tolist(), strict=True)
    numbers: dict[str, object] = {name: value._asdict() for name, value in scored.metrics.items()}
    return {**numbers, "note": scored.note, **scored.extra, "curve": [{"cost_usd": c, "quality": q} for c, q in points]}


def _lines(comparison: Comparison) -> list[str]:
    c = comparison
    head = f"{c.benchmark or 'test'}: fitted on {c.n_fit} items, scored on {c.n_test} ({c.n_clusters} clusters); best single model {c.best}"
    rows = [_HEADS, *(_row(s) for s in c.scored)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADS))]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    remarks = [f"  {s.name}: {s.note}" for s in c.scored if s.note]
    return [head, "", *table, *(["", *remarks] if remarks else []), *(f"  note: {n}" for n in c.notes)]


def _row(scored: Scored) -> tuple[str, ...]:
    return (scored.name, *(_cell(scored.metrics[name], name) for name in _SHOWN))


def _cell(value: Bounded, name: str) -> str:
    if value.value is None:
        return "-"
    show = format_usd if name == "cost_usd" else "{:z.3f}".format
    interval = "" if value.low is None or value.high is None else f" [{show(value.low)}, {show(value.high)}]"
    return show(value.value) + interval


def _notes(notes: tuple[str, ...]) -> str:
    return "\n".join(f"note: {note}" for note in notes)
