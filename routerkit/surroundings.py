"""What surrounds the attempts of one call: the time, the dice, the targets' health and places, and what the call may spend."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from routerkit.budget import Purse
from routerkit.errors import ProviderError
from routerkit.extras import LateAfter
from routerkit.fair_queue import PRIORITIES, USUAL, Priority
from routerkit.health import Caller, HealthBoard
from routerkit.lanes import Lanes
from routerkit.messages import Request
from routerkit.quick import quick
from routerkit.retry_budget import RetryBudget


@quick
@dataclass(frozen=True, slots=True)
class Surroundings:
    """What attempts may ask, and whom they tell how they ended."""

    clock: Callable[[], float]
    rng: random.Random
    health: HealthBoard
    lanes: Lanes
    purse: Purse | None = None
    """Pays for every attempt; None = no budget applies."""
    repeats: RetryBudget | None = None
    """Of the call's pool; None = repeat as often as `Retry` says."""
    caller: Caller | None = None
    request: Request | None = None
    """What the call is about; None = nobody knows how much it matters."""
    late_after: LateAfter | None = None
    """When a second target is asked as well; None = never."""

    def of_call(
        self, request: Request, purse: Purse | None, repeats: RetryBudget, caller: Caller, late_after: LateAfter | None
    ) -> Surroundings:
        """The same for one call."""
        return Surroundings(self.clock, self.rng, self.health, self.lanes, purse, repeats, caller, request, late_after)

    @property
    def priority(self) -> Priority:
        """How much the call matters.

        Raises:
            ProviderError: `invalid_request`, the request says something else.
        """
        wanted = USUAL if self.request is None else self.request.priority
        if wanted not in PRIORITIES:
            raise ProviderError(f"priority is {wanted!r}; it must be one of {', '.join(PRIORITIES)}", code="invalid_request")
        return wanted

    @property
    def tenant(self) -> str:
        """With whom the call shares a turn: the gateway's key it came with, else its agent."""
        return "" if self.request is None else self.request.key or self.request.agent or ""

    def succeeded(self, target: str, latency_s: float) -> None:
        """An attempt ended well."""
        self.health.succeeded(target, latency_s, self.caller)
        self.lanes.answered(target)

    def failed(self, target: str, error: ProviderError) -> None:
        """An attempt failed. A target that turns one call away while it serves others is full, not ill, and not to be left alone."""
        is_full = error.code == "rate_limit" and error.retry_after_s is None and self.lanes.refused(target)
        if is_full:
            self.health.abandoned(target, self.clock())
        else:
            self.health.failed(target, error, self.caller)
