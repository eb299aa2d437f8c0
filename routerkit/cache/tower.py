"""Equal requests in many processes: one asks, the others wait for its answer. In each of them `flights.py` has chosen who speaks for all.

Whoever asks renews its claim every second, so that it lapses soon after its process. The others look again and again: nothing that is lost
between two processes, not even Redis, makes one wait for longer than it has time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from hashlib import sha1
from typing import Any, Final, NamedTuple, Protocol, Self, TypeAlias

from routerkit.cache.entry import Entry
from routerkit.cache.flights import MAX_FAILURES, Landing
from routerkit.cache.shelf import Shelf, ShelfThread
from routerkit.state.heart import Heart
from routerkit.waiting import Wait

CLAIM_S: Final = 3.0
"""A process that did not renew its claim for so long is dead: three beats of its heart."""
_ANSWER_S: Final = 0.25
"""Longest wait for one look; without it the process goes on alone."""
_SOON_S, _LATE_S, _SHARE = 0.02, 0.25, 0.1
"""Those who wait look again after a tenth of what they have waited, within these bounds, so that it costs Redis little and them a tenth."""
_TOLD: Final = {Landing.FAILED: "failed", Landing.UNSHARED: "unshared"}
"""Landings that leave others more to know than that it is over."""


class Tag(NamedTuple):
    """A flight as the others see it."""

    token: str
    n_failed: int
    """Flights for the same callers that failed before this one, in all processes."""
    landing: str = ""
    """Empty = it is under way."""

    @classmethod
    def read(cls, text: str) -> Self:
        """What `str` wrote."""
        token, n_failed, *landing = text.split(" ")
        return cls(token, int(n_failed), *landing)

    def __str__(self) -> str:
        return f"{self.token} {self.n_failed}"


class Sight(NamedTuple):
    """What one look shows; neither = the looker leads from now on."""

    answer: bytes | None
    flight: str
    """Somebody else's; empty = none."""


class Claim(NamedTuple):
    """What a look is for."""

    flight: Tag
    followed: str = ""
    """Token of the flight that is waited for; how that one landed is of interest."""
    unwanted: str = ""
    """SHA-1 of an answer that will not do, in hexadecimal."""


class FlightShelf(Shelf, Protocol):
    """A shelf that also keeps who is about to bring answers."""

    def claim(self, key: str, claim: Claim) -> Sight:
        """The answer, else the flight that will bring it, else the asker's becomes that flight."""
        ...

    def renew(self, flights: Mapping[str, str]) -> None:
        """Flights by key that are still under way."""
        ...

    def land(self, key: str, flight: str, landing: str) -> None:
        """A flight has ended, if it is still the one for its key."""
        ...


Read: TypeAlias = Callable[[bytes], Entry | None]
Cleared: TypeAlias = "Entry | Clearance | Landing | None"


class Clearance:
    """One process's leave to ask for all."""

    def __init__(self, tower: Tower, key: str, flight: Tag) -> None:
        self._tower, self._key, self._flight = tower, key, str(flight)
        self.n_failed = flight.n_failed
        """Flights for the same callers that failed before, in all processes."""

    def land(self, result: Entry | Landing) -> None:
        """Tell the others how it ended; an answer for them was stored before."""
        self._tower.land(self._key, self._flight, _TOLD.get(result, "") if isinstance(result, Landing) else "")


class Tower:
    """Clears flights of one process, through the thread that goes to the shelf: what is stored before a landing is there after it."""

    def __init__(self, thread: ShelfThread[FlightShelf], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._thread, self._clock = thread, clock
        self._aloft: dict[str, str] = {}
        self._heart = Heart((self._renew,), on_fork=(self._aloft.clear,))

    def clear(self, key: str, n_failed: int, read: Read) -> Generator[Wait, Any, Cleared]:
        """Find the answer, the leave to ask for it, or somebody else who is about to bring it, and then wait for that.

        Args:
            key: Of the answer.
            n_failed: Flights for the same callers that failed before.
            read: Makes an entry of a stored answer; None = it will not do.

        Returns:
            The answer; the leave to ask for all; `UNSHARED` = each is to ask for itself; None = nobody can be reached, or the caller's
            time is up, in which it is not told any more what it waits for.
        """
        started, claim = self._clock(), Claim(_tag(n_failed))
        while (seen := (yield from self._claimed(key, claim))) is not None:
            if seen.answer is not None:
                if entry := read(seen.answer):
                    return entry
                claim = claim._replace(unwanted=sha1(seen.answer, usedforsecurity=False).hexdigest())
                continue
            if not seen.flight:
                return self._lead(key, claim.flight)
            claim = _after(claim, Tag.read(seen.flight))
            if claim.flight.n_failed >= MAX_FAILURES:
                return Landing.UNSHARED
            if claim.followed:
                yield Wait(Future(), min(max(_SOON_S, _SHARE * (self._clock() - started)), _LATE_S))
        return None

    def land(self, key: str, flight: str, landing: str = "") -> None:
        """A flight of this process has ended, or was never wanted."""
        self._aloft.pop(key, None)
        self._thread.ask(lambda shelf: shelf.land(key, flight, landing))

    def close(self) -> None:
        """Renew nothing more."""
        self._heart.stop()

    def _claimed(self, key: str, claim: Claim) -> Generator[Wait, Any, Sight | None]:
        try:
            seen: Sight | None = yield Wait(self._thread.ask(lambda shelf: shelf.claim(key, claim)), _ANSWER_S)
        except BaseException:  # a caller that goes away here
            self.land(key, str(claim.flight))
            raise
        if seen is None:
            self.land(key, str(claim.flight))  # it may be granted yet
        return seen

    def _lead(self, key: str, flight: Tag) -> Clearance:
        self._aloft[key] = str(flight)
        return Clearance(self, key, flight)

    def _renew(self) -> None:
        if aloft := self._aloft.copy():
            self._thread.ask(lambda shelf: shelf.renew(aloft))


def _tag(n_failed: int) -> Tag:
    return Tag(os.urandom(8).hex(), n_failed)


def _after(claim: Claim, other: Tag) -> Claim:
    """The claim to make next, after somebody else's flight was seen."""
    is_another = claim.followed not in {"", other.token}  # how the one before ended was missed, but it brought nothing
    n_failed = max(other.n_failed + bool(other.landing), claim.flight.n_failed + is_another)
    each_for_itself = other.landing == _TOLD[Landing.UNSHARED]
    return Claim(_tag(MAX_FAILURES if each_for_itself else n_failed), "" if other.landing else other.token, claim.unwanted)
