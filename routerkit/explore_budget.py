"""What each policy has spent on exploring today. In this process only, like `budget`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from routerkit.budget import SpendBoard
from routerkit.policy import Policy
from routerkit.record import Record


class ExploreBudget:
    """Charges calls that went to another target than the best one, whole, to the policy that sent them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._spent = SpendBoard(now)

    def left_usd(self, policy: Policy) -> float | None:
        """Dollars the policy may still spend today; None when it has no limit."""
        limit = policy.settings.explore_usd_per_day
        return None if limit is None else self._spent.left_usd(policy.name, {policy.name: limit})

    def charge(self, record: Record) -> None:
        """Count the cost of a finished call, if it explored; what it was expected to cost where that is unknown."""
        decision = record.decision
        if decision.is_exploring and decision.picked is not None:
            expected_usd = decision.candidate(decision.picked).cost_usd
            self._spent.add(decision.policy, expected_usd if record.cost_usd is None else record.cost_usd)
