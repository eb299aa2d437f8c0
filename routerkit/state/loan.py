"""What `Leases` keeps of an account, and of each part of it that is set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from routerkit.state.interface import Account, Owed


class Claim(NamedTuple):
    """An account that must pay, and what it may pay a day, in micro-dollars."""

    name: str
    limit: int


@dataclass(slots=True, eq=False)
class Loan:
    """One account on one day, as far as this process has to do with it. All in micro-dollars."""

    account: Account
    limit: int
    leased: int = 0
    used: int = 0
    """Set aside, or spent and not yet booked."""
    spent: int = 0
    """Part of what is used that is settled."""
    booking: int = 0
    """Part of what was spent that is being booked right now."""
    n_booked: int = 0
    """How often something was booked."""
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
    def reserved(self) -> int:
        """Set aside for attempts of calls that go on."""
        return self.used - self.spent

    @property
    def idle(self) -> int:
        """Lent, and neither spent nor set aside."""
        return self.leased - self.used

    @property
    def left(self) -> int:
        """What the account may still spend today, as last seen; negative when overspent."""
        return self.limit - self.others - self.used


class Payers(NamedTuple):
    """Those of an attempt."""

    parts: tuple[tuple[Loan, int], ...]
    """Accounts, each with the age of its lease."""
    accounts: tuple[Account, ...]
    """Their names."""


class Loans(dict[tuple[str, str], Loan]):
    """All that a process has, by name and day: equal to an `Account`, and made in half the time."""

    def __init__(self, forget: Callable[[Account], None]) -> None:
        """Begin without any; `forget` is told of accounts that are dropped."""
        self._forget = forget
        self.known: dict[tuple[tuple[Claim, ...], str], Payers] = {}
        """Who pays, by claims and day, for two looks with every call; made anew once a limit or an age has changed."""
        self.n_holders = 0
        """How many shared an account when the store was last seen; 0 = never seen."""

    def payers(self, claims: tuple[Claim, ...], day: str) -> Payers:
        """Who pays an attempt."""
        found = self.known.get((claims, day))
        if found is None:
            loans = [self.loan(claim, day) for claim in claims]
            found = self.known[claims, day] = Payers(tuple([(p, p.age) for p in loans]), tuple([p.account for p in loans]))
        return found

    def loan(self, claim: Claim, day: str) -> Loan:
        """Of an account, with the limit that it has now."""
        loan = self.get((claim.name, day))
        if loan is None:
            self._drop_old(day)
            share, account = claim.limit // self.n_holders if self.n_holders else 0, Account(claim.name, day)
            loan = self[account] = Loan(account, claim.limit, share=share)
        if loan.limit != claim.limit:
            loan.limit = claim.limit
            self.known.clear()
        return loan

    def age(self, loan: Loan) -> None:
        """The lease of a loan has lapsed."""
        loan.age += 1
        self.known.clear()

    def _drop_old(self, day: str) -> None:
        over = [p.account for p in self.values() if p.account.day < day and not (p.leased or p.used)]
        for account in over:
            del self[account]
            self._forget(account)
        if over:
            self.known.clear()


@dataclass(slots=True, eq=False)
class Hold:
    """Money set aside for one attempt, on all its accounts."""

    parts: tuple[tuple[Loan, int], ...]
    """As those of `Payers`."""
    micros: int
    number: int
    """Of this process's attempts."""
    owed: Owed | None
    """Where it is noted, perhaps by the parent of this process; None = nowhere."""
    place: int
    """What the note is called there."""


class Shortage(NamedTuple):
    """Why nothing was set aside."""

    name: str
    """Account that cannot pay."""
    left: int
    """What it has left, in micro-dollars."""
    trouble: str | None = None
    """Set when it may have enough, but the store could not be asked."""
