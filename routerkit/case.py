"""What a policy sees: one request, one pool, one snapshot of the world. Numbers stand in columns, one entry per target of the pool.

Columns, because a decision over fifty targets must take less than 100 µs: what depends only on the pool, the task kind and the scorecard
is computed once and kept (`Panel`); per request only prices are multiplied by tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from routerkit.budget import Left, dearest
from routerkit.catalog import Pool, Price, Target
from routerkit.experience import NO_EXPERIENCE, Experience
from routerkit.features import Features
from routerkit.health import Ailment
from routerkit.posterior import Estimate, beta_cdf
from routerkit.predictor import SILENT, Correction
from routerkit.quick import maker, quick, tupler
from routerkit.scorecard import Scorecard
from routerkit.settings import PolicySettings
from routerkit.table import Work

_NO_LATENCIES: Final[Mapping[str, float]] = {}
_NOTHING_WARM: Final[Mapping[str, int]] = {}
UNKNOWN_USD: Final = math.inf
"""Stands for the expected cost of a target without a price while it is calculated with."""
_UNPRICED: Final = (0.0, UNKNOWN_USD)
_SHIFT_STEP: Final = 0.05
"""Corrections are rounded to so much log-odds (about a hundredth of quality), so that what follows from them can be kept."""


@quick
@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state a decision is made on; values only, so that the same snapshot gives the same decision."""

    scorecard: Scorecard = field(default_factory=Scorecard)
    ailments: Mapping[str, Ailment] = field(default_factory=dict)
    """Unfit targets, see `health.HealthBoard.snapshot`."""
    latencies_s: Mapping[str, float] = field(default_factory=lambda: _NO_LATENCIES)
    """Live mean latency per target, in seconds."""
    budget_left: Left | None = None
    """What the tightest budget of the call has left today; None = no budget."""
    explore_left_usd: float | None = None
    """What the policy may still spend on exploring today; None = no limit."""
    experience: Experience = NO_EXPERIENCE
    warm: Mapping[str, int] = field(default_factory=lambda: _NOTHING_WARM)
    """Prompt tokens of this conversation that each target's cache holds, see `warmth.WarmBoard.prefixes`."""
    correction: Correction = SILENT
    """What the words of the request add to each target's log-odds, see `predictor`."""


class Rate(NamedTuple):
    """What a call to one target costs."""

    prompt_usd: float
    """Dollars per prompt token."""
    answer_usd: float
    """Dollars for an answer of the expected length."""
    answer_tokens: float
    """The expected length."""
    token_usd: float
    """Dollars per answer token."""
    warm_usd: float
    """Dollars that one prompt token costs less when it is read from a cache."""
    write_usd: float
    """Dollars that one prompt token costs more when it is written to a cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A pool in view of one task kind, one scorecard and what was learned since."""

    names: tuple[str, ...]
    estimates: tuple[Estimate, ...]
    rates: tuple[Rate | None, ...]
    """What each target charges; None without a price."""
    prices: tuple[tuple[float, float], ...]
    """Dollars per prompt token and for an answer of the expected length; the latter infinite without a price."""
    smallest_window: float
    """Shortest known context window in tokens; infinite when none is known."""
    qualities: tuple[float, ...]
    """Expected share of successes per target."""
    latencies_s: tuple[float | None, ...]
    """Measured seconds to a whole answer per target; None where never measured."""
    alphabetical: tuple[int, ...]
    """Places in the pool in the order of the names, which decides between equals."""
    dearest: Price | None
    """What no target exceeds, see `budget.dearest`."""


class Column(NamedTuple):
    """One score term for all targets of the pool."""

    by: str
    weight: float
    values: Sequence[float]
    """0 worst … 1 best, in the order of the pool."""


Columns: TypeAlias = tuple[Column, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What a policy thinks of a pool before it knows how large the request is: worked out once and kept, see `outlook`."""

    pool: Pool
    panel: Panel
    settings: PolicySettings
    drifted: Columns
    """The term by which targets whose success has drifted come last."""
    fixed: Columns
    """The policy's own terms that are the same for every request."""
    columns: Columns
    """Both, in this order."""
    sums: Sequence[float] | None
    """Their weighted sums; None without any."""
    live: Callable[[Case], Columns]
    """The policy's other terms, which come after them."""
    doubts: tuple[tuple[str, ...], ...]
    """What a decision must say when the target at this place comes first."""
    is_special: bool
    """Whether dice or a cascade have a say in it, too."""
    known: Mapping[str, object]
    """Facts of every decision, see `decision.made_of`."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One request before one pool."""

    outlook: Outlook
    features: Features
    snapshot: Snapshot
    costs_usd: Sequence[float]
    """Expected dollars per target, caches counted in; infinite when the price is unknown."""
    cache_usd: Sequence[float] = ()
    """What warm caches change in them: below 0 saved, above 0 for writing anew what another target holds; empty = nothing is warm."""

    @property
    def panel(self) -> Panel:
        """What is known of the targets."""
        return self.outlook.panel

    @property
    def settings(self) -> PolicySettings:
        """Of the policy."""
        return self.outlook.settings

    def latencies_s(self) -> Sequence[float | None]:
        """Seconds to a whole answer per target: live if known, else measured, else None."""
        live, panel = self.snapshot.latencies_s, self.outlook.panel
        return [*map(live.get, panel.names, panel.latencies_s)] if live else panel.latencies_s


_made: Final = maker(Case)
_work: Final = tupler(Work)


def open_case(outlook: Outlook, features: Features, snapshot: Snapshot) -> Case:
    """Put together all that a decision needs to know."""
    panel, n_in, limit = outlook.panel, features.input_tokens, features.output_tokens_limit
    prices = panel.prices if limit is None else _limited(panel, limit)
    costs = [n_in * token_usd + answer_usd for token_usd, answer_usd in prices]
    if not snapshot.warm:
        return _made(outlook, features, snapshot, costs)
    changes = _cache_usd(panel, n_in, snapshot.warm)
    return Case(outlook, features, snapshot, [usd + change for usd, change in zip(costs, changes, strict=True)], changes)


def known_usd(usd: float) -> float | None:
    """Expected dollars as they are told: None when the price is unknown."""
    return None if usd == UNKNOWN_USD else usd


def work_of(features: Features, scorecard: Scorecard) -> Work:
    """What to look up in a scorecard. The conversation is read for its language only if a language was measured."""
    if not scorecard.has_parts:
        return _work((features.kind, None, None))
    repo = next((tag.removeprefix("repo:") for tag in features.tags if tag.startswith("repo:")), None)
    return scorecard.work(features.kind, features.signals.language, repo)


def shifts_of(pool: Pool, by_target: Mapping[str, float]) -> tuple[float, ...]:
    """What the words of a request add to the log-odds of each target, rounded."""
    return tuple([_shift(target, by_target) for target in pool.targets])


def _shift(target: Target, by_target: Mapping[str, float]) -> float:
    """Correction of a target, known by its name or by its model's."""
    shift = by_target.get(target.name, by_target.get(target.model, 0.0))
    return round(shift / _SHIFT_STEP) * _SHIFT_STEP


def _cache_usd(panel: Panel, n_in: int, warm: Mapping[str, int]) -> list[float]:
    """Dollars by which caches change the cost of the prompt, per target."""
    longest = min(max(warm.values()), n_in)
    changes = []
    for name, rate in zip(panel.names, panel.rates, strict=True):
        held = min(warm.get(name, 0), n_in)
        changes.append(0.0 if rate is None else -held * rate.warm_usd if held else longest * rate.write_usd)
    return changes


@lru_cache(maxsize=4096)
def _limited(panel: Panel, limit: float) -> tuple[tuple[float, float], ...]:
    """`Panel.prices` where the caller cuts the answer; callers mostly ask for one of a few lengths."""
    return tuple([_UNPRICED if r is None else (r.prompt_usd, min(r.answer_tokens, limit) * r.token_usd) for r in panel.rates])


def _rate(price: Price, answer_tokens: float) -> Rate:
    saved = 0.0 if price.cached_input is None else max(price.input - price.cached_input, 0.0)
    added = 0.0 if price.cache_write is None else max(price.cache_write - price.input, 0.0)
    return Rate(price.input / 1e6, answer_tokens * (price.output / 1e6), answer_tokens, price.output / 1e6, saved / 1e6, added / 1e6)


@lru_cache(maxsize=1024)
def panel_of(pool: Pool, work: Work, scorecard: Scorecard, experience: Experience, shifts: tuple[float, ...] = ()) -> Panel:
    """The pool in view of some work; `shifts` are what the words of the request add to each target's log-odds."""
    if shifts:
        return _corrected(panel_of(pool, work, scorecard, experience), shifts)
    estimates = tuple(experience.adjusted(t.name, work.kind, scorecard.estimate(t.name, *work)) for t in pool.targets)
    rates = tuple(None if t.price is None else _rate(t.price, e.output_tokens) for t, e in zip(pool.targets, estimates, strict=True))
    windows = [t.context_tokens for t in pool.targets if t.context_tokens is not None]
    return Panel(
        tuple(t.name for t in pool.targets),
        estimates,
        rates,
        tuple(_UNPRICED if rate is None else (rate.prompt_usd, rate.answer_usd) for rate in rates),
        min(windows, default=float("inf")),
        tuple(e.mean for e in estimates),
        tuple(e.latency_s for e in estimates),
        tuple(sorted(range(len(pool.targets)), key=lambda i: pool.targets[i].name)),
        dearest(pool.targets),
    )


def _corrected(panel: Panel, shifts: tuple[float, ...]) -> Panel:
    estimates = tuple(
        e.shifted(shift).noted(f"text: {shift:+.2f}") if shift else e for e, shift in zip(panel.estimates, shifts, strict=True)
    )
    return replace(panel, estimates=estimates, qualities=tuple(e.mean for e in estimates))


@lru_cache(maxsize=1024)
def adequacy(panel: Panel, floor: float, confidence: float) -> tuple[float, ...]:
    """How each target stands to a quality floor: 1 where it is reached with enough confidence, else the probability that it is."""
    chances = (_chance(e.alpha, e.beta, floor) for e in panel.estimates)
    return tuple(1.0 if p >= confidence else p for p in chances)


@lru_cache(maxsize=8192)
def _chance(alpha: float, beta: float, floor: float) -> float:
    """Kept by itself: of a corrected panel most estimates are as they were."""
    return 1.0 - beta_cdf(floor, alpha, beta)
