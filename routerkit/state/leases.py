"""Money lent to this process, so that a reservation costs microseconds and the store is asked only now and then.

Each process borrows a little ahead of what it reserves, and every second says what it spent and returns what it does not need. A process
that dies takes its lease with it: `LEASE_S` later what it owed counts as spent, and all of the lease where nobody knows how much that was.
Why: docs/adr/0005.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import Final

from routerkit.errors import StateError
from routerkit.state.interface import Account, Note, Owed, Standing, StateStore
from routerkit.state.loan import Claim, Hold, Loan, Loans, Payers, Shortage
from routerkit.state.rounding import Rounding

__all__ = ["Claim", "Hold", "Leases", "Shortage"]

_log: Final = logging.getLogger(__name__)

LEASE_S: Final = 60.0
"""A holder that was not heard of for so long is dead."""
FRESH_S: Final = 1.0
"""What others did is looked up again after so long."""
_AHEAD_CALLS: Final = 100
_AHEAD_SHARE: Final = 100
"""Borrowed ahead: a hundred reservations, but never more than a hundredth of the day's limit; as much may be lost in a crash."""


class Leases:
    """Reserves and settles on accounts of one store. Thread-safe; no lock is held while the store is asked."""

    def __init__(self, store: StateStore, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self.store, self._clock, self._now = store, clock, now
        """The first is where the money is kept."""
        self._lock = threading.Lock()
        self._bookings = threading.Lock()
        """Held while something is booked: of two at once nobody could tell which was made."""
        self._holder = _holder()
        self._owed: Owed | None = None
        self._numbers = itertools.count(1)
        self._loans = Loans(self._forget)
        self._rounding = Rounding()
        self._lapse_from = 0.0

    def reserve(self, claims: Sequence[Claim], micros: int, day: str, note: Note | None = None) -> Hold | Shortage:
        """Set money aside on all accounts, or on none.

        Args:
            claims: Who pays; nobody = the attempt is only noted.
            micros: What the attempt may cost at most.
            day: UTC day on which it begins.
            note: Facts of the attempt, for its row should this process die.
        """
        if not claims and self._owed is None:
            with suppress(StateError):  # a call that costs no budget anything need not wait for somebody to know of it
                self._be_known()
        who = tuple(claims), day
        while True:
            with self._lock:
                payers, now = self._loans.known.get(who) or self._loans.payers(*who), self._now()
                for loan, _ in payers.parts:
                    if loan.leased - loan.used < micros or (now >= loan.until and self._is_late(loan)):
                        break
                else:
                    return self._take(payers, micros, note)
            problem = self._renew(loan) if self._is_late(loan) else self._borrow(loan, micros)
            if problem:
                return problem

    def cost(self, hold: Hold, payers: Hashable, usd: float) -> None:
        """The attempt cost so much; its call goes on, and until that is recorded it stays set aside.

        Args:
            hold: What was set aside for it.
            payers: Whose cents are rounded together: what this cost is rounded up by is left out of their next.
            usd: Dollars.
        """
        with self._lock:
            self._amend(hold, self._rounding.micros(payers, usd))

    def settle(self, hold: Hold, micros: int | None = None) -> None:
        """Replace what was set aside by what was spent; None = what it cost. Once a hold, when the call is recorded or nobody will be."""
        with self._lock:
            if micros is not None:
                self._amend(hold, micros)
            micros, owed = hold.micros, self._owed
            for loan, age in hold.parts:
                if age == loan.age:
                    loan.spent = spent = loan.spent + micros
                    if owed:
                        owed.note(loan.account, spent + loan.booking, loan.booking, loan.n_booked, hold.number)
            if hold.owed:
                hold.owed.end(hold.place)

    def charge(self, claims: Sequence[Claim], usd: float, day: str, note: Note | None = None) -> Hold:
        """Set aside dollars that were spent already, also beyond the limit; to be settled as any other."""
        with self._lock:
            claims = tuple(claims)
            return self._take(self._loans.payers(claims, day), self._rounding.micros(claims, usd), note)

    def left(self, claims: tuple[Claim, ...], day: str) -> tuple[int, str]:
        """What the tightest of some accounts, at least one, may still spend today, and its name.

        Returns:
            Micro-dollars as last seen, negative when overspent.
        """
        payers = self._loans.known.get((claims, day))
        if payers is None:
            with self._lock:
                payers = self._loans.payers(claims, day)
        stale_at, lefts = self._clock() - FRESH_S, []
        for loan, _ in payers.parts:
            if loan.seen_at <= stale_at:
                self._look(loan)
            lefts.append((loan.limit - loan.others - loan.used, loan.account.name))
        return min(lefts)

    def tick(self) -> None:
        """Book what was spent, return what is not needed, renew what is, and let the leases of the dead lapse. For once a second."""
        with self._lock:
            loans = list(self._loans.values())
        for loan in loans:
            self._book(loan, keep=loan.limit // _AHEAD_SHARE if loan.is_busy else 0)
        if self._clock() >= self._lapse_from:
            self._lapse()

    def close(self) -> None:
        """Book everything and return the rest. What is reserved stays lent, and lapses."""
        for loan in list(self._loans.values()):
            self._book(loan, keep=0)
        with self._lock:
            if self._owed and not any(p.leased or p.used for p in self._loans.values()):
                self._owed.remove()
                self._owed = None

    def after_fork(self) -> None:
        """A forked child owes nothing: the leases are its parent's."""
        if self._owed:
            self._owed.leave()
        self._lock, self._bookings, self._loans = threading.Lock(), threading.Lock(), Loans(self._forget)
        self._holder, self._owed, self._rounding = _holder(), None, Rounding()

    def _forget(self, account: Account) -> None:
        if self._owed:
            self._owed.forget(account)

    def _is_late(self, loan: Loan) -> bool:
        """Whether others may have ended its lease: what it owed was counted then, and nothing may be added."""
        return bool(self._owed and loan.leased and self._now() >= loan.until)

    def _take(self, payers: Payers, micros: int, note: Note | None) -> Hold:
        parts, number, owed = payers.parts, next(self._numbers), self._owed
        for loan, _ in parts:
            loan.used += micros
            loan.is_busy = True
        return Hold(parts, micros, number, owed, owed.begin(number, payers.accounts, micros, note) if owed else 0)

    def _amend(self, hold: Hold, micros: int) -> None:
        more, hold.micros = micros - hold.micros, micros
        for loan, age in hold.parts:
            if age == loan.age:
                loan.used += more
        if hold.owed:
            hold.owed.amend(hold.place, micros)

    def _note(self, loan: Loan) -> None:
        if self._owed:
            self._owed.note(loan.account, loan.spent + loan.booking, loan.booking, loan.n_booked)

    def _renew(self, loan: Loan) -> Shortage | None:
        """Ask before spending from a lease that others may have ended."""
        self._book(loan, keep=loan.limit // _AHEAD_SHARE)
        is_renewed = not loan.leased or self._now() < loan.until
        return None if is_renewed else Shortage(loan.account.name, loan.left, "its lease could not be renewed")

    def _borrow(self, loan: Loan, micros: int) -> Shortage | None:
        with self._lock:
            need = micros - loan.idle
        if need <= 0:
            return None  # another thread has settled meanwhile
        ahead, until = min(_AHEAD_CALLS * micros, loan.limit // _AHEAD_SHARE), self._now() + LEASE_S
        try:
            self._be_known(loan)
            grant = self.store.draw(loan.account, ask=need + ahead, least=need, limit=loan.limit, holder=self._holder, until=until)
        except StateError as exc:
            return self._go_alone(loan, micros, exc)
        with self._lock:
            loan.leased, loan.until = loan.leased + grant.micros, until
            self._saw(loan, grant.standing)
            return None if grant.micros or loan.idle >= micros else Shortage(loan.account.name, loan.left)

    def _be_known(self, loan: Loan | None = None) -> None:
        """Note the account before anything is lent, or all of it would count as spent if this process died now."""
        with self._lock:
            self._owed = self._owed or self.store.owed(self._holder)
            if loan is not None and not loan.leased:
                self._note(loan)

    def _lapse(self) -> None:
        try:
            lost = self.store.lapse(self._now())
        except StateError:
            return self._was_away()
        if lost:
            _log.warning("$%.6f lent to processes that died now counts as spent", lost / 1e6)
        return None

    def _was_away(self) -> None:
        """Once the store is back, everybody first gets the time to renew."""
        self._lapse_from = self._clock() + LEASE_S

    def _go_alone(self, loan: Loan, micros: int, why: StateError) -> Shortage | None:
        """Take from this process's share of what was left. Shares of all processes together never exceed it."""
        self._was_away()
        with self._lock:
            need = micros - loan.idle
            if not self.store.may_be_away or need > loan.share:
                return Shortage(loan.account.name, loan.left, str(why))
            loan.share -= need
            loan.leased += need
            loan.unbacked += need
        return None

    def _look(self, loan: Loan) -> None:
        try:
            standing = self.store.standing(loan.account, self._holder)
        except StateError:
            return  # what was last seen must do; spending will find out
        with self._lock:
            self._saw(loan, standing)

    def _saw(self, loan: Loan, standing: Standing) -> None:
        loan.others = standing.spent + standing.leased - standing.mine
        loan.share = max(0, loan.limit - standing.spent - standing.leased) // standing.n_holders
        loan.seen_at = self._clock()
        self._loans.n_holders = standing.n_holders

    def _book(self, loan: Loan, keep: int) -> None:
        with self._bookings:
            self._book_alone(loan, keep)

    def _book_alone(self, loan: Loan, keep: int) -> None:
        with self._lock:
            spent, back = loan.spent, max(0, loan.idle - keep)
            loan.is_busy = False
            if not (loan.used or loan.leased):
                return
            before = loan.leased
            loan.leased, loan.used, loan.spent, loan.booking = max(0, loan.leased - spent - back), loan.used - spent, 0, spent
            loan.n_booked += 1
            self._note(loan)
        until = self._now() + LEASE_S
        try:
            standing = self.store.book(loan.account, spent=spent, back=back, holder=self._holder, until=until, number=loan.n_booked)
        except StateError:
            self._was_away()
            with self._lock:
                loan.leased, loan.used = loan.leased + min(before, spent + back), loan.used + spent
                loan.spent, loan.booking = loan.spent + spent, 0
                self._note(loan)
            return
        with self._lock:
            loan.booking, loan.until = 0, until
            self._booked(loan, standing)
            self._note(loan)

    def _booked(self, loan: Loan, standing: Standing | None) -> None:
        if standing is None:
            _log.warning("the lease on %s lapsed because this process stood still; all of it counts as spent", loan.account.name)
            loan.leased = loan.unbacked = 0
            loan.used = loan.spent
            self._loans.age(loan)
            self._forget(loan.account)  # what attempts of before may cost was part of the lease
            return
        loan.leased, loan.unbacked = max(0, loan.leased - loan.unbacked), 0
        self._saw(loan, standing)


def _holder() -> str:
    return f"{os.getpid()}-{os.urandom(4).hex()}"
