"""Tickets: what identifies one decision, with an id that sorts by time."""

from __future__ import annotations

import os
import random
from datetime import datetime

from routerkit.experiment import Arm
from routerkit.policy import Ticket
from routerkit.quick import tupler

_ticket = tupler(Ticket)
_IDS = random.Random()
"""Makes record ids; seeded by the system, and anew after a fork. Asking the system for each id costs up to 80 µs."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_IDS.seed)


def new_ticket(at: datetime, seed: int, config_revision: str, arm: Arm | None = None) -> Ticket:
    """Ticket of a decision made at this instant, with an id nobody else has."""
    return _ticket((f"{int(at.timestamp() * 1000):011x}{_IDS.getrandbits(48):012x}", at, seed, config_revision, arm))
