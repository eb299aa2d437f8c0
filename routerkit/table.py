"""The table: what was measured, and what to expect of a target on some work, with small cells pulled toward larger ones.

Levels, each a part of the one before: all of a target, the family of the kind, the kind, the language, the repository.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.joint import MOST
from routerkit.posterior import Estimate, Prior, beta_quantile

LEVEL_N: Final = 10.0
"""How many samples a level is worth to the next narrower one where too few cells tell (reference: empirical Bayes gave 10 to 30)."""
_N_RANGE: Final = (4.0, 50.0)
"""Bounds of what cells tell: a scorecard has few, and where no spread was measured there may still be one."""
_LEAST_SIBLINGS: Final = 3
OUTPUT_TOKENS: Final = 400.0
"""Answer length assumed where none was measured."""
FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("bug_fix", "refactor", "migrate", "translate", "multi_file", "synthesize"), "changes code"),
    "test_write": "writes tests",
    **dict.fromkeys(("explain", "document", "review", "plan", "chat"), "writes prose"),
}
"""Kinds whose answers have the same form."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured of one target on one task kind; of one language or repository where those are set. Cells do not overlap.

    Raises:
        ValueError: a name is not text, or a number is negative, NaN or above `joint.MOST`, or more passed than there were.
        TypeError: something is not a number.
    """

    target: str
    kind: str
    n: int
    """Graded samples; infrastructure failures are not among them."""
    passed: float
    """Successes among `n`; may be fractional where graders give shares."""
    cost_usd: float | None = None
    """Mean dollars per sample, failures included; None when a price is unknown."""
    latency_s: float | None = None
    """Mean seconds to a whole answer."""
    output_tokens: float | None = None
    """Mean answer length."""
    language: str | None = None
    """None = of any, or not recorded."""
    repo: str | None = None
    """None = of any, or not recorded."""

    def __post_init__(self) -> None:
        names = (self.target, self.kind, *(part for part in (self.language, self.repo) if part is not None))
        known = [v for v in (self.n, self.passed, self.cost_usd, self.latency_s, self.output_tokens) if v is not None]
        if not (all(isinstance(name, str) for name in names) and all(0 <= v <= MOST for v in known) and self.passed <= self.n):
            raise ValueError(f"cell {self.target}/{self.kind} has an impossible value: {self}")

    def path(self) -> tuple[str | None, ...]:
        """Its place at each level below the target."""
        return (FAMILIES.get(self.kind), self.kind, self.language, self.repo)


class Work(NamedTuple):
    """What an estimate is asked for, as narrow as is known."""

    kind: str | None
    language: str | None = None
    repo: str | None = None

    def path(self) -> tuple[str | None, ...]:
        """Its place at each level, down to the last one known."""
        path = (FAMILIES.get(self.kind or ""), self.kind)
        if self.language is None:
            return path
        return (*path, self.language) if self.repo is None else (*path, self.language, self.repo)


class _Tally(NamedTuple):
    n: int
    passed: float


def estimate(cells: Sequence[Cell], work: Work, prior: Prior, strengths: Sequence[float]) -> Estimate:
    """Posterior of one target on some work.

    Args:
        cells: Everything measured of the target.
        work: What to estimate for.
        prior: Where the target starts.
        strengths: What each level is worth to the next one, see `level_strengths`.

    Source: p = (s + n0·p_beside) / (n + n0) per level, p_beside from what was measured around the cell (Gelman et al., Bayesian Data
    Analysis, 3rd ed., section 5.3).
    """
    path = work.path()
    nested = [cells, *([c for c in cells if c.path()[:depth] == path[:depth]] for depth in range(1, len(path) + 1))]
    mean, worth = prior.quality, prior.n
    for outer, inner, n0 in zip(nested, nested[1:], strengths, strict=False):
        beside = _tally(c for c in outer if c not in inner)  # without the narrower cell: nothing is counted twice
        if beside.n:
            mean, worth = (beside.passed + mean * worth) / (beside.n + worth), min(n0, beside.n + worth)
    here = _tally(nested[-1])
    alpha, beta = here.passed + mean * worth, here.n - here.passed + (1.0 - mean) * worth
    same = nested[2]
    n, near = _tally(same).n, same or list(cells)
    source = "measured" if n else "other kinds" if _tally(cells).n else prior.source
    low, high = beta_quantile(0.05, alpha, beta), beta_quantile(0.95, alpha, beta)
    tokens = _mean(near, lambda c: c.output_tokens)
    found = Estimate(alpha, beta, n, source, low, high, _mean(near, lambda c: c.latency_s), OUTPUT_TOKENS if tokens is None else tokens)
    return found.noted(f"{here.n} in {' of '.join(filter(None, path[:1:-1]))}") if len(path) > 2 and n else found


def level_strengths(cells: Sequence[Cell]) -> tuple[float, ...]:
    """Samples each level is worth to the next narrower one: family, kind, language, repository.

    Source: empirical Bayes by moments, n0 = μ(1-μ)/τ² - 1 with τ² the variance between siblings beyond binomial noise.
    """
    return tuple(_strength(cells, depth) for depth in range(4))


def _strength(cells: Sequence[Cell], depth: int) -> float:
    """Pooled over targets and parents with enough children at this depth."""
    families: defaultdict[tuple[object, ...], defaultdict[object, list[Cell]]] = defaultdict(lambda: defaultdict(list))
    for cell in cells:
        path = cell.path()
        families[cell.target, *path[:depth]][path[depth]].append(cell)
    excess = noise = weight = 0.0
    for children in families.values():
        tallies = [t for t in map(_tally, children.values()) if t.n]
        if len(tallies) < _LEAST_SIBLINGS:
            continue
        n = sum(t.n for t in tallies)
        base = min(max(sum(t.passed for t in tallies) / n, 0.01), 0.99)
        excess += sum(t.n * (t.passed / t.n - base) ** 2 - base * (1.0 - base) for t in tallies)
        noise += n * base * (1.0 - base)
        weight += n
    if not weight:
        return LEVEL_N
    return min(max(noise / excess - 1.0, _N_RANGE[0]), _N_RANGE[1]) if excess > 0 else _N_RANGE[1]


def _tally(cells: Iterable[Cell]) -> _Tally:
    chosen = tuple(cells)
    return _Tally(sum(c.n for c in chosen), math.fsum(c.passed for c in chosen))


def _mean(cells: Sequence[Cell], value: Callable[[Cell], float | None]) -> float | None:
    known = [(v, c.n) for c in cells if c.n and (v := value(c)) is not None]
    return sum(v * n for v, n in known) / sum(n for _, n in known) if known else None
