"""Has a target become worse at a kind of work than it was measured to be? A test that may be looked at after every single outcome.

Every question is put as a rate of bad outcomes: a failure is bad for `success`; a call dearer or slower than three in four of the
first fifty is bad for `cost` and `latency`. The detector bets against "the rate is at most what was measured", anew from every outcome
on, so that a change after a thousand good outcomes is found as fast as one at the start.

Source: Shin, Ramdas & Rinaldo, E-detectors: a nonparametric framework for sequential change detection, NEJSDS 2 (2023), in the form of
Shiryaev and Roberts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import tee
from typing import Final, NamedTuple

from routerkit.experience import Alarm
from routerkit.posterior import Estimate, beta_quantile

OUTCOMES_PER_FALSE_ALARM: Final = 1_000.0
"""Without any change an alarm takes, on average, at least this many outcomes of a cell."""
BASELINE: Final = 50
"""How many outcomes say what is normal where the scorecard does not."""
_SURE: Final = 0.95
"""Confidence in the rate taken as normal."""
_USUAL_SHARE: Final = 0.75
"""Share of the baseline's costs and latencies that count as usual."""
_SHIFTS: Final = (0.1, 0.2, 0.35, 0.5, 0.75)
"""The changes betted on: what part of the good outcomes turns bad."""
_ENOUGH: Final = 1e12
"""Evidence is not counted beyond this."""


def evidence(are_bad: Iterable[bool], rate: float, outcomes_per_false_alarm: float = OUTCOMES_PER_FALSE_ALARM) -> Iterator[float]:
    """How close an alarm is after each outcome; 1 or more is one.

    While the true rate stays at or below `rate`: the mean number of outcomes to an alarm is at least `outcomes_per_false_alarm`, and the
    probability of an alarm within the first n is at most n / `outcomes_per_false_alarm`. Both hold however often it is looked at.

    Args:
        are_bad: Outcomes in order.
        rate: Highest rate of bad outcomes that counts as normal, 0..1; taken as 0.01..0.99.
        outcomes_per_false_alarm: Above 1.
    """
    bets = _bets(rate)
    most = _ENOUGH / outcomes_per_false_alarm
    paths = (_wealth(outcomes, *bet) for outcomes, bet in zip(tee(are_bad, len(bets)), bets, strict=True))
    return (min(sum(wealth) / len(bets) / outcomes_per_false_alarm, most) for wealth in zip(*paths, strict=True))


@dataclass(frozen=True, slots=True)
class Series:
    """Outcomes of a cell, oldest first, as far as one measure is concerned. Two columns and no rows: a cell may have a million."""

    instants_us: Sequence[int]
    """Microseconds since 1970, UTC."""
    values: Sequence[float]
    """`success`: 1 or 0. `cost`: dollars, as a multiple of what was expected. `latency`: seconds."""

    def after(self, n: int) -> Series:
        """What follows the first `n` outcomes."""
        return Series(self.instants_us[n:], self.values[n:])


@dataclass(frozen=True, slots=True)
class Drift:
    """What is known about one measure of one cell."""

    target: str
    kind: str | None
    measure: str
    """`success`, `cost` or `latency`."""
    n: int
    """Outcomes watched."""
    normal: float
    """What counts as normal: the success rate, or the median of cost or latency."""
    now: float
    """The same, over all that was watched; with an alarm, over the outcomes since the likeliest moment of change."""
    n_now: int
    since: datetime | None
    """Moment of the first outcome that `now` is about, UTC; None when nothing was watched."""
    evidence: float
    """Highest it has been; from 1 on it is an alarm."""

    @property
    def is_alarm(self) -> bool:
        """Whether the cell is worse than it was, with the promised rate of false alarms."""
        return self.evidence >= 1.0

    def alarm(self) -> Alarm:
        """The alarm it stands for."""
        return Alarm(self.measure, f"{self.figure(self.now)} over {self.n_now} since {self.since:%Y-%m-%d}, was {self.figure(self.normal)}")

    def figure(self, value: float) -> str:
        """A value of this measure with its unit."""
        return f"{value:.2f}" + {"cost": " x expected", "latency": " s"}.get(self.measure, "")


def success_drift(target: str, kind: str | None, seen: Series, measured: Estimate, outcomes_per_false_alarm: float) -> Drift | None:
    """Judge reported outcomes against the scorecard, or against the first `BASELINE` of them where this kind was never measured.

    None when there is nothing to compare with yet.
    """
    if measured.n_samples:
        normal, rate, watched = measured.mean, 1.0 - measured.low, seen
    elif len(seen.values) > BASELINE:
        n_passed = sum(seen.values[:BASELINE])
        normal = n_passed / BASELINE
        rate, watched = beta_quantile(_SURE, BASELINE - n_passed + 0.5, n_passed + 0.5), seen.after(BASELINE)
    else:
        return None
    found = _watch([value < 0.5 for value in watched.values], rate, outcomes_per_false_alarm)
    recent = watched.values[found.change :]
    now = sum(recent) / len(recent) if recent else normal
    return _drift(target, kind, "success", watched, found, normal=normal, now=now)


def residual_drift(target: str, kind: str | None, measure: str, seen: Series, outcomes_per_false_alarm: float) -> Drift | None:
    """Judge costs or latencies against the first `BASELINE` of them; None while there are no more than that."""
    if len(seen.values) <= BASELINE:
        return None
    usual, watched = sorted(seen.values[:BASELINE]), seen.after(BASELINE)
    rank = math.ceil(_USUAL_SHARE * BASELINE)
    # How often a new value exceeds the rank-th of n is Beta(n - rank + 1, rank), whatever the distribution (order statistics).
    rate = beta_quantile(_SURE, BASELINE - rank + 1, rank)
    found = _watch([value > usual[rank - 1] for value in watched.values], rate, outcomes_per_false_alarm)
    recent = sorted(watched.values[found.change :])
    return _drift(target, kind, measure, watched, found, normal=usual[BASELINE // 2], now=recent[len(recent) // 2])


class _Found(NamedTuple):
    evidence: float
    change: int
    """Index of the likeliest first outcome after a change; 0 without an alarm."""


def _watch(are_bad: Sequence[bool], rate: float, outcomes_per_false_alarm: float) -> _Found:
    most = max(evidence(are_bad, rate, outcomes_per_false_alarm), default=0.0)
    # Without an alarm there was no change to speak of, and looking for its likeliest moment would only find bad luck.
    return _Found(most, _likeliest_change(are_bad, rate) if most >= 1.0 else 0)


def _wealth(are_bad: Iterable[bool], if_good: float, if_bad: float) -> Iterator[float]:
    """What one bet is worth after each outcome, when it is made anew from every outcome on."""
    wealth = 0.0
    for is_bad in are_bad:
        wealth = (wealth + 1.0) * (if_bad if is_bad else if_good)
        yield wealth


def _likeliest_change(are_bad: Sequence[bool], rate: float) -> int:
    """Where the outcomes after it speak loudest for a higher rate (maximum likelihood over the moment, at the middle bet)."""
    if_good, if_bad = (math.log(factor) for factor in _bets(rate)[len(_SHIFTS) // 2])
    total, best, change = 0.0, 0.0, 0
    for i in range(len(are_bad) - 1, -1, -1):
        total += if_bad if are_bad[i] else if_good
        if total > best:
            best, change = total, i
    return change


def _bets(rate: float) -> tuple[tuple[float, float], ...]:
    """What a good and a bad outcome multiply each bet by; at most 1 on average while the rate is no higher than `rate`."""
    p = min(max(rate, 0.01), 0.99)
    shifted = [p + (1.0 - p) * shift for shift in _SHIFTS]
    return tuple(((1.0 - q) / (1.0 - p), q / p) for q in shifted)


def _drift(target: str, kind: str | None, measure: str, watched: Series, found: _Found, *, normal: float, now: float) -> Drift:
    n = len(watched.values)
    since = datetime.fromtimestamp(watched.instants_us[found.change] / 1e6, UTC) if n else None
    return Drift(target, kind, measure, n, normal, now, n - found.change, since, found.evidence)
