"""How much a pool may repeat: a tenth of its requests and of its dollars in the last minute, and a few more where there is little traffic.

Without it every caller's two repetitions triple the load on a provider that is down for everybody.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

EXTRA_SHARE: Final = 0.1
"""Of requests and of dollars (SRE book, chapter 21: 10 % for each client turn three times the load into 1.1 times)."""
WINDOW_S: Final = 60.0
RESERVE: Final = 3.0
"""Repetitions that are always possible, in `RESERVE_S`: a share of one request a minute would never allow any (Finagle)."""
RESERVE_S: Final = 10.0
_RENEWED_S: Final = 10 * WINDOW_S
"""After so long weights begin at 1 again, or they would outgrow what a number can hold."""
FAILOVER_DRAW: Final = 0.5
"""Going to a target that was not tried yet costs half a repetition. It is counted and never refused: it is what saves the call."""


class Fading:
    """A sum that forgets: what was added fades with a time constant instead of leaving a window, so that two numbers are all it takes."""

    __slots__ = ("_at", "_fade_s", "_sum")

    def __init__(self, fade_s: float) -> None:
        self._fade_s, self._sum, self._at = fade_s, 0.0, 0.0

    def add(self, amount: float, now: float) -> None:
        """Count this in."""
        self._sum, self._at = self.value(now) + amount, now

    def value(self, now: float) -> float:
        """What is left of it."""
        return self._sum * math.exp((self._at - now) / self._fade_s) if self._sum else 0.0


class RetryBudget:
    """What one pool may repeat. Threads may share it: two that add at the same instant lose a tenth of a repetition at most.

    What is done for every call fades as in `Fading`; but instead of letting all that was shrink, what happens now is given as much more
    weight: only proportions matter (forward decay: Cormode, Shkapenyuk, Srivastava and Xu, 2009).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._since = clock, 0.0
        self._requests = self._extras = self._usd = self._extra_usd = 0.0
        self._reserve_used = Fading(RESERVE_S)

    def failed_over(self) -> None:
        """A call goes on with the next target."""
        self._extras += FAILOVER_DRAW * self._weight()

    def may_repeat(self) -> bool:
        """Whether a call may ask a target again that failed it; if so, it is counted as doing it."""
        if self.may_hedge():
            return True
        now = self._clock()
        if self._reserve_used.value(now) + 1 > RESERVE:
            return False
        self._reserve_used.add(1, now)
        return True

    def may_hedge(self) -> bool:
        """As `may_repeat` for a second target of a late call, which has no reserve: it makes calls faster, it does not save them."""
        weight = self._weight()
        if self._extras + weight <= EXTRA_SHARE * self._requests and self._extra_usd <= EXTRA_SHARE * self._usd:
            self._extras += weight
            return True
        return False

    def ended(self, usd: float | None = None, *extra_usd: float | None) -> None:
        """A call has ended whose first attempt cost so many dollars, and those after it so many; what is unknown counts as nothing."""
        weight = self._weight()
        self._requests += weight
        if extra_usd:
            more_usd = sum(filter(None, extra_usd))
            self._extra_usd += weight * more_usd
            usd = (usd or 0.0) + more_usd
        self._usd += weight * (usd or 0.0)

    def _weight(self) -> float:
        """What something counts that happens now."""
        since_s = self._clock() - self._since
        if since_s < _RENEWED_S:
            return math.exp(since_s / WINDOW_S)
        left = math.exp(-since_s / WINDOW_S)
        self._since += since_s
        self._requests *= left
        self._extras *= left
        self._usd *= left
        self._extra_usd *= left
        return 1.0
