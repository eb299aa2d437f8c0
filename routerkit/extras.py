"""What pools send beyond one request per call: how much they may repeat, and when they hedge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeAlias

from routerkit.decision import Decision
from routerkit.hedging import MOST_INPUT_TOKENS, Paces
from routerkit.record import Record
from routerkit.retry_budget import RetryBudget

LateAfter: TypeAlias = Callable[[str], float | None]
"""Seconds after which an answer of the target of that name is late; None = nobody knows."""


class Extras:
    """Those of all pools of one router."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._repeats: dict[str, RetryBudget] = defaultdict(partial(RetryBudget, clock))
        self._paces = Paces()

    def repeats(self, pool: str) -> RetryBudget:
        """What the pool may repeat."""
        return self._repeats[pool]

    def late_after(self, decision: Decision, hedged: Collection[str], *, is_stream: bool) -> LateAfter | None:
        """When a call is late; None when it is not to be hedged.

        Args:
            decision: That of the call.
            hedged: Pools that ask for it.
            is_stream: Whether only the first content counts.
        """
        # The answers of a cascade are checked one after the other; racing them would pay for the dear one every time.
        if decision.pool not in hedged or decision.steps or decision.features.input_tokens > MOST_INPUT_TOKENS:
            return None
        return partial(self._paces.late_after_s, is_stream=is_stream)

    def ended(self, record: Record, hedged: Collection[str]) -> None:
        """A call has ended."""
        if record.decision.pool not in hedged:
            self._repeats[record.decision.pool].ended([attempt.cost_usd for attempt in record.attempts])
            return
        needed_first = sorted(record.attempts, key=lambda attempt: attempt.error_code == "outrun")
        self._repeats[record.decision.pool].ended([attempt.cost_usd for attempt in needed_first])
        for attempt in record.attempts:
            seconds = attempt.first_token_s if record.is_stream else attempt.latency_s
            if attempt.error is None and seconds is not None:
                self._paces.note(attempt.target, seconds, is_stream=record.is_stream)
