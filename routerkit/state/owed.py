"""What a process owes on its leases, in a mapped file: `kill -9` takes a process's memory, but not the pages it shares with the system.

Whoever lets the lease of a dead process lapse reads there what became of it. After a power cut the pages may be older than the database, so
they are believed only by the boot that wrote them.
"""

from __future__ import annotations

import mmap
import os
import struct
from hashlib import blake2b
from pathlib import Path
from typing import Final

from routerkit.state.interface import Account

_SLOT: Final = struct.Struct("=q16s")
"""Micro-dollars, and whose they are."""
_N_SLOTS: Final = 2_048
"""Accounts of one process at a time; what finds no room is unknown, and counts as spent in full."""
_BOOT_BYTES: Final = 40
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class OwedFile:
    """Written by one process, before it spends. Not thread-safe: `Leases` holds its lock."""

    def __init__(self, path: Path) -> None:
        """Make the file, readable by its owner alone.

        Raises:
            OSError: it cannot be made.
        """
        self._path = path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, _BOOT_BYTES + _N_SLOTS * _SLOT.size)
            self._pages = mmap.mmap(fd, 0)
        finally:
            os.close(fd)
        self._pages[:_BOOT_BYTES] = _boot()
        self._slots: dict[Account, int] = {}
        self._free = list(range(_N_SLOTS - 1, -1, -1))

    def note(self, account: Account, micros: int) -> None:
        """Keep what is spent or set aside on an account and not yet booked."""
        slot = self._slots.get(account)
        if slot is None:
            if not self._free:
                return
            slot = self._slots[account] = self._free.pop()
        _SLOT.pack_into(self._pages, _BOOT_BYTES + slot * _SLOT.size, micros, _digest(account))

    def forget(self, account: Account) -> None:
        """An account has no lease any more."""
        slot = self._slots.pop(account, None)
        if slot is not None:
            _SLOT.pack_into(self._pages, _BOOT_BYTES + slot * _SLOT.size, 0, b"")
            self._free.append(slot)


def owed(path: Path, account: Account) -> int | None:
    """What a process owed on an account when it last said so, in micro-dollars; None = unknown."""
    try:
        pages = path.read_bytes()
    except OSError:
        return None
    if not _boot().strip(b"\0") or pages[:_BOOT_BYTES] != _boot():
        return None
    found = {whose: micros for micros, whose in _SLOT.iter_unpack(pages[_BOOT_BYTES:])}
    return found.get(_digest(account))


def _digest(account: Account) -> bytes:
    return blake2b("\0".join(account).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _boot() -> bytes:
    try:
        return _BOOT.read_bytes()[:_BOOT_BYTES].ljust(_BOOT_BYTES, b"\0")
    except OSError:
        return b"\0" * _BOOT_BYTES
