"""When a call is late enough to ask a second target as well, and which one (hedging; off until a pool asks for it).

Source: Dean and Barroso, The Tail at Scale (2013): a second request after the 95th percentile costs 5 % more and cuts the tail.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from routerkit.catalog import Target
from routerkit.errors import ProviderError

LATE_SHARE: Final = 0.95
WINDOW_CALLS: Final = 200
"""Newest answers of a target that say how long one takes."""
FEWEST_CALLS: Final = 20
"""Answers without which nobody knows what late is: the 95th percentile of fewer is the slowest one."""
MOST_INPUT_TOKENS: Final = 16_000
"""Longer prompts are not sent twice: their providers bill the loser's prompt in full."""


@dataclass(slots=True)
class Hedge:
    """The second target of one attempt."""

    target: Target
    after_s: float
    """How long the first one may take before the second is asked."""
    error: ProviderError | None = None
    """How the second failed, if both did."""


class Paces:
    """How long answers of each target take: whole ones to their end, streams to their first content. Threads may share it."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, bool], deque[float]] = {}

    def note(self, target: str, seconds: float, *, is_stream: bool) -> None:
        """An answer took so long."""
        self._seconds.setdefault((target, is_stream), deque(maxlen=WINDOW_CALLS)).append(seconds)

    def late_after_s(self, target: str, *, is_stream: bool) -> float | None:
        """Seconds that 19 of 20 answers do not take; None while too few are known."""
        known = sorted(self._seconds.get((target, is_stream), ()))
        return known[int(LATE_SHARE * len(known))] if len(known) >= FEWEST_CALLS else None
