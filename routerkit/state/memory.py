"""State of this process alone: the default where nothing is shared and nothing must survive, and what remains when Redis is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from routerkit.state.bucket import level, wait_s
from routerkit.state.interface import Account, AccountLine, Entry, Grant, Notice, Pace, Standing, StateStore, TooFast


@dataclass(slots=True)
class _Lease:
    micros: int
    until: float


@dataclass(slots=True)
class _Money:
    limit: int = 0
    spent: int = 0
    leases: dict[str, _Lease] = field(default_factory=dict)
    corrections: dict[str, int] = field(default_factory=dict)

    def standing(self, holder: str) -> Standing:
        mine = self.leases.get(holder)
        lent = [lease.micros for lease in self.leases.values() if lease.micros]
        return Standing(self.spent, sum(lent), mine.micros if mine else 0, max(1, len(lent)))


@dataclass(slots=True)
class _Traffic:
    buckets: dict[str, tuple[float, float]] = field(default_factory=dict)
    """What → (used, at)."""
    running: dict[str, float] = field(default_factory=dict)
    """Request → Unix time after which it counts as left."""


class MemoryStore(StateStore):
    """A `StateStore` in plain dictionaries."""

    is_shared = False
    may_be_away = False
    hints = None
    records_lost = False

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._money: dict[Account, _Money] = {}
        self._traffic: dict[str, _Traffic] = {}
        self._notices: dict[str, Notice] = {}

    def draw(self, account: Account, *, ask: int, least: int, limit: int, holder: str, until: float) -> Grant:
        """As `StateStore.draw`."""
        with self._lock:
            money = self._money.setdefault(account, _Money())
            money.limit = limit
            standing = money.standing(holder)
            granted = min(ask, limit - standing.spent - standing.leased)
            if granted < least:
                return Grant(0, standing)
            money.leases[holder] = _Lease(standing.mine + granted, until)
            return Grant(granted, money.standing(holder))

    def book(self, account: Account, *, spent: int, back: int, holder: str, until: float, number: int = 0) -> Standing | None:
        """As `StateStore.book`."""
        with self._lock:
            money = self._money.setdefault(account, _Money())
            lease = money.leases.get(holder)
            if lease is None:
                return None
            money.spent += spent
            lease.micros, lease.until = max(0, lease.micros - spent - back), until
            return money.standing(holder)

    def owed(self, holder: str) -> None:
        """As `StateStore.owed`: nowhere, because it ends with the process."""

    def standing(self, account: Account, holder: str) -> Standing:
        """As `StateStore.standing`."""
        with self._lock:
            money = self._money.get(account)
            return money.standing(holder) if money else Standing(0, 0, 0, 1)

    def lapse(self, now: float) -> int:
        """As `StateStore.lapse`."""
        total = 0
        with self._lock:
            for money in self._money.values():
                for holder in [h for h, lease in money.leases.items() if lease.until < now]:
                    lost = money.leases.pop(holder).micros
                    money.spent += lost
                    total += lost
        return total

    def correct(self, account: Account, what: str, micros: int) -> None:
        """As `StateStore.correct`."""
        with self._lock:
            if money := self._money.get(account):
                money.spent += micros - money.corrections.get(what, 0)
                money.corrections[what] = micros

    def accounts(self, day: str) -> tuple[AccountLine, ...]:
        """As `StateStore.accounts`."""
        with self._lock:
            lines = [
                AccountLine(account, money.limit, money.spent, money.standing("").leased)
                for account, money in self._money.items()
                if account.day == day
            ]
        return tuple(sorted(lines))

    def enter(self, entry: Entry, pace: Pace) -> TooFast | None:
        """As `StateStore.enter`."""
        now = self._now()
        with self._lock:
            traffic = self._traffic.setdefault(entry.caller, _Traffic())
            traffic.running = {i: until for i, until in traffic.running.items() if until > now}
            if pace.at_once is not None and len(traffic.running) >= pace.at_once:
                return TooFast("at_once", 1.0)
            levels: dict[str, float] = {}
            for what, cost, per_minute in costs(entry, pace):
                used, at = traffic.buckets.get(what, (0.0, now))
                used = level(used, now - at, per_minute)
                if wait := wait_s(used, cost, per_minute):
                    return TooFast(what, wait)
                levels[what] = used + cost
            traffic.buckets |= {what: (used, now) for what, used in levels.items()}
            if pace.at_once is not None:
                traffic.running[entry.id] = now + entry.hold_s
        return None

    def leave(self, entry: Entry, pace: Pace, used_tokens: int) -> None:
        """As `StateStore.leave`."""
        with self._lock:
            traffic = self._traffic.setdefault(entry.caller, _Traffic())
            traffic.running.pop(entry.id, None)
            if pace.tokens_per_minute is not None:
                used, at = traffic.buckets.get("tokens", (0.0, self._now()))
                traffic.buckets["tokens"] = (max(0.0, used + used_tokens - entry.tokens), at)

    def post(self, notices: Sequence[Notice]) -> None:
        """As `StateStore.post`."""
        with self._lock:
            for notice in notices:
                old = self._notices.get(notice.target)
                if old is None or old.until < notice.until:
                    self._notices[notice.target] = notice

    def notices(self, now: float) -> tuple[Notice, ...]:
        """As `StateStore.notices`."""
        with self._lock:
            return tuple(notice for notice in self._notices.values() if notice.until > now)

    def trouble(self) -> str | None:
        """Never any."""
        return None

    def after_fork(self) -> None:
        """A lock that another thread held at the fork would stay held for ever."""
        self._lock = threading.Lock()

    def close(self) -> None:
        """Nothing to let go of."""


def costs(entry: Entry, pace: Pace) -> list[tuple[str, float, int]]:
    """Buckets that an entry fills: what, by how much, and what leaks a minute."""
    wanted = (("requests", 1.0, pace.requests_per_minute), ("tokens", float(entry.tokens), pace.tokens_per_minute))
    return [(what, cost, per_minute) for what, cost, per_minute in wanted if per_minute is not None]
