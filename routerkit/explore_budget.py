"""What each policy has spent on exploring today. In this process only: it bounds curiosity, not money."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime

from routerkit.policy import Policy
from routerkit.record import Record


class ExploreBudget:
    """Charges calls that went to another target than the best one, whole, to the policy that sent them."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._day: date | None = None
        self._spent_usd: dict[str, float] = {}

    def left_usd(self, policy: Policy) -> float | None:
        """Dollars the policy may still spend today; None when it has no limit."""
        limit = policy.settings.explore_usd_per_day
        if limit is None:
            return None
        with self._lock:
            self._turn_day()
            return limit - self._spent_usd.get(policy.name, 0.0)

    def charge(self, record: Record) -> None:
        """Count the cost of a finished call, if it explored; what it was expected to cost where that is unknown."""
        decision = record.decision
        if not decision.is_exploring or decision.picked is None:
            return
        expected_usd = decision.candidate(decision.picked).cost_usd
        cost_usd = expected_usd if record.cost_usd is None else record.cost_usd
        with self._lock:
            self._turn_day()
            self._spent_usd[decision.policy] = self._spent_usd.get(decision.policy, 0.0) + (cost_usd or 0.0)

    def _turn_day(self) -> None:
        today = self._now().date()
        if today != self._day:
            self._day, self._spent_usd = today, {}
