"""Finds requests whose usage nobody reported (lost, cut off, abandoned) on a provider's bill of one line per request."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final, NamedTuple

from routerkit.errors import ConfigError
from routerkit.usage_export import Billed, Used

NEAR: Final = timedelta(seconds=60)
"""Providers name the minute, and their clock is not ours."""
_LONGEST: Final = timedelta(minutes=10)
"""How long an attempt may have run whose process died with it."""
_SHARE_FOUND: Final = 0.9
"""Share of a model's reported requests that must be on the bill, or its lines are not requests, or not all of them."""


class Asked(NamedTuple):
    """One attempt, as the ledger knows it."""

    record_id: str
    attempt: int
    """Its index within the call."""
    model: str
    """As in `Billed`."""
    began_at: datetime
    ended_at: datetime | None
    """None = unknown."""
    used: Used
    is_reported: bool
    """Whether the provider said what it used."""
    is_settled: bool = False
    """Whether a bill has said what it cost."""

    @property
    def is_open(self) -> bool:
        """Whether its cost must be looked up."""
        return not (self.is_reported or self.is_settled)


class Settled(NamedTuple):
    """What an attempt cost, by the bill."""

    asked: Asked
    billed: Used
    """Nothing used and nothing to pay where the bill does not name it."""


class Settlement(NamedTuple):
    """What a bill says about attempts that nobody reported the usage of."""

    settled: tuple[Settled, ...]
    strangers: tuple[Billed, ...]
    """Lines that belong to no attempt: somebody else uses the account, or rows are missing."""


def settle(asked: Sequence[Asked], bill: Sequence[Billed]) -> Settlement:
    """Give every line of the bill to an attempt: first to those of the same model and tokens, then to those of unknown usage nearby.

    Only attempts of a model's time on the bill are settled, from its first line to its last: of the others it says nothing.

    Raises:
        ConfigError: the bill has no costs, or its lines are not single requests, or not those of all who served a model.
    """
    if any(line.used.cost_usd is None for line in bill):
        raise ConfigError("the export does not say what each line cost, so nothing can be settled; export costs as well")
    rest, covered = _without_reported(asked, bill), _Covered(bill)
    _check_found(Counter(a.model for a in asked if a.is_reported and covered(a)), bill, rest)
    open_ = sorted((a for a in asked if a.is_open and covered(a)), key=lambda a: (a.used.cost_usd == 0, a.began_at))
    settled = tuple([Settled(a, found.used if (found := _take_nearest(a, rest)) else Used()) for a in open_])
    return Settlement(settled, tuple(line for lines in rest.values() for line in lines))


def _check_found(n_reported: Mapping[str, int], bill: Iterable[Billed], rest: Mapping[str, Sequence[Billed]]) -> None:
    lines = Counter(line.model for line in bill)
    for model, n in n_reported.items():
        n_found = lines[model] - len(rest.get(model, ()))
        if n_found < _SHARE_FOUND * n:
            text = f"of {n} requests to {model} whose usage is known the export lists {n_found} by minute and tokens"
            remedy = f"export one line per request, of every provider and account that served {model}"
            raise ConfigError(f"{text}, so nothing can be settled; {remedy}")


class _Covered:
    """Whether a bill would name an attempt that was billed."""

    def __init__(self, bill: Iterable[Billed]) -> None:
        self._spans: dict[str, tuple[datetime, datetime]] = {}
        for line in bill:
            first, last = self._spans.get(line.model, (line.at, line.at))
            self._spans[line.model] = min(first, line.at), max(last, line.at)

    def __call__(self, asked: Asked) -> bool:
        span = self._spans.get(asked.model)
        return span is not None and span[0] - NEAR <= asked.began_at <= span[1] + NEAR


def _without_reported(asked: Iterable[Asked], bill: Iterable[Billed]) -> dict[str, list[Billed]]:
    """Lines left by model, in the order of time, once those of the reported attempts are taken."""
    attempts: dict[tuple[str, int, int], list[Asked]] = {}
    for attempt in asked:
        if attempt.is_reported:
            attempts.setdefault(_key(attempt.model, attempt.used), []).append(attempt)
    lines: dict[tuple[str, int, int], list[Billed]] = {}
    for line in sorted(bill, key=_at):
        lines.setdefault(_key(line.model, line.used), []).append(line)
    rest: dict[str, list[Billed]] = {}
    for line in sorted((line for key, alike in lines.items() for line in _unclaimed(alike, attempts.get(key, ()))), key=_at):
        rest.setdefault(line.model, []).append(line)
    return rest


def _unclaimed(lines: Iterable[Billed], attempts: Iterable[Asked]) -> Iterator[Billed]:
    """Lines, in the order of time, that are left when as many as possible went to one attempt each: always to the one that ended first."""
    coming = deque(sorted(attempts, key=lambda a: a.began_at))
    open_: list[datetime] = []
    for line in lines:
        while coming and coming[0].began_at - NEAR <= line.at:
            heappush(open_, _end(coming.popleft()))
        while open_ and open_[0] < line.at:
            heappop(open_)
        if open_:
            heappop(open_)
        else:
            yield line


def _take_nearest(asked: Asked, rest: dict[str, list[Billed]]) -> Billed | None:
    """The line of the attempt's time with the most similar prompt, which is then gone."""
    waiting = rest.get(asked.model, [])
    near = list(_near(asked, waiting))
    if not near:
        return None
    return waiting.pop(min(near, key=lambda i: abs(waiting[i].used.input_tokens - asked.used.input_tokens)))


def _near(asked: Asked, waiting: Sequence[Billed]) -> Iterator[int]:
    for place in range(bisect_left(waiting, asked.began_at - NEAR, key=_at), len(waiting)):
        if waiting[place].at > _end(asked):
            return
        yield place


def _end(asked: Asked) -> datetime:
    return (asked.began_at + _LONGEST if asked.ended_at is None else asked.ended_at) + NEAR


def _key(model: str, used: Used) -> tuple[str, int, int]:
    return model, used.input_tokens, used.output_tokens


def _at(line: Billed) -> datetime:
    return line.at
