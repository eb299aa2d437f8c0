"""Keeps one router in step with the others on its store: books what was spent, tells and learns which targets are unfit."""

from __future__ import annotations

import time
from collections.abc import Callable

from routerkit.budget import Budgets
from routerkit.errors import StateError
from routerkit.health import Ailment, HealthBoard
from routerkit.state.heart import Heart
from routerkit.state.interface import Notice, StateStore


class Sharing:
    """Works in a thread, once a second; requests never wait for it. The store must be one that processes share or that outlives them."""

    def __init__(
        self,
        store: StateStore,
        budgets: Budgets,
        health: HealthBoard,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin.

        Args:
            store: What is shared.
            budgets: Accounts of the router.
            health: Board of the router.
            clock: The board's clock.
            now: Unix time.
        """
        self._store, self._leases, self._health = store, budgets.leases, health
        self._clock, self._now = clock, now
        self._told: dict[str, float] = {}
        self._heart = Heart((self._leases.tick, self.exchange), on_fork=(store.after_fork, self._leases.after_fork))

    def exchange(self) -> None:
        """Tell what this process found out since the last time, and learn what others did."""
        to_unix = self._now() - self._clock()
        verdicts = self._health.verdicts()
        news = [Notice(name, v.state, v.until + to_unix, v.why) for name, v in verdicts.items() if self._told.get(name) != v.until]
        try:
            if news:
                self._store.post(news)
            known = self._store.notices(self._now())
        except StateError:
            return  # the store says so where it is asked for its troubles; here it is tried again in a second
        self._told = {name: v.until for name, v in verdicts.items()}
        for notice in known:
            if notice.target not in verdicts:
                self._health.adopt(notice.target, Ailment(notice.state, notice.until - to_unix, notice.why))

    def close(self) -> None:
        """Book what was spent, give back the rest, let go of the store."""
        self._heart.stop()
        self._leases.close()
        self._store.close()
