"""Keeps one router in step with the others on its store: money, unfit targets, warm caches."""

from __future__ import annotations

import time
from collections.abc import Callable

from routerkit.budget import Budgets
from routerkit.errors import StateError
from routerkit.health import Ailment, HealthBoard
from routerkit.hearsay import Hearsay
from routerkit.messages import Request
from routerkit.state.heart import Heart
from routerkit.state.interface import Notice, StateStore
from routerkit.warmth import WarmBoard


class Sharing:
    """Works in a thread, once a second; requests wait only for news of their conversation. The store is shared or outlives the process."""

    def __init__(
        self,
        store: StateStore,
        budgets: Budgets,
        health: HealthBoard,
        warmth: WarmBoard,
        clock: Callable[[], float],
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin.

        Args:
            store: What is shared.
            budgets: Accounts of the router.
            health: Board of the router.
            warmth: Board of the router.
            clock: The boards' clock.
            now: Unix time.
        """
        self._store, self._leases, self._health = store, budgets.leases, health
        self._clock, self._now = clock, now
        self._hearsay = None if store.hints is None else Hearsay(store.hints, warmth)
        self._told: dict[str, float] = {}
        self._heart = Heart((self._leases.tick, self.exchange), on_fork=(store.after_fork, self._leases.after_fork))

    @property
    def hears(self) -> bool:
        """Whether others say anything of conversations."""
        return self._hearsay is not None

    def learn(self, request: Request) -> None:
        """Hear what others know of the request's conversation."""
        if self._hearsay is not None:
            self._hearsay.learn(request)

    async def alearn(self, request: Request) -> None:
        """Async twin of `learn`."""
        if self._hearsay is not None:
            await self._hearsay.alearn(request)

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
