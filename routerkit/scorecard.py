"""Measured estimates per (target, task kind): how often it succeeds, what it costs, how long it takes. Immutable."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from routerkit.errors import ConfigError
from routerkit.joint import JointOutcomes, VerifierCounts

if TYPE_CHECKING:
    from os import PathLike
from pathlib import Path

SCHEMA: Final = "rk-scorecard/1"
PRIOR_QUALITY: Final = 0.5
"""Share of successes assumed of a target nobody measured."""
PRIOR_N: Final = 4.0
"""How many samples that assumption is worth; small, so that the first measurements speak."""
KIND_N: Final = 10.0
"""How many samples a target's overall rate is worth in one task kind (reference: empirical Bayes gave 10 to 30)."""
OUTPUT_TOKENS: Final = 400.0
"""Answer length assumed where none was measured."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What was measured of one target on one task kind."""

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


class Estimate(NamedTuple):
    """Posterior of one (target, kind): Beta(alpha, beta) for quality, means for the rest."""

    alpha: float
    beta: float
    n_samples: int
    """Samples of exactly this kind; 0 = unmeasured, the numbers are inferred."""
    source: str
    """`measured`, `other kinds` or `prior`."""
    low: float
    """Lower end of the central 90 % interval."""
    high: float
    latency_s: float | None
    output_tokens: float
    note: str = ""
    """What was learned since it was measured, see `experience`."""

    @property
    def mean(self) -> float:
        """Expected share of successes, 0..1."""
        return self.alpha / (self.alpha + self.beta)

    def p_at_least(self, floor: float) -> float:
        """Probability that the share of successes is at least `floor`."""
        return 1.0 - beta_cdf(floor, self.alpha, self.beta)


@dataclass(frozen=True, eq=False)
class Scorecard:
    """All cells of one publication. Compared by identity or `revision`.

    Raises:
        ValueError: a prior that is certain, or worth nothing; no posterior could follow from it.
    """

    cells: tuple[Cell, ...] = ()
    prior_quality: float = PRIOR_QUALITY
    prior_n: float = PRIOR_N
    made_at: datetime | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    """Provenance: run ids, commit, sandbox level, price version."""
    joint: tuple[JointOutcomes, ...] = ()
    """Outcomes on the same tasks, one entry per task kind; what cascades are planned from."""
    verifiers: tuple[VerifierCounts, ...] = ()
    """How well answers are checked, one entry per verifier and kind."""
    revision: str = field(default="", init=False)
    """Short hash of the contents; empty for the empty scorecard."""
    cited: str = field(default="", init=False)
    """How decisions name it: the revision, and the run that measured it where that is known."""

    def __post_init__(self) -> None:
        if not (0.0 < self.prior_quality < 1.0 and 0.0 < self.prior_n < math.inf):
            raise ValueError(f"prior quality {self.prior_quality} must lie strictly between 0 and 1, prior n {self.prior_n} above 0")
        revision = _fingerprint(self) if self.cells else ""
        object.__setattr__(self, "revision", revision)
        object.__setattr__(self, "cited", f"{revision}@{self.sources['run']}" if revision and self.sources.get("run") else revision)

    def estimate(self, target: str, kind: str | None) -> Estimate:
        """Posterior for a target on a kind, shrunk toward the target's other kinds and a stated prior; never missing."""
        return _estimate(self, target, kind)

    def to_json(self) -> str:
        """Text of `scorecard.json`."""
        import json  # as in `_fingerprint`

        made_at = self.made_at.isoformat() if self.made_at else None
        body = {
            "schema": SCHEMA,
            "revision": self.revision,
            "made_at": made_at,
            "prior": {"quality": self.prior_quality, "n": self.prior_n},
            "sources": dict(self.sources),
            "cells": [asdict(c) for c in self.cells],
            "joint": [j.to_json() for j in self.joint],
            "verifiers": [asdict(v) for v in self.verifiers],
        }
        return json.dumps(body, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "scorecard") -> Scorecard:
        """Parse `scorecard.json`.

        Raises:
            ConfigError: not JSON, another schema, or a cell with an impossible value; the message says which.
        """
        import json  # as in `_fingerprint`

        try:
            body = json.loads(text)
            if body.get("schema") != SCHEMA:
                raise ConfigError(
                    f"{where}: schema {body.get('schema')!r} is not {SCHEMA!r}; publish it again with `routerkit scores publish`"
                )
            cells = tuple(_checked(Cell(**c), where) for c in body["cells"])
            made_at = datetime.fromisoformat(body["made_at"]) if body.get("made_at") else None
            prior = body.get("prior") or {}
            return cls(
                cells,
                float(prior.get("quality", PRIOR_QUALITY)),
                float(prior.get("n", PRIOR_N)),
                made_at,
                body.get("sources") or {},
                tuple(JointOutcomes.from_json(j) for j in body.get("joint") or ()),
                tuple(VerifierCounts(**v) for v in body.get("verifiers") or ()),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ConfigError(f"{where}: not a scorecard ({exc}); publish it again with `routerkit scores publish`") from exc


def load_scorecard(path: str | PathLike[str]) -> Scorecard:
    """Read a published scorecard.

    Raises:
        ConfigError: the file cannot be read or is not a scorecard.
    """
    try:
        return Scorecard.from_json(Path(path).read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot read the scorecard ({exc})") from exc


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b): P(X ≤ x) for X ~ Beta(a, b).

    Source: Press et al., Numerical Recipes, 3rd ed., section 6.4 (continued fraction, modified Lentz method).
    """
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _beta_fraction(x, a, b) / a
    return 1.0 - front * _beta_fraction(1.0 - x, b, a) / b


def beta_quantile(p: float, a: float, b: float) -> float:
    """Value below which Beta(a, b) holds probability `p`, by bisection to 1e-6."""
    low, high = 0.0, 1.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1.0))
    h = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1.0 / _nonzero(1.0 + term * d)
            c = _nonzero(1.0 + term / c)
            h *= d * c
        if abs(d * c - 1.0) < 1e-12:
            break
    return h


def _nonzero(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300


def _estimate(card: Scorecard, target: str, kind: str | None) -> Estimate:
    own = [c for c in card.cells if c.target == target]
    same = [c for c in own if c.kind == kind]
    n_all, passed_all = sum(c.n for c in own), sum(c.passed for c in own)
    overall = (passed_all + card.prior_quality * card.prior_n) / (n_all + card.prior_n)
    strength = min(KIND_N, n_all + card.prior_n)
    n, passed = sum(c.n for c in same), sum(c.passed for c in same)
    # The overall rate stands in for other kinds; where this kind is all there is, it must not be counted twice.
    if n_all == n:
        overall, strength = card.prior_quality, card.prior_n
    alpha, beta = passed + overall * strength, (n - passed) + (1.0 - overall) * strength
    source = "measured" if n else "other kinds" if n_all else "prior"
    near = same or own
    output_tokens = _mean(near, [c.output_tokens for c in near])
    return Estimate(
        alpha,
        beta,
        n,
        source,
        beta_quantile(0.05, alpha, beta),
        beta_quantile(0.95, alpha, beta),
        _mean(near, [c.latency_s for c in near]),
        OUTPUT_TOKENS if output_tokens is None else output_tokens,
    )


def _mean(cells: list[Cell], values: Iterable[float | None]) -> float | None:
    known = [(v, c.n) for v, c in zip(values, cells, strict=True) if v is not None and c.n]
    return sum(v * n for v, n in known) / sum(n for _, n in known) if known else None


def _fingerprint(card: Scorecard) -> str:
    import hashlib  # loads OpenSSL; with json a tenth of our import time, and a router without a scorecard needs neither
    import json

    cascades = [[j.to_json() for j in card.joint], [asdict(v) for v in card.verifiers]] if card.joint or card.verifiers else []
    text = json.dumps([asdict(c) for c in card.cells] + [card.prior_quality, card.prior_n, *cascades], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _checked(cell: Cell, where: str) -> Cell:
    numbers = (cell.n, cell.passed, cell.cost_usd or 0, cell.latency_s or 0, cell.output_tokens or 0)
    if not all(math.isfinite(x) and x >= 0 for x in numbers) or cell.passed > cell.n:
        raise ConfigError(f"{where}: cell {cell.target}/{cell.kind} has an impossible value: {cell}")
    return cell


def now_utc() -> datetime:
    """The current instant, UTC-aware."""
    return datetime.now(UTC)
