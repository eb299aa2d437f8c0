"""Remembers what was read from bytes, because agents send the same ones with every turn. Bounded by how much it remembers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_OVERHEAD_BYTES: Final = 1_000
"""About what is kept of something short."""
_LARGEST_BYTES: Final = 256 * 1024
"""What is longer is read each time."""
_DENSEST: Final = 16
"""Bytes per object or list from which on JSON is kept: parsed, it takes twice its length then, else up to twenty times."""


class Memo(Generic[T]):
    """What a pure function says of bytes, asked again only for what was not asked for lately."""

    def __init__(self, read: Callable[[bytes], T | None], most_bytes: int = 8 * 1024 * 1024) -> None:
        """Begin with nothing.

        Args:
            read: What to remember; None of it where it says None.
            most_bytes: How much of what was read is remembered; typically that takes three times as much memory.
        """
        self._read, self._half = read, most_bytes // 2
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}
        """What was asked for before the young ones became as many as may be; forgotten when they do so again."""
        self._n_bytes = 0
        """Of the young ones."""

    def of(self, written: bytes) -> T | None:
        """What these bytes say."""
        found = self._young.get(written)
        return self._older(written) if found is None else found

    def each(self, written: Sequence[bytes]) -> list[T] | None:
        """What each of them says; None where one of them says nothing."""
        try:
            return [*map(self._young.__getitem__, written)]
        except KeyError:
            found = [said for one in written if (said := self.of(one)) is not None]
            return found if len(found) == len(written) else None

    def _older(self, written: bytes) -> T | None:
        found = self._old.get(written)
        if found is None:
            found = self._read(written)
        if found is not None and _is_kept(written):
            self._keep(written, found)
        return found

    def _keep(self, written: bytes, found: T) -> None:
        self._n_bytes += len(written) + _OVERHEAD_BYTES
        if self._n_bytes > self._half:
            self._old, self._young, self._n_bytes = self._young, {}, len(written) + _OVERHEAD_BYTES
        self._young[written] = found


def _is_kept(written: bytes) -> bool:
    n_containers = written.count(b"{") + written.count(b"[")
    return len(written) <= _LARGEST_BYTES and len(written) >= (n_containers - _DENSEST) * _DENSEST
