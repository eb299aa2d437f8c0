"""One benchmark: which policies, and their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import numpy as np

from routerkit import format_usd
from routerkit.cascade import Rates
from routerkit_evals.errors import EvalError
from routerkit_evals.lab.cascade import Plan, attributed, cascade_path, expect
from routerkit_evals.lab.corrected import corrected_forecast
from routerkit_evals.lab.online import FLAT, thompson
from routerkit_evals.lab.paths import Forecast, Path, mixing_path, oracle_path, single, threshold_path, value_path
from routerkit_evals.lab.recorded import Recorded
from routerkit_evals.lab.score import Bounded, Scene, Scored, areas, make_weights, score
from routerkit_evals.lab.stage import Setting, Stage, set_stage
from routerkit_evals.lab.table import Prior, fit_table

POLICIES: Final = ("always", "random", "static", "table", "corrected", "oracle", "cascade", "thompson", "thompson-flat")
"""`always` also as `always:MODEL`; `static` is the hull of single models, mixed at random."""
_DEFAULT: Final = tuple(p for p in POLICIES if p != "cascade")
_PRIOR_N: Final = 20.0
"""Strength of a fitted table as prior of a bandit (reference, 4.6)."""
_DEFAULT_RATES: Final = Rates(0.95, 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Policies side by side on one benchmark."""

    benchmark: str
    n_fit: int
    n_test: int
    n_clusters: int
    arms: tuple[str, ...]
    """Arms on the fitted hull (or the pair), cheapest first: what routing policies choose among."""
    best: str
    """Best single arm on the test items."""
    is_cost_known: bool
    """False: costs are calls to the strong model, 0 or 1; nothing in dollars is reported."""
    scored: tuple[Scored, ...]
    notes: tuple[str, ...]


def compare(fit: Recorded, test: Recorded, setting: Setting) -> Comparison:
    """Fit on one part, score policies on the other.

    Raises:
        EvalError: nothing to fit, or no arm with outcomes and costs in both parts.
    """
    stage = set_stage(fit, test, setting)
    scored = tuple(s if stage.is_cost_known else _in_calls(s) for s in _scored(stage))
    sizes = len(stage.fit), len(stage.test), len(set(stage.test.clusters.tolist()))
    return Comparison(setting.benchmark, *sizes, stage.arms, stage.best, stage.is_cost_known, scored, stage.notes)


def _scene(stage: Stage, test: Recorded) -> Scene:
    weak, best = single(test, stage.arms[0]), single(test, stage.best)
    clusters = test.clusters
    # A single cluster drawn anew is always the same, and an interval without width would look certain.
    n_resamples = stage.setting.n_resamples if clusters.any() else 0
    return Scene(weak, best, weak, make_weights(clusters, n_resamples, stage.setting.seed), int(clusters.max()) + 1)


def _scored(stage: Stage) -> list[Scored]:
    scene = _scene(stage, stage.test)
    static = mixing_path(stage.test, stage.arms, stage.static)
    table = _routed(stage, stage.table)
    wanted = stage.setting.policies or _DEFAULT + (("cascade",) if stage.setting.verifier else ())
    bases = {"static": areas(static, scene), "table": areas(table, scene)}
    out: list[Scored] = []
    for name in dict.fromkeys(n for w in wanted for n in _spelled_out(w, stage)):
        if name.startswith("thompson"):
            out.append(_learned(name, stage, scene))
        elif name == "cascade":
            out.append(_cascaded(stage, {"static": static, "table": table}))
        else:
            out.append(score(name, _path(name, stage, static, table), scene, **bases))
    return out


def _spelled_out(name: str, stage: Stage) -> list[str]:
    if name != "always":
        return [name]
    return [f"always:{arm}" for arm in dict.fromkeys([*stage.arms, stage.best])]


def _path(name: str, stage: Stage, static: Path, table: Path) -> Path:
    if name.startswith("always:"):
        return single(stage.test, _known_arm(name.removeprefix("always:"), stage.test))
    makers: Mapping[str, Callable[[], Path]] = {
        "random": lambda: _random(stage),
        "static": lambda: static,
        "table": lambda: table,
        "corrected": lambda: _corrected(stage),
        "oracle": lambda: oracle_path(stage.test, stage.arms),
    }
    return makers[name]()


def _known_arm(name: str, test: Recorded) -> str:
    if name not in test.arms:
        raise EvalError(f"--policy always:{name}: no such model in the comparison; it has {', '.join(test.arms)}")
    return name


def _routed(stage: Stage, forecast: Forecast) -> Path:
    if len(stage.arms) == 2:
        return threshold_path(stage.test, stage.arms[0], stage.arms[1], forecast)
    return value_path(stage.test, stage.arms, forecast)


def _promised_and_kept(stage: Stage, plan: Plan, quality: float, cost: float) -> dict[str, object]:
    """The plan, what became of it, and how far that is off; nothing in dollars where costs are calls."""
    dollars = float(cost) if stage.is_cost_known else None
    unknown = dict.fromkeys(("cost_usd", "cost_low_usd", "cost_high_usd")) if dollars is None else {}
    verifier = stage.setting.verifier or _DEFAULT_RATES
    return {
        "verifier": verifier._asdict(),
        "plan": {**asdict(plan), **unknown},
        "refused": bool(plan.refusal),
        "realised": {"quality": float(quality), "cost_usd": dollars},
        "cost_difference": None if dollars is None else attributed(stage.fit, stage.test, plan.steps, verifier)._asdict(),
        "error_share": {"quality": _off(quality, plan.quality), "cost_usd": _off(dollars, plan.cost_usd)},
    }


def _off(realised: float | None, predicted: float) -> float | None:
    return None if realised is None or not predicted else float(realised / predicted) - 1.0


def _random(stage: Stage) -> Path:
    ends = [0, len(stage.arms) - 1]
    return mixing_path(stage.test, (stage.arms[0], stage.arms[-1]), Forecast(stage.static.quality[:, ends], stage.static.cost[:, ends]))


def _corrected(stage: Stage) -> Path:
    forecast, note = corrected_forecast(stage.fit.columns(stage.arms), stage.test, stage.table, seed=stage.setting.seed)
    return replace(_routed(stage, forecast), note=note)


def _cascaded(stage: Stage, others: Mapping[str, Path]) -> Scored:
    """Scored where the outcomes of all its steps are known, which need not be among the arms of the comparison; so are the others here."""
    verifier = stage.setting.verifier or _DEFAULT_RATES
    path, plan = cascade_path(stage.fit, stage.test, verifier, floor_share=stage.setting.floor_share, seed=stage.setting.seed)
    kept = np.flatnonzero(~np.isnan(path.quality).any(axis=0))
    if not len(kept):
        raise EvalError(f"no test item has outcomes of all models of the cascades that were planned, {', '.join(plan.steps)} among them")
    done = expect(stage.test, plan.steps, verifier)
    known = ~np.isnan(done.quality)
    extra = _promised_and_kept(stage, plan, done.quality[known].mean(), done.cost[known].mean())
    note = plan.refusal or " → ".join(plan.steps)
    if stage.is_cost_known:
        low, high = format_usd(plan.cost_low_usd), format_usd(plan.cost_high_usd)
        note += f"; predicted {format_usd(plan.cost_usd)} [{low}, {high}], realised {format_usd(float(done.cost[known].mean()))}"
    if n_unknown := len(stage.test) - len(kept):
        note += f"; {n_unknown} test items are left out, for the outcome of a step is unknown"
    scene = _scene(stage, stage.test.rows(kept))
    bases = {name: areas(other.items(kept), scene) for name, other in others.items()}
    scored = score("cascade", replace(path.items(kept), note=note), scene, **bases)
    return replace(scored, extra=extra)


def _learned(name: str, stage: Stage, scene: Scene) -> Scored:
    part = stage.test.columns(stage.arms)
    fitted = fit_table(stage.fit.columns(stage.arms), depth=1).quality[0][()]
    priors = [FLAT if name == "thompson-flat" else Prior(float(np.clip(p, 0.01, 0.99)), _PRIOR_N, "fit") for p in fitted]
    regret, shares = thompson(part, priors, seed=stage.setting.seed)
    path = Path((part.score @ shares)[None, :], (part.cost_usd @ shares)[None, :], 0)
    scored = score(name, path, scene)
    bounds = Bounded(regret.mean, regret.low, regret.high)
    return Scored(
        name,
        {**scored.metrics, "regret": bounds},
        scored.curve,
        f"regret {regret.mean:.4f} per request over {regret.n_requests}",
        {"bandit": asdict(regret)},
    )


def _in_calls(scored: Scored) -> Scored:
    """Without known costs nothing in dollars is said; areas and thresholds in calls stay."""
    dollars = {"cost_usd", "saving", "saving_at_95", "aiq", "aiq_gain_over_static", "aiq_gain_over_table"}
    none = Bounded(None, None, None)
    return replace(scored, metrics={name: none if name in dollars else value for name, value in scored.metrics.items()})
