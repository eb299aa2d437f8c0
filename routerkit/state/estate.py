"""What a process left behind: the money it owed on each account, and the attempts of calls that never ended."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from routerkit.state.interface import Account, Facts, Lost, Tried
from routerkit.state.owed import ATTEMPT_BYTES, ATTEMPTS_AT, BOOT_BYTES, FILE_BYTES, HEAD, PLACE_BYTES, SLOT, boot, digest, try_lock


class _Slot(NamedTuple):
    micros: int
    booking: int
    number: int
    last: int
    whose: bytes


class _Attempt(NamedTuple):
    number: int
    micros: int
    slots: tuple[int, ...]
    facts: Facts


class Estate:
    """An `OwedFile` as it was left. Pages of another boot may be older than the database, so they say nothing; nor do another release's."""

    def __init__(self, pages: bytes) -> None:
        is_known = len(pages) == FILE_BYTES and pages[:BOOT_BYTES] == boot() and any(pages[:BOOT_BYTES])
        self._slots = [_Slot(*fields) for fields in SLOT.iter_unpack(pages[BOOT_BYTES + PLACE_BYTES : ATTEMPTS_AT])] if is_known else []
        self._attempts = _attempts(pages) if is_known else []
        self._ledger = pages[BOOT_BYTES : BOOT_BYTES + PLACE_BYTES].rstrip(b"\0")

    def owed(self, account: Account, n_booked: int) -> int | None:
        """What the process owed on an account, in micro-dollars; None = unknown.

        Args:
            account: Whose.
            n_booked: Number of its last booking that the store knows.
        """
        name = digest(account)
        index, slot = next(((i, s) for i, s in enumerate(self._slots) if s.whose == name), (0, None))
        if slot is None:
            return None
        finished = slot.micros - (slot.booking if n_booked >= slot.number else 0)
        # The last attempt that was added to what is finished may not have been taken away from what is under way.
        return finished + sum(a.micros for a in self._attempts if index + 1 in a.slots and a.number != slot.last)

    def lost(self, holder: str) -> Lost | None:
        """The calls that never ended; None where there are none, or no ledger that should know of them."""
        tried = tuple([Tried(a.facts, a.micros) for a in self._attempts if a.facts.record_id])
        return Lost(Path(os.fsdecode(self._ledger)), holder, tried) if tried and self._ledger else None


def read_estate(path: Path) -> Estate:
    """What a process, dead or alive, says now."""
    try:
        return Estate(path.read_bytes())
    except OSError:
        return Estate(b"")


@contextmanager
def opened(path: Path) -> Iterator[Estate | None]:
    """What a dead process left, for one heir at a time; None while it lives or another heir is at work. The file is removed afterwards."""
    try:
        fd = os.open(path, os.O_RDWR)
    except OSError:
        yield None
        return
    try:
        if not try_lock(fd):
            yield None
            return
        yield read_estate(path)
        path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def left_behind(folder: Path) -> Sequence[Path]:
    """Files of all processes, dead and alive."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return ()


def _attempts(pages: bytes) -> list[_Attempt]:
    found = []
    for at in range(ATTEMPTS_AT, len(pages), ATTEMPT_BYTES):
        number, micros, *slots, called_at, began_at, size = HEAD.unpack_from(pages, at)
        if number:
            facts = Facts.unpack(called_at, began_at, pages[at + HEAD.size : at + HEAD.size + size])
            found.append(_Attempt(number, micros, tuple(slots), facts))
    return found
