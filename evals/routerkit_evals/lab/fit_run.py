"""`routerkit scores fit`: from recorded outcomes to a predictor file, with its calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from routerkit_evals.errors import EvalError
from routerkit_evals.lab.costs import with_costs
from routerkit_evals.lab.facts import list_prices
from routerkit_evals.lab.fit import Calibration, Fitted, fit_predictor
from routerkit_evals.lab.paths import hull_arms
from routerkit_evals.lab.reading import read_items, read_outcomes
from routerkit_evals.lab.recorded import Recorded, record


@dataclass(frozen=True, slots=True)
class FitRun:
    """What to learn from."""

    outcomes: tuple[Path, ...]
    items: tuple[Path, ...]
    models: tuple[str, ...] = ()
    """Cheapest first; empty = the hull of cost and quality."""
    benchmark: str | None = None
    seed: int = 0


def fit_run(run: FitRun, on_step: Callable[[str], None] = lambda _: None) -> Fitted:
    """Read, choose the models, fit.

    Raises:
        EvalError: a file is wrong, or it holds no prompts, fewer than two models, or fewer than ten items all models ran on.
    """
    on_step("reading")
    recorded = record(read_items(run.items), read_outcomes(run.outcomes))
    part = recorded if run.benchmark is None else recorded.only(run.benchmark)
    models = run.models or _hull(part)
    part = part.columns(models)
    part = part.rows(part.is_complete)
    if len(models) < 2 or len(part) < 10:
        named = ", ".join(models) or "no model"
        raise EvalError(f"{len(part)} items with outcomes of all of {named}: fitting needs two models and ten items; see --models")
    if not any(part.texts):
        raise EvalError("no item has a prompt; give --items with a column `prompt`")
    on_step(f"fitting {', '.join(models)} on {len(part)} items")
    sources = {
        "outcomes": ", ".join(p.name for p in run.outcomes),
        "benchmarks": ", ".join(part.benchmarks),
        "items": str(len(part)),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return fit_predictor(part, seed=run.seed, sources=sources)


def calibration_text(fitted: Fitted) -> str:
    """Gates, Brier scores and reliability curves, for a terminal."""
    lines = ["where the words speak (gain in quality over the table on items outside the fit, averaged over operating points):"]
    for gate in fitted.predictor.gates:
        kinds = sorted(gate.kinds)
        shown = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
        verdict = "on" if gate.is_open else "off, only the length counts"
        lines.append(f"  {shown or 'no kind'}: {gate.n_labels} labels, gain {gate.gain:+.4f}, at least {gate.gain_low:+.4f}: {verdict}")
    for c in fitted.calibration:
        lines += ["", f"{c.target}: Brier {c.brier_corrected:.4f} (table alone {c.brier_table:.4f}, n = {c.n})", "  predicted  solved  n"]
        lines += [f"  {p:9.3f}  {s:6.3f}  {n}" for p, s, n in c.curve]
    return "\n".join(lines)


def calibration_json(fitted: Fitted) -> dict[str, object]:
    """The same as JSON."""
    gates = [{**asdict(g), "kinds": sorted(g.kinds)} for g in fitted.predictor.gates]
    return {"gates": gates, "calibration": [_calibration(c) for c in fitted.calibration], "sources": dict(fitted.predictor.sources)}


def _calibration(c: Calibration) -> dict[str, object]:
    curve = [{"predicted": p, "solved": s, "n": n} for p, s, n in c.curve]
    return {"target": c.target, "n": c.n, "brier_table": c.brier_table, "brier": c.brier_corrected, "reliability": curve}


def _hull(recorded: Recorded) -> tuple[str, ...]:
    priced = with_costs(recorded, list_prices()).recorded
    known = (priced.n_known > 0) & np.isfinite(priced.cost_usd).any(axis=0)
    part = priced.columns([priced.arms[j] for j in np.flatnonzero(known)])
    if not part.arms:
        raise EvalError("no model has a recorded cost; name the models, cheapest first, with --models")
    return hull_arms(part.arms, np.nanmean(part.score, axis=0), np.nanmean(part.cost_usd, axis=0))
