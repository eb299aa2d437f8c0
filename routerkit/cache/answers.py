"""Finds answers, lets one of several equal requests ask, stores what may be stored."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from routerkit.cache.entry import Entry, from_bytes, to_bytes
from routerkit.cache.flights import MAX_FAILURES, Flight, Flights, Landing
from routerkit.cache.memory import Memory
from routerkit.cache.paraphrases import Paraphrases
from routerkit.cache.shelf import Shelf, ShelfThread
from routerkit.cache.tower import Clearance, Tower
from routerkit.cache.wish import Wish
from routerkit.messages import Reply, Request
from routerkit.waiting import Wait

_FETCH_S: Final = 0.25
"""Longest wait for a stored answer; what takes longer is asked for."""
_JITTER: Final = 0.1
"""Share by which lifetimes differ, so that answers made together do not expire together."""


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What is stored, and for how long."""

    ttl_s: float = 3_600.0
    """Lifetime of an answer, in seconds, give or take a tenth."""
    sampled: bool = False
    """Whether to store answers to requests whose temperature is not 0, which would be another one each time."""
    tool_calls: bool = False
    """Whether to store answers that call tools."""
    memory_bytes: int = 64 * 1024 * 1024
    """Size of what is kept in this process."""


Search: TypeAlias = "Generator[Wait, Any, Entry | Turn]"
"""Sent the result of each Wait, or None when it took too long; returns the answer, or the turn to ask for one."""


class AnswerCache:
    """Answers by key, in this process and perhaps on a shelf behind it. Thread-safe."""

    def __init__(
        self,
        settings: CacheSettings | None = None,
        shelf: ShelfThread[Shelf] | None = None,
        *,
        tower: Tower | None = None,
        paraphrases: Paraphrases | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Begin, with what the shelf holds.

        Args:
            settings: What is stored.
            shelf: Where answers outlive this process; None = nowhere.
            tower: Where processes learn who asks for all, on the same shelf; None = each process has one who asks.
            paraphrases: Prompts that an answer to another one may do for; None = only equal ones.
            now: Unix time.
        """
        self._settings, self._shelf, self._tower, self.paraphrases = settings or CacheSettings(), shelf, tower, paraphrases
        self._now = now
        self._memory = Memory(self._settings.memory_bytes)
        self._flights = Flights()

    def takes(self, request: Request) -> bool:
        """Whether answers to such requests may be stored at all."""
        return self._settings.sampled or request.temperature == 0

    def search(self, wish: Wish) -> Search:
        """Look for an answer, or wait for the one that an equal request is about to bring."""
        if wish.is_for_new:
            return Turn(self, wish)
        if entry := self._known(wish):
            return entry
        n_failed = 0
        while n_failed < MAX_FAILURES:
            flight, is_leader = self._flights.join(wish.key, n_failed)
            if is_leader:
                return (yield from self._look(wish, Turn(self, wish, flight)))
            landed = yield Wait(flight.future)
            if isinstance(landed, Entry):
                return landed
            if landed is None or landed is Landing.UNSHARED:
                break
            n_failed = flight.n_failed + (landed is Landing.FAILED)
        return Turn(self, wish)

    def keep(self, wish: Wish, reply: Reply) -> Entry | None:
        """Store an answer; None when it is of a kind that is not stored."""
        if not self._is_worth_keeping(reply):
            return None
        made_at = self._now()
        ttl_s = self._settings.ttl_s * random.uniform(1 - _JITTER, 1 + _JITTER)
        # What a provider wrote is in one caller's format; the next one may speak another.
        entry = Entry(replace(reply, written=None), made_at, made_at + ttl_s)
        data = to_bytes(entry)
        self._memory.put(wish.key, entry, len(data))
        if self._shelf is not None:
            self._shelf.store(wish.key, data, entry.expires_at)
        if self.paraphrases is not None and wish.alike is not None and not reply.tool_calls:
            self.paraphrases.note(wish.alike, wish.key)
        return entry

    def age_s(self, entry: Entry) -> float:
        """Seconds since the answer was made."""
        return max(0.0, self._now() - entry.made_at)

    def close(self) -> None:
        """Write what waits to be stored."""
        if self._tower is not None:
            self._tower.close()
        if self._shelf is not None:
            self._shelf.close()
        if self.paraphrases is not None:
            self.paraphrases.thread.close()

    def _look(self, wish: Wish, turn: Turn) -> Search:
        """What was stored before or just now, or is about to be; else the turn."""
        try:
            near = self._kept(wish) if self._tower is None else self._cleared(wish, turn, self._tower)
            found = (yield from near) or (yield from self._alike(wish))
        except BaseException:  # also a caller that goes away here
            turn.give_up()
            raise
        if found is None:
            return turn
        turn.land(found)
        return found if isinstance(found, Entry) else Turn(self, wish)

    def _cleared(self, wish: Wish, turn: Turn, tower: Tower) -> Generator[Wait, Any, Entry | Landing | None]:
        """The answer, UNSHARED where each is to ask for itself, or None: this one is to ask for those who wait."""
        if entry := self._known(wish):
            return entry
        found = yield from tower.clear(wish.key, turn.n_failed, partial(self._usable, wish))
        if not isinstance(found, Clearance):
            return found
        turn.lead(found)
        return None

    def _kept(self, wish: Wish) -> Generator[Wait, Any, Entry | None]:
        return self._known(wish) or (yield from self._stored(wish))

    def _alike(self, wish: Wish) -> Generator[Wait, Any, Entry | None]:
        """The answer to the same in other words. It is not kept under these: the next ones would be compared to words nobody answered."""
        if self.paraphrases is None or wish.alike is None:
            return None
        match = yield from self.paraphrases.find(wish.alike)
        if match is None or match.key == wish.key:
            return None
        entry = yield from self._kept(wish._replace(key=match.key))
        return entry and replace(entry, likeness=match.likeness)

    def _stored(self, wish: Wish) -> Generator[Wait, Any, Entry | None]:
        if self._shelf is None:
            return None
        data = yield Wait(self._shelf.fetch(wish.key), _FETCH_S)
        return None if data is None else self._usable(wish, data)

    def _usable(self, wish: Wish, data: bytes) -> Entry | None:
        entry = self._read(wish.key, data)
        if entry is None or self.age_s(entry) > wish.max_age_s:
            return None
        self._memory.put(wish.key, entry, len(data))
        return entry

    def _known(self, wish: Wish) -> Entry | None:
        entry = self._memory.get(wish.key, self._now())
        return None if entry is None or self.age_s(entry) > wish.max_age_s else entry

    def _read(self, key: str, data: bytes) -> Entry | None:
        try:
            entry = from_bytes(data)
        except ValueError:
            if self._shelf is not None:
                self._shelf.drop(key)
            return None
        return entry if entry.expires_at > self._now() else None

    def _is_worth_keeping(self, reply: Reply) -> bool:
        if reply.refusal or reply.verified is False:
            return False
        if reply.tool_calls or reply.finish_reason == "tool_calls":
            return self._settings.tool_calls and bool(reply.tool_calls)
        return reply.finish_reason == "stop" and bool(reply.text.strip())


class Turn:
    """Whose turn it is to ask. To be held while asking: those who wait learn how it ends, whatever happens."""

    def __init__(self, cache: AnswerCache, wish: Wish, flight: Flight | None = None) -> None:
        self._cache, self._wish, self._flight = cache, wish, flight

    def keep(self, reply: Reply) -> None:
        """Store the answer, if it is of a kind that is stored, and share it with those who wait."""
        entry = self._cache.keep(self._wish, reply)
        self.land(entry or Landing.UNSHARED)

    @property
    def n_failed(self) -> int:
        """Flights for the same callers that failed before."""
        return 0 if self._flight is None else self._flight.n_failed

    def lead(self, clearance: Clearance) -> None:
        """Ask for other processes, too."""
        if self._flight is not None:
            self._flight.clearance, self._flight.n_failed = clearance, clearance.n_failed

    def land(self, result: Entry | Landing) -> None:
        """Tell those who wait how it ended."""
        if self._flight is not None:
            self._flight.land(result)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.land(Landing.FAILED if isinstance(exc, Exception) else Landing.CANCELLED)

    def give_up(self) -> None:
        """Let another one ask."""
        self.land(Landing.CANCELLED)
