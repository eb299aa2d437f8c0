"""What a run will cost and how long it will take, said before anything is asked. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from routerkit import Target, Usage, format_usd
from routerkit.intervals import Interval
from routerkit_evals.sample import Sample
from routerkit_evals.schedule import Cell
from routerkit_evals.spend import CHARS_PER_TOKEN

PRIOR_OUTPUT: Final = 500.0
"""Mean answer length assumed of a target that never answered, in tokens; between a one-line explanation and a rewritten file."""
_PRIOR_SPREAD: Final = 0.8
"""Standard deviation of that mean's logarithm: true means between 130 and 1,900 tokens are within two of them."""
_SPREAD: Final = 0.9
"""Coefficient of variation of single answer lengths, where too few are known to say."""
_MANY: Final = 5
_Z90: Final = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Forecast:
    """One target's part of a plan."""

    target: str
    n_calls: int
    cost_usd: float | None
    """None when its price is unknown."""
    interval: Interval | None
    """90 %, in dollars."""
    seconds: float | None
    """All its answers one after the other; None when it was never measured."""
    n_known: int
    """Stored samples the forecast rests on; 0 = assumptions only."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """A plan's forecast."""

    n_calls: int
    n_known: int
    """Planned samples that are stored already and cost nothing."""
    forecasts: tuple[Forecast, ...]

    @property
    def cost_usd(self) -> float | None:
        """Expected dollars; None when any price is unknown."""
        costs = [f.cost_usd for f in self.forecasts]
        return None if None in costs else math.fsum(c for c in costs if c is not None)

    @property
    def interval(self) -> Interval | None:
        """90 % interval of the dollars, targets taken as independent."""
        known = [(f.cost_usd, f.interval) for f in self.forecasts if f.cost_usd is not None and f.interval is not None]
        if len(known) < len(self.forecasts):
            return None
        total = math.fsum(cost for cost, _ in known)
        below = math.sqrt(math.fsum((cost - i.low) ** 2 for cost, i in known))
        above = math.sqrt(math.fsum((i.high - cost) ** 2 for cost, i in known))
        return Interval(max(0.0, total - below), total + above)

    @property
    def seconds(self) -> float | None:
        """All answers one after the other; None when any target was never measured."""
        known = [f.seconds for f in self.forecasts if f.n_calls]
        return None if None in known else math.fsum(s for s in known if s is not None)

    def lines(self) -> tuple[str, ...]:
        """For people: one line for the whole, one per target."""
        width = max((len(f.target) for f in self.forecasts), default=0)
        head = f"{self.n_calls} answers to get, {self.n_known} known already; expected {_dollars(self.cost_usd, self.interval)}"
        time = f", about {_duration(self.seconds)} of answering" if self.seconds is not None else ""
        return (head + time, *(_line(f, width) for f in self.forecasts))


def forecast(
    cells: Sequence[Cell], targets: Mapping[str, Target], known: Iterable[Sample], prompt: Callable[[Cell], str], *, n_known: int = 0
) -> Preflight:
    """Expected cost of the cells that are not answered yet.

    Answer lengths come from stored samples of the same target and kind, else of the target, else of all, else from `PRIOR_OUTPUT`.

    Args:
        cells: What is left to ask.
        targets: By name.
        known: Stored samples.
        prompt: Text sent for a cell.
        n_known: Planned cells that are answered already.
    """
    past = _Past(known)
    groups: dict[str, list[Cell]] = {name: [] for name in targets}
    for cell in cells:
        groups[cell.target].append(cell)
    forecasts = tuple(_forecast(targets[name], group, past, prompt) for name, group in groups.items())
    return Preflight(len(cells), n_known, forecasts)


class _Past:
    """Stored answers by target and kind."""

    def __init__(self, known: Iterable[Sample]) -> None:
        self.lengths: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        for sample in known:
            if sample.output_tokens is not None and sample.counts:
                self.lengths[sample.target, sample.kind].append(sample.output_tokens)
            if sample.latency_s is not None:
                self.seconds[sample.target].append(sample.latency_s)

    def of(self, target: str, kind: str) -> list[int]:
        """Lengths nearest to a target and kind; empty when nothing was ever answered."""
        own = self.lengths.get((target, kind), [])
        if len(own) >= _MANY:
            return own
        same = [n for (t, _), lengths in self.lengths.items() if t == target for n in lengths]
        return same or [n for lengths in self.lengths.values() for n in lengths]


def _forecast(target: Target, cells: Sequence[Cell], past: _Past, prompt: Callable[[Cell], str]) -> Forecast:
    n_past = sum(len(v) for (name, _), v in past.lengths.items() if name == target.name)
    seconds = past.seconds.get(target.name)
    expected_s = len(cells) * sum(seconds) / len(seconds) if seconds else None
    if target.price is None:
        return Forecast(target.name, len(cells), None, None, expected_s, n_past)
    by_kind: defaultdict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_kind[cell.task.category].append(cell)
    tokens_in = sum(int(len(prompt(cell)) / CHARS_PER_TOKEN) for cell in cells)
    base = target.price.cost_usd(Usage(tokens_in, 0))
    per_token = target.price.output / 1e6
    lengths = [_length(past.of(target.name, kind), len(group)) for kind, group in by_kind.items()]
    out = per_token * math.fsum(mean for mean, _ in lengths)
    # Errors of the means of one target go together, so their deviations add up.
    half = _Z90 * per_token * math.fsum(deviation for _, deviation in lengths)
    return Forecast(target.name, len(cells), base + out, Interval(base + max(0.0, out - half), base + out + half), expected_s, n_past)


def _length(known: Sequence[int], n: int) -> tuple[float, float]:
    """Expected tokens of `n` answers, and the standard deviation of that."""
    if not known:
        mean = PRIOR_OUTPUT
        return n * mean, n * mean * math.sqrt(math.expm1(_PRIOR_SPREAD**2))
    mean = sum(known) / len(known)
    is_many = len(known) >= _MANY
    variance = sum((x - mean) ** 2 for x in known) / (len(known) - 1) if is_many else (_SPREAD * mean) ** 2
    return n * mean, math.sqrt(n * variance + n * n * variance / len(known))


def _line(f: Forecast, width: int) -> str:
    basis = f"from {f.n_known} stored answers" if f.n_known else "assumed answer lengths"
    return f"  {f.target:{width}}  {f.n_calls:5} answers  {_dollars(f.cost_usd, f.interval)}  ({basis})"


def _dollars(cost: float | None, interval: Interval | None) -> str:
    if cost is None or interval is None:
        return "an unknown amount (no price)"
    return format_usd(cost) if cost == 0.0 else f"{format_usd(cost)} [{format_usd(interval.low)}, {format_usd(interval.high)}]"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
