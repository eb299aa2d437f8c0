"""Learning from reports while the router runs: what the ledger says about production is put in force every minute or so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from routerkit.config.ledger_watch import LedgerWatch
from routerkit.config.section import Section
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


def report_watch(folder: Path, section: OnlineSection, *, now: Callable[[], datetime] = now_utc) -> LedgerWatch:
    """What keeps a router's `experience` fresh."""
    teach = partial(_teach, folder, section, now)
    return LedgerWatch("routerkit-reports", teach, every_s=section.every_s, otherwise="reports are not looked at, what was learned stays")


def _teach(folder: Path, section: OnlineSection, clock: Callable[[], datetime], router: Router) -> bool:
    card, now = router.state.scorecard, clock()
    experience, drifts = learn(
        folder,
        card,
        now=now,
        half_life=timedelta(days=section.half_life_days),
        on_drift=section.on_drift,
        outcomes_per_false_alarm=section.outcomes_per_false_alarm,
    )
    for cell in experience.alarms.keys() - router.experience.alarms.keys():
        _log.warning("%s drifted on %s: %s", cell[0], cell[1] or "unknown", "; ".join(a.said for a in experience.alarms[cell]))
    router.experience = experience
    raise_alarms(folder, drifts, card, now=now)
    return True
