"""What pools bound or add beyond one request per call: how much they may repeat, when they hedge, and what goes to strong targets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from functools import partial
from operator import attrgetter
from typing import Final, Protocol, TypeAlias

from routerkit.catalog import Pool, Target
from routerkit.ceilings import Ceilings, Tallies
from routerkit.decision import Decision
from routerkit.hedging import MOST_INPUT_TOKENS, Paces
from routerkit.messages import Request
from routerkit.record import Record
from routerkit.retry_budget import RetryBudget
from routerkit.rules import Rule

LateAfter: TypeAlias = Callable[[str], float | None]
"""Seconds after which an answer of the target of that name is late; None = nobody knows."""
_cost: Final = attrgetter("cost_usd")


class Bounds(Protocol):
    """What configuration says of it."""

    @property
    def hedged(self) -> Collection[str]:
        """Pools whose late calls ask a second target as well."""
        ...

    @property
    def ceilings(self) -> Ceilings:
        """Pool → target → largest share of a tenant's requests."""
        ...


class Extras:
    """Those of all pools of one router."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.repeats: Mapping[str, RetryBudget] = defaultdict(partial(RetryBudget, clock))
        """What each pool may repeat."""
        self._paces = Paces()
        self._tallies = Tallies(clock)

    def rules(self, request: Request, pool: Pool, state: Bounds, named: Target | None) -> tuple[Rule, ...]:
        """What bounds say of a request; `named` is the target that it asks for by name."""
        return self._tallies.rules(request, pool, state.ceilings, named) if state.ceilings else ()

    def begin(self, request: Request, decision: Decision, state: Bounds, *, is_stream: bool) -> LateAfter | None:
        """A call begins; need not be told while nothing is hedged and nothing has a ceiling.

        Returns:
            When it is late, to its first content if it is a stream; None when it is not to be hedged.
        """
        if state.ceilings:
            self._tallies.decided(request, decision, state.ceilings)
        # The answers of a cascade are checked one after the other; racing them would pay for the dear one every time.
        if decision.pool not in state.hedged or decision.steps or decision.features.input_tokens > MOST_INPUT_TOKENS:
            return None
        return partial(self._paces.late_after_s, is_stream=is_stream)

    def ended(self, record: Record, state: Bounds) -> None:
        """A call has ended."""
        pool, attempts = record.decision.pool, record.attempts
        if pool in state.hedged:
            attempts = tuple(sorted(attempts, key=lambda attempt: attempt.error_code == "outrun"))  # the one that was needed comes first
            self._note_paces(record)
        self.repeats[pool].ended(*map(_cost, attempts))

    def _note_paces(self, record: Record) -> None:
        for attempt in record.attempts:
            seconds = attempt.first_token_s if record.is_stream else attempt.latency_s
            if attempt.error is None and seconds is not None:
                self._paces.note(attempt.target, seconds, is_stream=record.is_stream)
