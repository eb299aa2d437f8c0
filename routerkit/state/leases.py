"""Money lent to this process, so that a reservation costs microseconds and the store is asked only now and then.

Each process borrows a little ahead of what it reserves, and every second says what it spent and returns what it does not need. A process
that dies takes its lease with it: `LEASE_S` later what it owed counts as spent, and all of the lease where nobody knows how much that was.
Why: docs/adr/0005.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.errors import StateError
from routerkit.state.interface import Account, Owed, Standing, StateStore

_log: Final = logging.getLogger(__name__)

LEASE_S: Final = 60.0
"""A holder that was not heard of for so long is dead."""
TICK_S: Final = 1.0
FRESH_S: Final = 1.0
"""What others did is looked up again after so long."""
_AHEAD_CALLS: Final = 100
_AHEAD_SHARE: Final = 100
"""Borrowed ahead: a hundred reservations, but never more than a hundredth of the day's limit; as much may be lost in a crash."""


class Claim(NamedTuple):
    """An account that must pay, and what it may pay a day, in micro-dollars."""

    name: str
    limit: int


@dataclass(slots=True, eq=False)
class _Purse:
    """One account on one day, as far as this process has to do with it. All in micro-dollars."""

    account: Account
    limit: int
    leased: int = 0
    reserved: int = 0
    spent: int = 0
    """Settled, but not yet booked."""
    booking: int = 0
    """Part of what was spent that is being booked right now."""
    until: float = 0.0
    """Unix time from which the store may take the lease for that of a dead process."""
    others: int = 0
    """Spent by anybody, or lent to others, when the store was last seen."""
    share: int = 0
    """What this process may spend if the store goes away."""
    unbacked: int = 0
    """Part of `leased` that it took by itself since the store went away."""
    age: int = 0
    """How often the lease has lapsed; a hold from before that is counted as spent already."""
    seen_at: float = float("-inf")
    is_busy: bool = False
    """Whether anything happened since the last tick."""

    @property
    def idle(self) -> int:
        return self.leased - self.reserved - self.spent

    @property
    def owed(self) -> int:
        return self.reserved + self.spent + self.booking

    @property
    def left(self) -> int:
        return self.limit - self.others - self.reserved - self.spent


class Hold(NamedTuple):
    """Money set aside for one attempt, on all its accounts."""

    parts: tuple[tuple[_Purse, int], ...]
    """Accounts, each with the age of its lease."""
    micros: int


class Shortage(NamedTuple):
    """Why nothing was set aside."""

    name: str
    """Account that cannot pay."""
    left: int
    """What it has left, in micro-dollars."""
    trouble: str | None = None
    """Set when it may have enough, but the store could not be asked."""


class Leases:
    """Reserves and settles on accounts of one store. Thread-safe; no lock is held while the store is asked."""

    def __init__(self, store: StateStore, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._store, self._clock, self._now = store, clock, now
        self._lock = threading.Lock()
        self._holder = _holder()
        self._owed: Owed | None = None
        self._purses: dict[Account, _Purse] = {}
        self._n_holders = 0
        """How many shared an account when the store was last seen; 0 = never seen."""
        self._lapse_from = 0.0

    @property
    def store(self) -> StateStore:
        """Where the money is kept."""
        return self._store

    def reserve(self, claims: Sequence[Claim], micros: int, day: str) -> Hold | Shortage:
        """Set money aside on all accounts, or on none."""
        while True:
            with self._lock:
                purses = [self._purse(claim, day) for claim in claims]
                late = next((p for p in purses if self._owed and p.leased and self._now() >= p.until), None)
                short = next((p for p in purses if p.idle < micros), None)
                if late is None and short is None:
                    return self._take(purses, micros)
            problem = self._renew(late) if late else self._borrow(short, micros) if short else None
            if problem:
                return problem

    def settle(self, hold: Hold, micros: int) -> None:
        """Replace what was set aside by what was spent."""
        with self._lock:
            for purse, age in hold.parts:
                if age == purse.age:
                    purse.reserved -= hold.micros
                    purse.spent += micros
                    self._note(purse)

    def charge(self, claims: Sequence[Claim], micros: int, day: str) -> None:
        """Count what was spent without having been set aside, also beyond the limit."""
        with self._lock:
            for purse in [self._purse(claim, day) for claim in claims]:
                purse.spent += micros
                purse.is_busy = True
                self._note(purse)

    def left(self, claim: Claim, day: str) -> int:
        """What an account may still spend today, in micro-dollars, as last seen; negative when overspent."""
        with self._lock:
            purse = self._purse(claim, day)
            is_fresh = self._clock() - purse.seen_at < FRESH_S
        if not is_fresh:
            self._look(purse)
        return purse.left

    def tick(self) -> None:
        """Book what was spent, return what is not needed, renew what is, and let the leases of the dead lapse. For once a second."""
        with self._lock:
            purses = list(self._purses.values())
        for purse in purses:
            self._book(purse, keep=purse.limit // _AHEAD_SHARE if purse.is_busy else 0)
        if self._clock() >= self._lapse_from:
            self._lapse()

    def close(self) -> None:
        """Book everything and return the rest. What is reserved stays lent, and lapses."""
        for purse in list(self._purses.values()):
            self._book(purse, keep=0)

    def after_fork(self) -> None:
        """A forked child owes nothing: the leases are its parent's."""
        self._lock, self._purses, self._holder, self._owed = threading.Lock(), {}, _holder(), None

    def _purse(self, claim: Claim, day: str) -> _Purse:
        account = Account(claim.name, day)
        purse = self._purses.get(account)
        if purse is None:
            self._forget_old(day)
            share = claim.limit // self._n_holders if self._n_holders else 0
            purse = self._purses[account] = _Purse(account, claim.limit, share=share)
        purse.limit = claim.limit
        return purse

    def _forget_old(self, day: str) -> None:
        over = [a for a, p in self._purses.items() if a.day < day and not (p.leased or p.reserved or p.spent)]
        for account in over:
            del self._purses[account]
            if self._owed:
                self._owed.forget(account)

    def _take(self, purses: Sequence[_Purse], micros: int) -> Hold:
        for purse in purses:
            purse.reserved += micros
            purse.is_busy = True
            self._note(purse)
        return Hold(tuple([(purse, purse.age) for purse in purses]), micros)

    def _note(self, purse: _Purse) -> None:
        if self._owed:
            self._owed.note(purse.account, purse.owed)

    def _renew(self, purse: _Purse) -> Shortage | None:
        """Ask before spending from a lease that others may have ended: what it owed was counted then, and nothing may be added."""
        self._book(purse, keep=purse.limit // _AHEAD_SHARE)
        is_renewed = not purse.leased or self._now() < purse.until
        return None if is_renewed else Shortage(purse.account.name, purse.left, "its lease could not be renewed")

    def _borrow(self, purse: _Purse, micros: int) -> Shortage | None:
        with self._lock:
            need = micros - purse.idle
        if need <= 0:
            return None  # another thread has settled meanwhile
        ahead, until = min(_AHEAD_CALLS * micros, purse.limit // _AHEAD_SHARE), self._now() + LEASE_S
        try:
            self._owed = self._owed or self._store.owed(self._holder)
            grant = self._store.draw(purse.account, ask=need + ahead, least=need, limit=purse.limit, holder=self._holder, until=until)
        except StateError as exc:
            return self._go_alone(purse, micros, exc)
        with self._lock:
            purse.leased, purse.until = purse.leased + grant.micros, until
            self._note(purse)
            self._saw(purse, grant.standing)
            return None if grant.micros or purse.idle >= micros else Shortage(purse.account.name, purse.left)

    def _lapse(self) -> None:
        try:
            lost = self._store.lapse(self._now())
        except StateError:
            return self._was_away()
        if lost:
            _log.warning("$%.6f lent to processes that died now counts as spent", lost / 1e6)
        return None

    def _was_away(self) -> None:
        """Once the store is back, everybody first gets the time to renew."""
        self._lapse_from = self._clock() + LEASE_S

    def _go_alone(self, purse: _Purse, micros: int, why: StateError) -> Shortage | None:
        """Take from this process's share of what was left. Shares of all processes together never exceed it."""
        self._was_away()
        with self._lock:
            need = micros - purse.idle
            if not self._store.may_be_away or need > purse.share:
                return Shortage(purse.account.name, purse.left, str(why))
            purse.share -= need
            purse.leased += need
            purse.unbacked += need
        return None

    def _look(self, purse: _Purse) -> None:
        try:
            standing = self._store.standing(purse.account, self._holder)
        except StateError:
            return  # what was last seen must do; spending will find out
        with self._lock:
            self._saw(purse, standing)

    def _saw(self, purse: _Purse, standing: Standing) -> None:
        purse.others = standing.spent + standing.leased - standing.mine
        purse.share = max(0, purse.limit - standing.spent - standing.leased) // standing.n_holders
        purse.seen_at = self._clock()
        self._n_holders = standing.n_holders

    def _book(self, purse: _Purse, keep: int) -> None:
        with self._lock:
            spent, back = purse.spent, max(0, purse.idle - keep)
            purse.is_busy = False
            if not (spent or purse.leased or purse.reserved):
                return
            before = purse.leased
            purse.leased, purse.spent = max(0, purse.leased - spent - back), 0
            purse.booking += spent
        until = self._now() + LEASE_S
        try:
            standing = self._store.book(purse.account, spent=spent, back=back, holder=self._holder, until=until)
        except StateError:
            self._was_away()
            with self._lock:
                purse.booking -= spent
                purse.leased, purse.spent = purse.leased + min(before, spent + back), purse.spent + spent
            return
        with self._lock:
            purse.booking, purse.until = purse.booking - spent, until
            self._booked(purse, standing)
            self._note(purse)

    def _booked(self, purse: _Purse, standing: Standing | None) -> None:
        if standing is None:
            _log.warning("the lease on %s lapsed because this process stood still; all of it counts as spent", purse.account.name)
            purse.leased = purse.reserved = purse.unbacked = 0
            purse.age += 1
            return
        purse.leased, purse.unbacked = max(0, purse.leased - purse.unbacked), 0
        self._saw(purse, standing)


def _holder() -> str:
    return f"{os.getpid()}-{os.urandom(4).hex()}"
