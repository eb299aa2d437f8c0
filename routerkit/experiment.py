"""Experiments: which policy a session gets, by a hash of its key, so that it keeps it without anything being stored.

Source of the assignment: TensorZero, `experimentation/mod.rs` (uniform value = SHA-256 of function and episode).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from routerkit.messages import Request, text_of

_KEY_CHARS: Final = 4_000
"""How much of a conversation's first message tells it from others where it has no session."""


class Arm(NamedTuple):
    """What one request was assigned in an experiment."""

    experiment: str
    variant: str
    share: float
    """Of all units, 0..1: the probability of having been dealt what this one was."""
    unit: str
    """Short hash of what was assigned: all requests of one session share it, and analysis counts it once."""
    ending: str = ""
    """Why this was not dealt but settled by what the experiment has shown; such calls say nothing more about it."""


class Ending(NamedTuple):
    """What an experiment has shown for certain."""

    moves: Mapping[str, str]
    """Variant dealt → variant given instead."""
    why: str


@dataclass(frozen=True, slots=True)
class Ramp:
    """How the shares of all variants but the first grow: from nothing at `start`, evenly, to their full size."""

    start: datetime
    """UTC-aware."""
    length: timedelta

    def grown(self, at: datetime) -> float:
        """Part of the full shares that is in force, 0..1."""
        return min(1.0, max(0.0, (at - self.start) / self.length))


@dataclass(frozen=True, slots=True)
class Experiment:
    """Several policies for one pool."""

    name: str
    """Also the salt: another name deals the sessions anew."""
    policies: Mapping[str, str]
    """Variant → policy; the first variant is what the others are compared with, and gets what they leave."""
    shares: Mapping[str, float]
    """Variant → share of the units, 0..1, of all but the first."""
    ramp: Ramp | None = None
    settle_within: float | None = None
    """Difference in successes, 0..1, that does not matter when it ends by itself, see `trial.settled`; None = people end it."""
    ending: Ending | None = None
    """What has been settled while it ran; None = nothing."""

    def assign(self, key: str, at: datetime) -> Arm:
        """The variant of this key: the one dealt to it, or what has been settled on instead."""
        dealt = self._deal(key, at)
        if self.ending is None or dealt.variant not in self.ending.moves:
            return dealt
        return dealt._replace(variant=self.ending.moves[dealt.variant], ending=self.ending.why)

    def _deal(self, key: str, at: datetime) -> Arm:
        """While shares grow, a key may move from the first variant to its own, never elsewhere."""
        import hashlib  # loads OpenSSL, which a router without experiments does not need

        digest = hashlib.sha256(f"{self.name}\0{key}".encode("utf-8", "surrogatepass")).digest()
        place, unit = int.from_bytes(digest[:8]) / 2**64, digest[8:14].hex()
        grown = 1.0 if self.ramp is None else self.ramp.grown(at)
        begin = 0.0
        for variant, share in self.shares.items():
            if begin <= place < begin + share * grown:
                return Arm(self.name, variant, share * grown, unit)
            begin += share
        return Arm(self.name, next(iter(self.policies)), 1.0 - grown * sum(self.shares.values()), unit)


def unit_of(request: Request) -> str:
    """What is assigned as one: the session, else the conversation, known by its first message from the user."""
    if request.session is not None:
        return session_unit(request.session)
    first = next((m.get("content") for m in request.messages if m.get("role") == "user"), "")
    return f"conversation {text_of(first)[:_KEY_CHARS]}"


def session_unit(session: str) -> str:
    """What is assigned as one for all requests of a session."""
    return f"session {session}"
