"""What a keeper of shared state can do. Money is counted in whole micro-dollars, so that no cent drifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

from routerkit.state.hints import Hints


class Standing(NamedTuple):
    """How an account stands on one day, in micro-dollars."""

    spent: int
    """Settled for good."""
    leased: int
    """Lent to holders, this one included, who have not yet said what became of it."""
    mine: int
    """Part of `leased` that the asking holder has."""
    n_holders: int
    """Holders with a lease, at least 1."""


class Grant(NamedTuple):
    """Answer to a wish for money."""

    micros: int
    """What was lent on top of earlier leases; 0 = too little is left."""
    standing: Standing


class Account(NamedTuple):
    """An account on one UTC day."""

    name: str
    """`agent:NAME`, `key:ID` or `pool:NAME`."""
    day: str
    """`YYYY-MM-DD`."""


class AccountLine(NamedTuple):
    """One account as `routerkit budgets` lists it, in micro-dollars."""

    account: Account
    limit: int
    spent: int
    leased: int


class Pace(NamedTuple):
    """How fast a caller may ask; None = as fast as it likes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    at_once: int | None = None
    """Requests under way at the same time."""


class Entry(NamedTuple):
    """One request that wants in."""

    caller: str
    id: str
    """Unique; names the request when it leaves."""
    tokens: int
    """Tokens it may use, settled when it leaves."""
    hold_s: float
    """After so long it counts as left, should its process have died."""


class TooFast(NamedTuple):
    """Why a request may not enter now."""

    what: str
    """`requests`, `tokens` or `at_once`."""
    wait_s: float
    """After so many seconds asking again may help."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A target that some process found unfit."""

    target: str
    state: str
    """As `health.Ailment.state`."""
    until: float
    """Unix time."""
    why: str


UNKNOWN: Final = -1
"""Micro-dollars of an attempt under way that no account pays for."""


Note: TypeAlias = tuple[float, float, bytes]
"""Facts as they are noted: when the call and the attempt began, and the texts, of which the last are cut where room is short."""


class Facts(NamedTuple):
    """Of an attempt, as its process notes them before anything is sent. Texts are empty where unknown or none."""

    called_at: float
    """Unix time; also the next."""
    began_at: float
    record_id: str
    target: str
    model: str
    input_tokens: str
    pool: str
    agent: str
    key: str
    kind: str
    policy: str
    session: str

    def note(self) -> Note:
        """The facts as they are noted."""
        return self.called_at, self.began_at, (TEXTS % self[2:]).encode("utf-8", "surrogatepass")

    @classmethod
    def unpack(cls, called_at: float, began_at: float, packed: bytes) -> Facts:
        """The facts again, as far as they were kept."""
        texts = packed.decode("utf-8", "replace").split("\0") + [""] * len(cls._fields)
        return cls(called_at, began_at, *texts[: len(cls._fields) - 2])


TEXTS: Final = "\0".join(["%s"] * (len(Facts._fields) - 2))
"""How the texts of facts are noted, in their order."""


class Tried(NamedTuple):
    """An attempt of a call that never ended."""

    facts: Facts
    micros: int
    """What it cost or, while it was under way, may cost at most; micro-dollars, `UNKNOWN` = nobody knows."""


class Lost(NamedTuple):
    """Attempts of calls that a process had under way when it died."""

    ledger: Path
    """Folder of the ledger that it wrote."""
    holder: str
    """The process; no other ever has that name."""
    tried: tuple[Tried, ...]


class Owed(Protocol):
    """What one process owes on its leases: spent or set aside, and not yet booked. Outlives it."""

    def note(self, account: Account, micros: int, booking: int = 0, number: int = 0, last: int = 0) -> None:
        """Keep what finished attempts have spent and is not booked.

        Args:
            account: Whose money.
            micros: What was spent, what is being booked included.
            booking: What is being booked right now.
            number: Of that booking.
            last: Number of the last attempt that is part of `micros`; whether it has ended is known from here on.
        """
        ...

    def forget(self, account: Account) -> None:
        """The account has no lease any more, or another one than before."""
        ...

    def begin(self, number: int, accounts: tuple[Account, ...], micros: int, note: Note | None) -> int:
        """Keep that an attempt is under way and what it may cost, before it is sent; returns what to name it by from now on.

        Args:
            number: Of the attempt, from 1; never given twice.
            accounts: Who pays.
            micros: What each of them may pay at most.
            note: What it is; None = nobody will ask.
        """
        ...

    def amend(self, place: int, micros: int) -> None:
        """An attempt cost so much; its call goes on."""
        ...

    def end(self, place: int) -> None:
        """An attempt's call has ended and was recorded, and its money is part of what was noted for the accounts."""
        ...

    def leave(self) -> None:
        """This is a forked child: the notes are its parent's, and nothing is added to them."""
        ...

    def remove(self) -> None:
        """Nothing is owed any more."""
        ...


class StateStore(Protocol):
    """Keeps state. Thread-safe; every method is one atomic step and raises `StateError` when it cannot be reached."""

    is_shared: bool
    """Whether other processes see the same."""
    may_be_away: bool
    """Whether it can be lost while this process lives, which then goes on alone."""
    records_lost: bool
    """Whether calls that a process has under way when it dies get their row."""
    hints: Hints | None
    """Where processes tell each other which prompt caches are warm; None = each knows its own."""

    def draw(self, account: Account, *, ask: int, least: int, limit: int, holder: str, until: float) -> Grant:
        """Lend `ask` micro-dollars, or what is left if that is at least `least`, so that spent + leased <= limit; else nothing.

        Args:
            account: Whose money.
            ask: Wanted.
            least: What is of use.
            limit: Of the day.
            holder: Who borrows; what it has already is added to.
            until: Unix time after which the whole lease counts as spent, unless `book` renews it.
        """
        ...

    def book(self, account: Account, *, spent: int, back: int, holder: str, until: float, number: int = 0) -> Standing | None:
        """Turn `spent` of a lease into spending, take `back` back, renew the rest; None if the lease has lapsed, so is spent already.

        `number` counts the holder's bookings: by it an heir knows whether the last one was made.
        """
        ...

    def owed(self, holder: str) -> Owed | None:
        """Where a holder keeps what it owes, so that it is known when it dies; None = nowhere, and a lease it leaves is spent in full.

        Raises:
            StateError: it cannot be made.
        """
        ...

    def standing(self, account: Account, holder: str) -> Standing:
        """How the account stands."""
        ...

    def lapse(self, now: float) -> int:
        """End leases whose holders died or that ran out before `now`; returns the micro-dollars that count as spent.

        That is what the holder owed, where it is known, else the whole lease. Calls that it had under way get their row.
        """
        ...

    def correct(self, account: Account, what: str, micros: int) -> None:
        """Add to what an account has spent, or take from it; an account that was never used stays so.

        Args:
            account: Whose.
            what: Names the correction. One that was made before is replaced, so that repeating it changes nothing.
            micros: By how much; negative where too much was counted.
        """
        ...

    def accounts(self, day: str) -> tuple[AccountLine, ...]:
        """All accounts that were used on a day, by name."""
        ...

    def enter(self, entry: Entry, pace: Pace) -> TooFast | None:
        """Let a request in if all three paces allow it, counting it in all three or in none."""
        ...

    def leave(self, entry: Entry, pace: Pace, used_tokens: int) -> None:
        """A request has ended and used this many tokens."""
        ...

    def post(self, notices: Sequence[Notice]) -> None:
        """Tell others about unfit targets; of two notices about the same the later end counts."""
        ...

    def notices(self, now: float) -> tuple[Notice, ...]:
        """What is known about unfit targets and has not ended by `now`."""
        ...

    def trouble(self) -> str | None:
        """Why it cannot be reached, in one line without secrets; None when all is well."""
        ...

    def after_fork(self) -> None:
        """This is a new process: open connections of its own."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
