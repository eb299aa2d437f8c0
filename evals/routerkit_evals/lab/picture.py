"""Cost against quality, one line per policy."""

from __future__ import annotations

from pathlib import Path

from routerkit_evals.errors import EvalError
from routerkit_evals.lab.compare import Comparison
from routerkit_evals.lab.simulate import Simulation


def check_suffix(path: Path) -> None:
    """Refuse a name that no picture can be written to, before anything is computed.

    Raises:
        EvalError: the suffix is not one of a picture.
    """
    if path.suffix not in {".svg", ".png", ".html", ".json"}:
        raise EvalError(f"--picture {path}: the name must end in .svg, .png, .html or .json")


def draw(simulation: Simulation, path: Path) -> None:
    """Write a picture; the suffix says which format, see `check_suffix`.

    Raises:
        EvalError: the file cannot be written.
    """
    import altair  # 0.5 s, and only a picture needs it

    charts = [_chart(c) for c in simulation.comparisons]
    try:
        altair.hconcat(*(altair.Chart.from_dict(c) for c in charts)).save(str(path))
    except OSError as exc:
        raise EvalError(f"--picture {path}: cannot be written ({exc})") from exc


def _chart(comparison: Comparison) -> dict[str, object]:
    """A Vega-Lite chart of one benchmark."""
    encoding = {
        "x": {"field": "cost", "type": "quantitative", "title": _cost_title(comparison), "scale": {"zero": False}},
        "y": {"field": "quality", "type": "quantitative", "title": "share solved", "scale": {"zero": False}},
        "color": {"field": "policy", "type": "nominal"},
    }
    lines = {"mark": "line", "transform": [{"filter": "datum.points > 1"}], "encoding": encoding | {"order": {"field": "cost"}}}
    points = {"mark": {"type": "point", "filled": True}, "transform": [{"filter": "datum.points == 1"}], "encoding": encoding}
    title = f"{comparison.benchmark or 'test'}, n = {comparison.n_test}"
    return {"data": {"values": _points(comparison)}, "title": title, "width": 420, "height": 320, "layer": [lines, points]}


def _cost_title(comparison: Comparison) -> str:
    return "dollars per request" if comparison.is_cost_known else "share of requests to the strong model"


def _points(comparison: Comparison) -> list[dict[str, object]]:
    return [
        {"policy": s.name, "cost": c, "quality": q, "points": len(s.curve.cost)}
        for s in comparison.scored
        for c, q in zip(s.curve.cost.tolist(), s.curve.quality.tolist(), strict=True)
    ]
