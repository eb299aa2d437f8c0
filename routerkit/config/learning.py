"""Learning from reports while the router runs: what the ledger says about production is put in force every minute or so."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from routerkit.config.rounds import Rounds
from routerkit.config.section import Section
from routerkit.errors import StoreError
from routerkit.record import Record, Report
from routerkit.router import Router
from routerkit.scorecard import now_utc
from routerkit.store import learn, raise_alarms

_log = logging.getLogger(__name__)


class OnlineSection(Section):
    """Learning from reports between two publications of the scorecard; without this section nothing is learned."""

    half_life_days: Annotated[float, Field(gt=0, le=3_650)] = 14.0
    """Age at which a report counts half."""
    on_drift: Literal["note", "widen", "demote"] = "widen"
    outcomes_per_false_alarm: Annotated[float, Field(ge=10, le=1e9)] = 1_000.0
    every_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """How often a running router looks at the ledger."""


class ReportWatch:
    """Keeps a router's `experience` fresh. Give it to the Router as an observer, so that closing the router ends it.

    All workers read the same ledger, so they believe the same, also after a restart. A ledger that cannot be read changes nothing and is
    mentioned once.
    """

    def __init__(self, folder: Path, section: OnlineSection, *, now: Callable[[], datetime] = now_utc) -> None:
        self._folder, self._section, self._now = folder, section, now
        self._router: Callable[[], Router | None] = lambda: None
        self._rounds = Rounds("routerkit-reports", self.look, every_s=section.every_s, is_due_at_once=True)
        self._trouble = ""

    def start(self, router: Router) -> None:
        """Teach this router from now on."""
        self._router = weakref.ref(router)
        self._rounds.start(router)

    def look(self) -> bool:
        """Look once; whether the router was taught."""
        router = self._router()
        if router is None:
            return False
        try:
            self._teach(router)
        except StoreError as exc:
            if str(exc) != self._trouble:
                _log.warning("reports are not looked at, what was learned stays: %s", exc)
            self._trouble = str(exc)
            return False
        self._trouble = ""
        return True

    def _teach(self, router: Router) -> None:
        section, card, now = self._section, router.state.scorecard, self._now()
        experience, drifts = learn(
            self._folder,
            card,
            now=now,
            half_life=timedelta(days=section.half_life_days),
            on_drift=section.on_drift,
            outcomes_per_false_alarm=section.outcomes_per_false_alarm,
        )
        for cell in experience.alarms.keys() - router.experience.alarms.keys():
            _log.warning("%s drifted on %s: %s", cell[0], cell[1] or "unknown", "; ".join(a.said for a in experience.alarms[cell]))
        router.experience = experience
        raise_alarms(self._folder, drifts, card, now=now)

    def observe(self, event: Record | Report) -> None:
        """The ledger tells; single calls are of no interest here."""

    def close(self) -> None:
        """Look no more."""
        self._rounds.end()
