"""Recorded outcomes made up for tests of the laboratory; rates and costs are chosen, draws are seeded."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from routerkit_evals.lab.reading import Item, Outcome
from routerkit_evals.lab.recorded import Recorded, record

COSTS = {"mini": 0.01, "large": 0.10}
EASY = ("rename the variable", "add a docstring", "sort the imports", "fix the typo")
HARD = ("find the deadlock", "explain the race", "repair the memory leak", "undo the corruption")
FILLER = ("in the parser", "of the gateway", "for the scheduler", "near the cache", "inside the writer", "around the reader")


def make_item(number: int, *, kind: str = "bug_fix", repo: str = "", prompt: str = "", benchmark: str = "made") -> Item:
    return Item(benchmark, f"i{number}", kind, "python", repo, prompt)


def make_outcome(
    number: int, model: str, score: float, *, cost: float | None = None, harness: str = "h", benchmark: str = "made"
) -> Outcome:
    usd = COSTS.get(model, 0.05) if cost is None else cost
    return Outcome(benchmark, f"i{number}", harness, model, score, usd, float("nan"))


def make_recorded(rates: Mapping[str, float], n: int, *, seed: int = 0, items: Sequence[Item] | None = None) -> Recorded:
    """`n` items on which each model is right at its own rate, independently."""
    rng = np.random.default_rng(seed)
    items = items or [make_item(i, repo=f"r{i % 7}") for i in range(n)]
    outcomes = [make_outcome(i, m, float(rng.random() < p)) for i in range(n) for m, p in rates.items()]
    return record(items, outcomes)


def make_worded(n: int, *, seed: int = 0, is_telling: bool = True, kind: str = "bug_fix") -> Recorded:
    """Items whose words tell whether `mini` solves them (or, `is_telling` false, tell nothing); `large` solves nine in ten."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n) < 0.5
    texts = [f"{rng.choice(HARD if h else EASY)} {rng.choice(FILLER)} {rng.choice(FILLER)}" for h in hard]
    rate = np.where(hard, 0.1, 0.9) if is_telling else np.full(n, 0.5)
    items = [make_item(i, prompt=text, kind=kind) for i, text in enumerate(texts)]
    small = [make_outcome(i, "mini", float(rng.random() < p)) for i, p in enumerate(rate)]
    large = [make_outcome(i, "large", float(rng.random() < 0.9)) for i in range(n)]
    return record(items, [*small, *large]).columns(("mini", "large"))


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A CSV file; None becomes an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
