"""One worker of a race, run as a process of its own: `racing.py URL CALLS LIMIT` prints what it has spent so far, in micro-dollars.

A line per call, and at the end one with the number of calls that were let in at the pace of 30 a minute.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from routerkit.state.interface import Entry, Pace
from routerkit.state.leases import Claim, Hold, Leases
from routerkit.state.redis import RedisStore
from routerkit.state.sqlite import SqliteStore


def main(url: str, n_calls: int, limit: int) -> None:
    """Reserve, spend part of it, settle."""
    store = RedisStore(url) if url.startswith("redis:") else SqliteStore(Path(url.removeprefix("sqlite:")))
    leases, dice = Leases(store), random.Random()
    spent = admitted = 0
    for number in range(n_calls):
        hold = leases.reserve([Claim("agent:racer", limit)], dice.randrange(1, 2_000), "2027-01-15")
        if isinstance(hold, Hold):
            cost = dice.randrange(hold.micros + 1)
            leases.settle(hold, cost)
            spent += cost
            sys.stdout.write(f"{spent}\n")
            sys.stdout.flush()
        admitted += store.enter(Entry("key:racer", f"{dice.random()}", 1, 60.0), Pace(requests_per_minute=30)) is None
        if number % 50 == 0:
            leases.tick()
    leases.close()
    store.close()
    sys.stdout.write(f"{spent} {admitted}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
