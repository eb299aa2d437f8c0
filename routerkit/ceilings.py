"""How much of what a tenant asks may go to a strong target, however its requests are worded.

Prompts can be made to look hard (arXiv 2501.01818: a few fixed words send any query to the strong model), and hints are the caller's.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from routerkit.catalog import Pool, Target
from routerkit.decision import Decision
from routerkit.messages import Request
from routerkit.retry_budget import Fading
from routerkit.rules import Rule, When

WINDOW_S: Final = 3_600.0
RESERVE: Final = 3.0
"""Calls beyond the share that are always possible: a share of the first call would never allow it."""
MOST_TENANTS: Final = 10_000
"""Beyond them the one that has asked least recently is forgotten."""


Ceilings: TypeAlias = Mapping[str, Mapping[str, float]]
"""Pool → target → largest share, 0..1, of a tenant's calls within the last hour."""


class _Tally(NamedTuple):
    calls: Fading
    by_target: dict[str, Fading]


class Tallies:
    """Counts, per pool and tenant (the gateway's key, else the agent), what was sent where. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._tallies: OrderedDict[tuple[str, str], _Tally] = OrderedDict()

    def rules(self, request: Request, pool: Pool, ceilings: Ceilings, named: Target | None) -> tuple[Rule, ...]:
        """What a tenant gets that has used its share of a target: the target last, as a stand-in; refused when it is asked for by name."""
        shares, tally = ceilings.get(pool.name), self._tallies.get((pool.name, _tenant(request)))
        if shares is None or tally is None:
            return ()
        now = self._clock()
        allowed = {name: share * (tally.calls.value(now) + 1) + RESERVE for name, share in shares.items()}
        used_up = [name for name, used in list(tally.by_target.items()) if used.value(now) + 1 > allowed.get(name, math.inf)]
        return tuple(_rule(name, shares[name], pool, named) for name in used_up)

    def decided(self, request: Request, decision: Decision, ceilings: Ceilings) -> None:
        """A call begins."""
        if decision.pool not in ceilings or decision.picked is None:
            return
        key, now = (decision.pool, _tenant(request)), self._clock()
        with self._lock:
            tally = self._tallies.setdefault(key, _Tally(Fading(WINDOW_S), {}))
            self._tallies.move_to_end(key)
            if len(self._tallies) > MOST_TENANTS:
                self._tallies.popitem(last=False)
            tally.calls.add(1, now)
            tally.by_target.setdefault(decision.picked, Fading(WINDOW_S)).add(1, now)


def _rule(name: str, share: float, pool: Pool, named: Target | None) -> Rule:
    is_refused = named is not None and named.name == name
    others = tuple(target.name for target in pool.targets if target.name != name)
    title = f"at most {share:.0%} of a caller's requests go to {name}"
    return Rule(title, When(), only=others if is_refused else (), avoid=(name,), is_firm=True)


def _tenant(request: Request) -> str:
    return request.key or request.agent or ""
