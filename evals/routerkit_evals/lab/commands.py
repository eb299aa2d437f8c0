"""The command lines of the laboratory: `routerkit eval simulate` and `routerkit scores fit`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from routerkit_evals.errors import EvalError

_PLAIN: Final = ("always", "random", "static", "table", "corrected", "oracle", "cascade", "thompson", "thompson-flat")
"""As `compare.POLICIES`, which numpy would have to be imported for; a test holds them equal."""


def simulate_command(
    fit: Annotated[list[Path], typer.Option("--fit", "--fit-outcomes", help="Outcomes to learn from: Parquet, CSV or JSON lines (.gz).")],
    test: Annotated[list[Path], typer.Option("--test", "--test-outcomes", help="Outcomes to score on.")],
    more: Annotated[list[str] | None, typer.Argument(help="Further item files or policies.", show_default=False)] = None,
    items: Annotated[
        list[Path] | None, typer.Option("--items", "--fit-items", "--test-items", help="Item files: prompt, category, repo, language.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark of the test outcomes; default: each.")] = None,
    pair: Annotated[str | None, typer.Option(help="WEAK,STRONG: route between these two models.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help=f"{', '.join(_PLAIN)} or always:MODEL; repeat or separate by commas.")] = None,
    labels: Annotated[int | None, typer.Option(min=1, help="Learn from that many items only.")] = None,
    verifier: Annotated[str | None, typer.Option(help="TPR,FPR[,USD] of the check behind `cascade`.")] = None,
    floor: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of the best model's quality a cascade must keep.")] = 0.97,
    price: Annotated[list[str] | None, typer.Option(help="MODEL=USD per million tokens, for models without recorded costs.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of label draw, folds, resamples and bandit.")] = 0,
    resamples: Annotated[int, typer.Option(min=0, help="Bootstrap resamples behind the intervals.")] = 500,
    out: Annotated[Path | None, typer.Option("--json", help="Write all numbers there.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw cost against quality: .svg, .png, .html.")] = None,
) -> None:
    """Score routing policies on recorded outcomes. They are fitted on others; nothing is called."""
    from routerkit.cascade import Rates
    from routerkit_evals.lab.picture import check_suffix, draw
    from routerkit_evals.lab.report import to_json, to_text
    from routerkit_evals.lab.simulate import Experiment, simulate

    if picture is not None:
        check_suffix(picture)
    files, names = _sorted_out(more or [])
    experiment = Experiment(
        tuple(fit),
        tuple(test),
        (*(items or []), *files),
        benchmark=benchmark,
        pair=_pair(pair),
        policies=_policies([*(policy or []), *names]),
        n_labels=labels,
        verifier=None if verifier is None else Rates(*_rates(verifier)),
        floor_share=floor,
        seed=seed,
        n_resamples=resamples,
        usd_per_mtok=dict(_price(text) for text in price or []),
    )
    result = simulate(experiment, _say)
    if out is not None:
        _write(out, to_json(result))
    if picture is not None:
        draw(result, picture)
    print(to_text(result))


def fit_command(
    outcomes: Annotated[list[Path], typer.Option("--outcomes", "--fit", help="Recorded outcomes: Parquet, CSV or JSON lines (.gz).")],
    items: Annotated[list[Path], typer.Option("--items", help="Item files: prompt, category, repo, language.")],
    models: Annotated[str, typer.Option(help="Models, comma-separated, cheapest first; default: the hull of cost and quality.")] = "",
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the folds.")] = 0,
    out: Annotated[Path, typer.Option(help="Predictor file to write.")] = Path("predictor.json"),
    report: Annotated[Path | None, typer.Option("--json", help="Write the calibration there.")] = None,
) -> None:
    """Learn which requests need the stronger model. That is proven on items outside the fit, and saved for the router."""
    from routerkit_evals.lab.fit_run import FitRun, calibration_json, calibration_text, fit_run

    chosen = tuple(name.strip() for name in models.split(",") if name.strip())
    fitted = fit_run(FitRun(tuple(outcomes), tuple(items), chosen, benchmark, seed), _say)
    _write(out, fitted.predictor.to_json())
    if report is not None:
        _write(report, json.dumps(calibration_json(fitted), indent=2) + "\n")
    print(calibration_text(fitted))
    print(f"written to {out}")


def _sorted_out(words: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Words behind an option that takes several: item files, or policies."""
    names = tuple(word for word in words if _is_policy(word.split(",")[0]))
    return tuple(Path(word) for word in words if word not in names), names


def _policies(texts: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
    for name in names:
        if not _is_policy(name):
            raise EvalError(f"--policy: unknown policy {name!r}; known: {', '.join(_PLAIN)}, always:MODEL")
    return names


def _is_policy(name: str) -> bool:
    return name in _PLAIN or (name.startswith("always:") and len(name) > len("always:"))


def _pair(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise EvalError(f"--pair {text!r}: give two different models as WEAK,STRONG")
    return names[0], names[1]


def _rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(float(part) for part in text.split(","))
    except ValueError:
        rates = ()
    if len(rates) not in {2, 3} or not all(0.0 <= rate <= 1.0 for rate in rates[:2]) or not all(0.0 <= usd < math.inf for usd in rates[2:]):
        raise EvalError(f"--verifier {text!r}: give TPR,FPR between 0 and 1, and dollars per check if it costs any, as in 0.95,0.05")
    return rates


def _price(text: str) -> tuple[str, float]:
    model, _, usd = text.rpartition("=")
    try:
        price = float(usd)
    except ValueError:
        price = math.nan
    if not model or not 0.0 < price < math.inf:
        raise EvalError(f"--price {text!r}: give MODEL=USD per million tokens, above 0")
    return model, price


def _write(path: Path, text: str) -> None:
    from routerkit_evals.durable import write_atomically

    try:
        write_atomically(path, text)
    except OSError as exc:
        raise EvalError(f"{path}: cannot be written ({exc})") from exc


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)
