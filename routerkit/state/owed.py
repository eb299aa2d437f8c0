"""What a process owes, in a mapped file: `kill -9` takes a process's memory, but not the pages it shares with the system.

Per account what its finished calls spent and was not booked yet, and per attempt of a call under way what that is, where and for whom.
The process holds a lock on its file, which ends with it; `estate.py` reads what became of it. Every step is one write, or leaves a mark by
which the reader knows how far it got, so that a process may be killed between any two of them (docs/adr/0008).
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import weakref
from collections import deque
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Final

from routerkit.state.interface import Account, Note

BOOT_BYTES: Final = 40
PLACE_BYTES: Final = 1_024
"""Path of the ledger's folder, in which calls that never ended get their row."""
SLOT: Final = Struct("=qqQQ16s")
"""Micro-dollars of finished calls that are not booked, part of them that is being booked, number of that booking, last attempt that is
part of them, and whose account it is."""
N_SLOTS: Final = 2_048
"""Accounts of one process at a time; what finds no room is unknown, and counts as spent in full."""
HEAD: Final = Struct("=Qq8HddH")
"""Number of an attempt (0 = free), its micro-dollars, up to eight slots of accounts (+ 1; 0 = none), when its call and it began, and
bytes of texts, which follow."""
ATTEMPT_BYTES: Final = 512
N_ATTEMPTS: Final = 4_096
"""Attempts of calls under way in one process; when there are more, the whole file says no longer what is owed."""
_SUMS: Final = Struct("=qqQQ")
"""What of a slot changes."""
_MICROS: Final = Struct("=q")
_NUMBER: Final = Struct("=Q")
_MOST_FACTS: Final = ATTEMPT_BYTES - HEAD.size
_ATTEMPT: Final = Struct(f"=Qq16sddH{_MOST_FACTS}s")
"""As `HEAD`, with the accounts as bytes and the texts."""
_PAYERS: Final = Struct("=8H")
_MOST_PAYERS: Final = 8
_NOTHING: Final[Note] = (0.0, 0.0, b"")
_SLOTS_AT: Final = BOOT_BYTES + PLACE_BYTES
ATTEMPTS_AT: Final = _SLOTS_AT + N_SLOTS * SLOT.size
FILE_BYTES: Final = ATTEMPTS_AT + N_ATTEMPTS * ATTEMPT_BYTES
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class OwedFile:
    """Written by one process. Not thread-safe: `Leases` holds its lock."""

    def __init__(self, path: Path, ledger: Path | None = None) -> None:
        """Make the file, readable by its owner alone.

        Args:
            path: Its name.
            ledger: Folder of the ledger that the process writes; None = it writes none.

        Raises:
            OSError: it cannot be made.
        """
        self._path = path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        self._fd = _create(path)
        self._close = weakref.finalize(self, os.close, self._fd)
        # Written, not only made long: a page that the disk has no room for, when it is first noted in, would end the process.
        if os.pwrite(self._fd, bytes(FILE_BYTES), 0) < FILE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._pages: mmap.mmap | bytearray = mmap.mmap(self._fd, 0)
        place = b"" if ledger is None else os.fsencode(ledger.resolve())
        self._pages[BOOT_BYTES:_SLOTS_AT] = (place if len(place) <= PLACE_BYTES else b"").ljust(PLACE_BYTES, b"\0")
        self._pages[:BOOT_BYTES] = boot()
        self._slots: dict[Account, int] = {}
        """Where in the file accounts have theirs."""
        # Whose slot it was must not be taken soon by another: attempts of before may still point to it.
        self._free = deque(range(_SLOTS_AT, _SLOTS_AT + N_SLOTS * SLOT.size, SLOT.size))
        self._payers: dict[tuple[Account, ...], bytes] = {}
        """What an attempt says of its accounts."""
        self._places = list(range(ATTEMPTS_AT + (N_ATTEMPTS - 1) * ATTEMPT_BYTES, ATTEMPTS_AT - 1, -ATTEMPT_BYTES))
        """Where in the file attempts may be noted."""

    def note(self, account: Account, micros: int, booking: int = 0, number: int = 0, last: int = 0) -> None:
        """As `Owed.note`."""
        at = self._slots.get(account) or self._slot(account)
        if at:
            _SUMS.pack_into(self._pages, at, micros, booking, number, last)

    def forget(self, account: Account) -> None:
        """As `Owed.forget`."""
        at = self._slots.pop(account, 0)
        self._payers.clear()
        if at:
            SLOT.pack_into(self._pages, at, 0, 0, 0, 0, b"")
            self._free.append(at)

    def begin(self, number: int, accounts: tuple[Account, ...], micros: int, note: Note | None) -> int:
        """As `Owed.begin`."""
        payers = self._payers.get(accounts) or self._name(accounts)
        if not (payers and self._places):
            self._pages[:BOOT_BYTES] = b"\0" * BOOT_BYTES
            return 0
        place, (called_at, began_at, texts) = self._places.pop(), note or _NOTHING
        _ATTEMPT.pack_into(self._pages, place, 0, micros, payers, called_at, began_at, min(len(texts), _MOST_FACTS), texts)
        _NUMBER.pack_into(self._pages, place, number)  # last, because with it the attempt counts
        return place

    def amend(self, place: int, micros: int) -> None:
        """As `Owed.amend`."""
        if place:
            _MICROS.pack_into(self._pages, place + _NUMBER.size, micros)

    def end(self, place: int) -> None:
        """As `Owed.end`."""
        if place:
            _NUMBER.pack_into(self._pages, place, 0)
            self._places.append(place)

    def leave(self) -> None:
        """As `Owed.leave`: the parent's lock would else outlive it in this child. The pages hold it, too."""
        if isinstance(self._pages, mmap.mmap):
            self._pages.close()
        self._pages = bytearray(FILE_BYTES)  # calls that were under way end here as well, and what they note is of no use
        self._close()

    def remove(self) -> None:
        """As `Owed.remove`."""
        self._path.unlink(missing_ok=True)
        self.leave()

    def _name(self, accounts: tuple[Account, ...]) -> bytes:
        """Empty when there are too many."""
        if len(accounts) > _MOST_PAYERS:
            return b""
        slots = [at and (at - _SLOTS_AT) // SLOT.size + 1 for at in map(self._slot, accounts)]
        named = self._payers[accounts] = _PAYERS.pack(*slots, *[0] * (_MOST_PAYERS - len(slots)))
        return named

    def _slot(self, account: Account) -> int:
        """Where the slot of an account is; 0 when none is free."""
        at = self._slots.get(account, 0)
        if not at and self._free:
            at = self._slots[account] = self._free.popleft()
            SLOT.pack_into(self._pages, at, 0, 0, 0, 0, digest(account))
        return at


def digest(account: Account) -> bytes:
    """An account as the file names it."""
    return blake2b("\0".join(account).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def boot() -> bytes:
    """Which boot of the machine this is; zeros = unknown."""
    try:
        return _BOOT.read_bytes()[:BOOT_BYTES].ljust(BOOT_BYTES, b"\0")
    except OSError:
        return b"\0" * BOOT_BYTES


def try_lock(fd: int) -> bool:
    """Whether nobody else has it locked."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _create(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        # Between creation and lock somebody may take it for a dead process's: then it is locked or gone, and we try again.
        if try_lock(fd) and path.exists():
            return fd
        os.close(fd)
