"""Equal requests at once: one asks, the others wait for its answer. Serves threads and event loops alike."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from enum import Enum, auto
from typing import Final, Protocol

from routerkit.cache.entry import Entry

MAX_FAILURES: Final = 2
"""So often one of the waiting asks for all; then each asks for itself."""


class Landing(Enum):
    """How a flight ended that brought no answer for the others."""

    FAILED = auto()
    CANCELLED = auto()
    UNSHARED = auto()
    """There is an answer, but of a kind that is not stored."""


class Landable(Protocol):
    """Wants to know how a flight ended."""

    def land(self, result: Entry | Landing) -> None:
        """It has."""
        ...


class Flight:
    """One request under way for all that are equal to it."""

    def __init__(self, flights: Flights, key: str, n_failed: int) -> None:
        self._flights, self._key = flights, key
        self.n_failed = n_failed
        """Flights for the same callers that failed before this one."""
        self.clearance: Landable | None = None
        """What other processes are told by; None = they are told nothing."""
        self.future: Future[Entry | Landing] = Future()
        self.future.set_running_or_notify_cancel()  # from now on no waiter can cancel it for the others

    def land(self, result: Entry | Landing) -> None:
        """End, once: later equal requests fly by themselves, those that wait are told."""
        if not self.future.done():
            self._flights.forget(self._key)
            self.future.set_result(result)
            if self.clearance is not None:
                self.clearance.land(result)


class Flights:
    """All flights of one cache, by key."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._lock = threading.Lock()

    def join(self, key: str, n_failed: int = 0) -> tuple[Flight, bool]:
        """The flight for this key, and whether the caller leads it and so has to land it."""
        with self._lock:
            found = self._flights.get(key)
            if found is not None:
                return found, False
            made = self._flights[key] = Flight(self, key, n_failed)
            return made, True

    def forget(self, key: str) -> None:
        """The flight for this key has ended."""
        with self._lock:
            self._flights.pop(key, None)
