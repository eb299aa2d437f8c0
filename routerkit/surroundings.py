"""What surrounds the attempts of one call: the time, the dice, the targets' health and places, and what the call may spend."""

from __future__ import annotations

import random
from collections.abc import Callable

from routerkit.budget import Purse
from routerkit.catalog import Target
from routerkit.errors import ProviderError
from routerkit.extras import LateAfter
from routerkit.fair_queue import USUAL, Priority
from routerkit.health import Caller, HealthBoard
from routerkit.lanes import Lanes
from routerkit.retry_budget import RetryBudget


class Surroundings:
    """What attempts may ask, and whom they tell how they ended. A `Call` is this to its own attempts."""

    purse: Purse | None = None
    """Pays for every attempt; None = no budget applies."""
    repeats: RetryBudget | None = None
    """Of the call's pool; None = repeat as often as `Retry` says."""
    late_after: LateAfter | None = None
    """When a second target is asked as well; None = never."""

    def __init__(self, clock: Callable[[], float], rng: random.Random, health: HealthBoard, lanes: Lanes) -> None:
        self.clock, self.rng = clock, rng
        self.health, self.lanes = health, lanes

    @property
    def caller(self) -> Caller | None:
        """Whose request it is; None = nobody knows."""
        return None

    @property
    def priority(self) -> Priority:
        """How much the call matters.

        Raises:
            ProviderError: `invalid_request`, the request says something else than it may.
        """
        return USUAL

    @property
    def tenant(self) -> str:
        """With whom the call shares a turn."""
        return ""

    def is_free(self, target: Target) -> bool:
        """Whether the target may be asked at once, as far as its pace and its places go."""
        if target.name in self.health.ailing and self.health.limited_until(target.name):
            return False
        return self.lanes.has_room(target.name, target.at_once)

    def went_wrong(self, target: str, error: ProviderError) -> None:
        """An attempt failed. A target that turns one call away while it serves others is full, not ill, and not to be left alone."""
        is_full = error.code == "rate_limit" and error.retry_after_s is None and self.lanes.refused(target)
        if is_full:
            self.health.abandoned(target, self.clock())
        else:
            self.health.failed(target, error, self.caller)
