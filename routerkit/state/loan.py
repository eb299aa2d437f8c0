"""What `Leases` keeps of an account, and of each part of it that is set aside."""

from __future__ import annotations

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
    reserved: int = 0
    spent: int = 0
    """Settled, but not yet booked."""
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
    def idle(self) -> int:
        """Lent, and neither spent nor set aside."""
        return self.leased - self.reserved - self.spent

    @property
    def left(self) -> int:
        """What the account may still spend today, as last seen; negative when overspent."""
        return self.limit - self.others - self.reserved - self.spent


@dataclass(slots=True, eq=False)
class Hold:
    """Money set aside for one attempt, on all its accounts."""

    parts: tuple[tuple[Loan, int], ...]
    """Accounts, each with the age of its lease."""
    micros: int
    number: int
    """Of this process's attempts."""
    owed: Owed | None
    """Where it is noted, perhaps by the parent of this process; None = nowhere."""
    slot: int
    """What the note is called there."""


class Shortage(NamedTuple):
    """Why nothing was set aside."""

    name: str
    """Account that cannot pay."""
    left: int
    """What it has left, in micro-dollars."""
    trouble: str | None = None
    """Set when it may have enough, but the store could not be asked."""
