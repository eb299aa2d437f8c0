"""Spend per agent and UTC day, and the limits on it. In this process only; nothing survives a restart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime


class SpendBoard:
    """What each agent has spent today, in dollars."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._day: date | None = None
        self._spent: dict[str, float] = {}

    def add(self, agent: str | None, cost_usd: float | None) -> None:
        """Count the cost of one finished call."""
        if agent is None or not cost_usd:
            return
        with self._lock:
            self._turn_day()
            self._spent[agent] = self._spent.get(agent, 0.0) + cost_usd

    def left_usd(self, agent: str | None, budgets: Mapping[str, float]) -> float | None:
        """Dollars the agent may still spend today; None when it has no budget."""
        if agent is None or agent not in budgets:
            return None
        with self._lock:
            self._turn_day()
            return budgets[agent] - self._spent.get(agent, 0.0)

    def _turn_day(self) -> None:
        today = self._now().date()
        if today != self._day:
            self._day, self._spent = today, {}
