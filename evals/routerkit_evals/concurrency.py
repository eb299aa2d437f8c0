"""How many calls each provider takes at a time: found by trying, halved when it objects, and never at another provider's cost."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")
THROTTLED: Final = frozenset({"rate_limit", "overloaded"})
"""Error codes that ask for fewer calls (429, 503, 529) and say nothing about target or answer."""
PATIENCE_S: Final = 300.0
"""A provider that did nothing but object for this long, or asks to stay away for longer, is not waited for."""
MAX_TRIES: Final = 8
"""Turns of one call that only ever meets a limit; a prompt larger than a provider's tokens per minute never gets through."""
_FIRST_PAUSE_S: Final = 1.0
_MAX_PAUSE_S: Final = 60.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Line:
    """State of one provider."""

    limit: float
    n_running: int = 0
    held_until: float = 0.0
    pause_s: float = _FIRST_PAUSE_S
    limited_since: float | None = None
    """First objection since the last answer."""
    n_cuts: int = 0


class Throttle:
    """Additive increase, multiplicative decrease per provider. Safe to use from any thread.

    An answer raises a provider's limit by 1/limit, so by about one per round of calls; an objection halves it, once for all calls that
    were under way together, and holds further calls back for as long as the provider asks, or 1, 2, 4 … 60 s.

    Source of the rule: Chiu and Jain 1989, "Analysis of the increase and decrease algorithms for congestion avoidance".
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; `most` is where each provider starts and the most it is ever given."""
        self._most, self._clock = most, clock
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()
        self.freed = threading.Event()
        """Set whenever a call ended; whoever waits for room clears it."""
        self.n_objections = 0
        """Answers that asked for fewer calls, all providers together."""

    def begin(self, provider: str) -> int | None:
        """Take a place for one call: a ticket for `end`, or None when there is no room now."""
        with self._lock:
            line = self._line(provider)
            if line.held_until > self._clock() or line.n_running >= int(line.limit):
                return None
            line.n_running += 1
            return line.n_cuts

    def cancel(self, provider: str) -> None:
        """Give a place back that was not used."""
        with self._lock:
            self._line(provider).n_running -= 1

    def answered(self, provider: str) -> None:
        """The call ended, in whatever way but an objection."""
        with self._lock:
            line = self._line(provider)
            line.n_running -= 1
            line.limit = min(float(self._most), line.limit + 1.0 / line.limit)
            line.pause_s, line.limited_since = _FIRST_PAUSE_S, None
        self.freed.set()

    def objected(self, provider: str, ticket: int, *, retry_after_s: float | None) -> bool:
        """The provider asked for fewer calls; whether it is worth trying this one again later."""
        with self._lock:
            line, now = self._line(provider), self._clock()
            line.n_running -= 1
            self.n_objections += 1
            line.limited_since = now if line.limited_since is None else line.limited_since
            wait_s = line.pause_s if retry_after_s is None else retry_after_s
            is_hopeless = wait_s > PATIENCE_S or now - line.limited_since >= PATIENCE_S
            if ticket == line.n_cuts:
                line.n_cuts += 1
                line.limit = max(1.0, line.limit / 2)
                line.pause_s = min(_MAX_PAUSE_S, line.pause_s * 2)
                _log.info("provider %s objects: %d calls at a time, next in %.1f s", provider, line.limit, wait_s)
            # Not held when hopeless: what is left then fails fast instead of making everybody wait.
            line.held_until = 0.0 if is_hopeless else max(line.held_until, now + wait_s)
        self.freed.set()
        return not is_hopeless

    def held_s(self, provider: str) -> float:
        """Seconds until the next call may be sent; 0 = now, as far as pauses go."""
        with self._lock:
            return max(0.0, self._line(provider).held_until - self._clock())

    def _line(self, provider: str) -> _Line:
        return self._lines.setdefault(provider, _Line(float(self._most)))


class Turn(NamedTuple, Generic[T]):
    """One piece of work with its place in the plan."""

    number: int
    provider: str
    work: T
    n_tries: int = 0


@dataclass(slots=True)
class Backlog(Generic[T]):
    """What is left to do, in the order of the plan, one line per group, so that a blocked group never holds up another."""

    lines: dict[str, deque[Turn[T]]] = field(default_factory=dict)

    def add(self, group: str, provider: str, work: T) -> None:
        """Put work at the end; groups are targets."""
        line = self.lines.setdefault(group, deque())
        line.append(Turn(self._size(), provider, work))

    def put_back(self, group: str, turn: Turn[T]) -> None:
        """Try this once more, after what its group still has: one call that never gets through must not block the rest."""
        self.lines[group].append(turn._replace(n_tries=turn.n_tries + 1))

    def drop(self, groups: Iterable[str]) -> None:
        """Forget the work of these groups."""
        for group in groups:
            self.lines.pop(group, None)

    def heads(self) -> Iterator[tuple[str, Turn[T]]]:
        """First of each group, earliest in the plan first."""
        found = [(group, line[0]) for group, line in self.lines.items() if line]
        return iter(sorted(found, key=lambda head: head[1].number))

    def pause_s(self, throttle: Throttle) -> float | None:
        """Seconds until something can be sent; None when nothing is left, or nothing holds it."""
        waits = [throttle.held_s(turn.provider) for _, turn in self.heads()]
        return min(waits) if waits and min(waits) > 0.0 else None

    def _size(self) -> int:
        return sum(len(line) for line in self.lines.values())
