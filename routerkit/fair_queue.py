"""Who is next when there is not enough for all: by criticality, then fairly between tenants, then in the order they came."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from typing import Final, Literal

Priority = Literal["interactive", "agent", "batch"]
PRIORITIES: Final[tuple[Priority, ...]] = ("interactive", "agent", "batch")
"""What matters most first: somebody waits at a screen; a program waits; nobody waits."""
USUAL: Final[Priority] = "agent"
"""Of a request that does not say."""


@dataclass(order=True, slots=True)
class Ticket:
    """One place in a queue. Tickets compare by who is next."""

    rank: int
    """Index in `PRIORITIES`."""
    round: float
    """Which turn of its tenant this is, so that one with a hundred tickets does not come a hundred times before another's first."""
    number: int
    tenant: str = field(compare=False)
    is_shed: bool = field(default=False, compare=False)
    """Whether it lost its place to one that matters more."""


class FairQueue:
    """Tickets in order; not thread-safe.

    Source: start-time fair queueing (Goyal, Vin, Cheng 1996), where every ticket costs one.
    """

    def __init__(self) -> None:
        self._tickets: list[Ticket] = []
        self._round, self._number = 0.0, 0
        self._last: dict[str, float] = {}
        """Round of each waiting tenant's newest ticket."""

    def __len__(self) -> int:
        return len(self._tickets)

    def join(self, priority: Priority, tenant: str, *, at_most: int | None = None) -> Ticket | None:
        """A new ticket; None when so many wait already and all of them come before it, else the last of them is shed."""
        self._number += 1
        turn = max(self._round, self._last.get(tenant, 0.0)) + 1
        ticket = Ticket(PRIORITIES.index(priority), turn, self._number, tenant)
        if at_most is not None and len(self._tickets) >= at_most:
            last = self._tickets[-1]
            if last < ticket:
                return None
            self.leave(last)
            last.is_shed = True
        insort(self._tickets, ticket)
        self._last[tenant] = turn
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """It waits no longer, whether it was served, gave up or was shed."""
        if ticket.is_shed:
            return
        if self._tickets[0] is ticket:
            self._round = max(self._round, ticket.round)
        self._tickets.remove(ticket)
        left = [other.round for other in self._tickets if other.tenant == ticket.tenant]
        if left:
            self._last[ticket.tenant] = max(left)
        else:
            del self._last[ticket.tenant]

    def n_before(self, ticket: Ticket) -> int:
        """How many come before a ticket that waits."""
        return self._tickets.index(ticket)
