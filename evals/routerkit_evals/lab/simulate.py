"""`routerkit eval simulate`: fit on one part of recorded outcomes, score policies on another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

import numpy as np

from routerkit.cascade import Rates
from routerkit_evals.errors import EvalError
from routerkit_evals.lab.compare import Comparison, compare
from routerkit_evals.lab.reading import Outcome, read_items, read_outcomes
from routerkit_evals.lab.recorded import Recorded, numbered, record, several_harnesses
from routerkit_evals.lab.stage import Setting

_ENOUGH: int = 50
"""Fitted items of the same benchmark from which on the others are left out."""
_ENOUGH_CLUSTERS: int = 10
"""As in `routerkit eval compare`."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What to fit on, what to score, and how."""

    fit: tuple[FilePath, ...]
    """Outcome files."""
    test: tuple[FilePath, ...]
    items: tuple[FilePath, ...] = ()
    benchmark: str | None = None
    """Only this one of the test files; None = all, each on its own."""
    pair: tuple[str, str] | None = None
    """Weak and strong model; None = all models."""
    policies: tuple[str, ...] = ()
    """Names, see `compare.POLICIES`; empty = those that apply."""
    n_labels: int | None = None
    """Fitted items used, each kind in proportion; None = all."""
    verifier: Rates | None = None
    floor_share: float = 0.97
    """Quality a cascade must keep, as a share of the best single model's."""
    seed: int = 0
    n_resamples: int = 500
    usd_per_mtok: Mapping[str, float] = field(default_factory=dict)
    """List prices for models whose costs are not recorded."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """One comparison per test benchmark."""

    experiment: Experiment
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]


def simulate(experiment: Experiment, on_step: Callable[[str], None] = lambda _: None) -> Simulation:
    """Run an experiment.

    Args:
        experiment: What to do.
        on_step: Told, in a few words, what is being done.

    Raises:
        EvalError: a file is wrong, or nothing is left to fit or to score.
    """
    on_step("reading")
    items = read_items(experiment.items)
    fit_rows, test_rows = read_outcomes(experiment.fit), read_outcomes(experiment.test)
    pair = experiment.pair and _named(experiment.pair, fit_rows, test_rows)
    _check_priced(experiment.usd_per_mtok, fit_rows, test_rows)
    # Each file for itself: fitting in one harness and scoring in another is allowed, and makes the table wider.
    split = several_harnesses(fit_rows) | several_harnesses(test_rows) if pair is None else frozenset[str]()
    fit, test = (record(items, rows, split_arms=split) for rows in (fit_rows, test_rows))
    notes = (*(f"fit: {n}" for n in fit.notes), *(f"test: {n}" for n in test.notes))
    comparisons = []
    for name in _benchmarks(test, experiment.benchmark, pair):
        on_step(f"{name or 'test'}: fitting and scoring")
        part = _fitting(fit, name, pair)
        notes = (*notes, *_fewer(name, len(part), experiment.n_labels))
        part = sampled(part, experiment.n_labels, seed=experiment.seed)
        notes = (*notes, *_repeated(name, part, test.only(name)))
        comparisons.append(compare(part, test.only(name), _setting(experiment, pair, name)))
        notes = (*notes, *_few(name, comparisons[-1].n_clusters))
    if not comparisons:
        raise EvalError(_nothing(experiment, test))
    return Simulation(experiment, tuple(comparisons), notes)


def _setting(experiment: Experiment, pair: tuple[str, str] | None, name: str) -> Setting:
    e = experiment
    return Setting(name, pair, e.policies, e.verifier, e.floor_share, e.seed, e.n_resamples, e.usd_per_mtok)


def _benchmarks(test: Recorded, wanted: str | None, pair: tuple[str, str] | None) -> list[str]:
    names = [name for name in test.benchmarks if wanted in {None, name}]
    return [name for name in names if pair is None or set(pair) <= set(test.only(name).arms)]


def _fitting(fit: Recorded, benchmark: str, pair: tuple[str, str] | None) -> Recorded:
    """The same benchmark where it is fitted, else everything: other kinds of work are better than nothing, and the guard knows them."""
    same = fit.only(benchmark)
    part = same if len(same) >= _ENOUGH else fit
    if pair is None:
        return part
    part = part.columns(pair)
    return part.rows(np.flatnonzero(~np.isnan(part.score).all(axis=1)))


def sampled(fit: Recorded, n_labels: int | None, *, seed: int) -> Recorded:
    """Some of the items, each kind in proportion: systematic sampling, so that no kind is missed that makes up an n-th.

    Args:
        fit: What there is.
        n_labels: Items to keep; None = all.
        seed: Of the draw.
    """
    if n_labels is None or n_labels >= len(fit):
        return fit
    rng, kinds = np.random.default_rng(seed), numbered([item.kind for item in fit.items])
    in_order = np.lexsort((rng.random(len(fit)), rng.permutation(kinds.max() + 1)[kinds]))
    places = (rng.random() + np.arange(n_labels)) * len(fit) / n_labels
    return fit.rows(np.sort(in_order[places.astype(np.intp)]))


def _check_priced(names: Iterable[str], *files: Sequence[Outcome]) -> None:
    known = sorted({o.model for rows in files for o in rows})
    for name in names:
        if name.split("@", maxsplit=1)[0] not in known and name not in known:
            raise EvalError(f"--price: no model is called {name!r}; found {', '.join(known)}")


def _named(pair: tuple[str, str], *files: Sequence[Outcome]) -> tuple[str, str]:
    known = sorted({o.model for rows in files for o in rows})
    weak, strong = (_matching(name, known) for name in pair)
    return weak, strong


def _matching(name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    close = [k for k in known if name.lower() in k.lower()]
    if len(close) != 1:
        found = ", ".join(close or known)
        raise EvalError(f"--pair: {'no' if not close else 'more than one'} model matches {name!r}; found {found}")
    return close[0]


def _repeated(benchmark: str, fit: Recorded, test: Recorded) -> tuple[str, ...]:
    both = {(i.benchmark, i.item_id) for i in fit.items} & {(i.benchmark, i.item_id) for i in test.items}
    return (f"{benchmark or 'test'}: {len(both)} of {len(test)} test items were also fitted on: their figures flatter",) if both else ()


def _fewer(benchmark: str, n: int, n_labels: int | None) -> tuple[str, ...]:
    return (
        (f"{benchmark or 'fit'}: --labels {n_labels} is more than the {n} items there are to fit: all are used",)
        if (n_labels or 0) > n
        else ()
    )


def _few(benchmark: str, n: int) -> tuple[str, ...]:
    what = f"{n} cluster{'s' if n > 1 else ''} to resample"
    return () if n >= _ENOUGH_CLUSTERS else (f"{benchmark or 'test'}: {what}: too few to decide anything, whatever the intervals say",)


def _nothing(experiment: Experiment, test: Recorded) -> str:
    asked = f"benchmark {experiment.benchmark!r}" if experiment.benchmark else "any benchmark"
    with_pair = f" with both {' and '.join(experiment.pair)}" if experiment.pair else ""
    held = ", ".join(map(repr, test.benchmarks)) or "no outcome with a known score"
    return f"--test holds no outcomes of {asked}{with_pair}; it holds {held}"
