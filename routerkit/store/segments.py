"""Appending rows without making anybody wait: `append` is a deque append, a thread of its own does the rest on a 200 ms tick.

Where a row must be on disk before its caller goes on, `append` writes it itself, as long as the disk is quick.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from routerkit import fastjson
from routerkit.store.lifecycle import watch, watch_child_exit
from routerkit.store.segment_file import OpenSegment

T = TypeVar("T")
Durability = Literal["flush", "fsync"]
"""`flush` survives the death of the process, `fsync` also that of the machine (about 1.5 times the writing time)."""

_log = logging.getLogger(__name__)
_BATCH_ROWS: Final = 1_000
"""Rows per write(); bounds memory when a long prompt log drains a full buffer."""
_SLOW_S: Final = 0.1
"""A disk that takes longer is left to the thread for `_PATIENCE_S`: whoever appends may lose that much once, not with every row.
Below it a processor that others use looks the same as a slow disk."""
_PATIENCE_S: Final = 30.0
MAX_ROW_BYTES: Final = 8 * 2**20
"""A longer row is dropped and counted: readers take at most 16 MiB per line."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When a writer wakes, when it starts a new segment, and how much it holds in memory."""

    tick_s: float = 0.2
    rotate_s: float = 5.0
    """A segment is closed, and so becomes ingestible, once it is this old."""
    rotate_rows: int = 10_000
    capacity: int = 100_000
    """Rows waiting in memory; beyond it rows are dropped and counted."""
    is_at_once: bool = False
    """Whether `append` writes: its row survives `kill -9` once it returns, unless the disk is slow or another thread is writing."""


class SegmentWriter(Generic[T]):
    """Appends rows of one stream to segment files, from any thread, without ever blocking or raising.

    A row that cannot be written (buffer full, not JSON, disk refuses) is counted in `dropped`; the first of each sort is logged.
    The thread starts with the first row. A forked child starts with an empty buffer and a file of its own.
    """

    def __init__(
        self,
        folder: Path,
        stream: str,
        *,
        to_row: Callable[[T], Mapping[str, object]] | None = None,
        to_json: Callable[[T], bytes] = fastjson.dumps,
        durability: Durability = "flush",
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; no file is made before the first row.

        Args:
            folder: Folder of the store; created when missing.
            stream: Name of the stream, as in its StreamSchema.
            to_row: Makes the row of what was appended, in the thread that writes; None when rows are appended themselves.
            to_json: Writes the row of what was appended, where no `to_row` is given.
            durability: What a written row survives.
            pace: Timing and capacity.
            clock: Monotonic seconds, for the age of segments.
        """
        self._folder, self._stream = folder, stream
        self._to_json = to_json if to_row is None else lambda item: fastjson.dumps(to_row(item))
        self._is_fsynced = durability == "fsync"
        self._pace, self._clock, self._is_at_once = pace, clock, pace.is_at_once
        self._segment: OpenSegment | None = None
        self._begin()
        watch(self)

    @property
    def dropped(self) -> int:
        """Rows that were appended and will never be on disk, in this process."""
        return self._n_dropped

    def append(self, row: T) -> None:
        """Hand over one row; it must not be changed afterwards. Costs well under a microsecond unless it is written at once."""
        if self._thread is None:
            self._start()
        if len(self._buffer) >= self._capacity:
            self._drop(1, "full", "its buffer is full: rows come faster than the disk takes them, or the writer is closed")
            return
        if self._is_at_once and not self._buffer and self._writing.acquire(blocking=False):
            self._write_alone(row)
            return
        self._buffer.append(row)
        if self._is_at_once:
            self._write_at_once()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Block until every row appended before is on disk, or was dropped; False when `timeout_s` passed first."""
        mark = self.mark()
        self._wake.set()
        return mark is None or mark.wait(timeout_s)

    def mark(self) -> threading.Event | None:
        """Event that is set once every row appended before is written; None when nothing was ever appended."""
        return self._put(_Mark()).done if self._thread is not None and self._thread.is_alive() else None

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is pending, close the segment, stop the thread. Rows appended later are dropped and counted. Idempotent."""
        self._capacity = 0
        thread = self._thread
        if not self._buffer and (thread is None or not thread.is_alive()):
            return
        self._put(_Mark(is_last=True))
        self._wake.set()
        if thread is None:
            with self._writing:
                self._drain()  # no thread could be started
        else:
            thread.join(timeout_s)
        if self._n_dropped:
            _log.warning("store %s: dropped %d rows of stream %s", self._folder, self._n_dropped, self._stream)

    def reset_after_fork(self) -> None:
        """Start anew in a forked child: pending rows and the open segment belong to the parent."""
        if self._segment is not None:
            self._segment.forget()
            self._segment = None
        is_closed = self._capacity == 0
        self._begin()
        self._capacity = 0 if is_closed else self._capacity

    def _begin(self) -> None:
        self._buffer: deque[T | _Mark] = deque()
        self._capacity = self._pace.capacity
        self._n_dropped = 0
        self._warned: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._opened_s = 0.0
        self._writing = threading.Lock()
        """Held by whoever drains the buffer."""
        self._is_over = False
        self._patient_until = -math.inf

    def _put(self, mark: _Mark) -> _Mark:
        self._buffer.append(mark)
        return mark

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None or self._capacity == 0:
                return
            thread = threading.Thread(target=self._run, name=f"routerkit-{self._stream}", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # no more threads, or the interpreter is ending: rows wait, and are dropped once the buffer is full
            self._thread = thread
        watch_child_exit()

    def _drop(self, n: int, sort: str, why: str) -> None:
        with self._lock:
            self._n_dropped += n
            is_first = sort not in self._warned
            self._warned.add(sort)
        if is_first:
            _log.warning("store %s: rows of stream %s are dropped: %s", self._folder, self._stream, why)

    def _write_alone(self, row: T) -> None:
        """No other row waits, and nobody else is writing: so it is with almost every row."""
        began_s = self._clock()
        try:
            if began_s < self._patient_until:
                self._buffer.append(row)
                self._wake.set()
                return
            if line := self._line(row):
                self._write(line, 1)
        finally:
            self._writing.release()
        if self._clock() - began_s > _SLOW_S:
            self._patient_until = self._clock() + _PATIENCE_S
        if self._buffer:
            self._write_at_once()  # what came meanwhile

    def _write_at_once(self) -> None:
        began_s = self._clock()
        # Looked at again after each release: a row that came meanwhile found the lock taken, and nobody else would write it soon.
        while began_s >= self._patient_until and self._buffer and self._writing.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._writing.release()
            if self._clock() - began_s > _SLOW_S:
                self._patient_until = self._clock() + _PATIENCE_S
        if self._buffer:
            self._wake.set()  # another thread is writing, and may have looked already

    def _run(self) -> None:
        while not self._is_over:
            with self._writing:
                self._drain()
                self._rotate_if(is_due=self._is_rotation_due())
            if not self._is_over:
                self._wake.wait(self._pace.tick_s)
                self._wake.clear()

    def _drain(self) -> None:
        """Write what is in the buffer now. One look at the length: new rows make the next, larger batch."""
        lines: list[bytes] = []
        for _ in range(len(self._buffer)):
            item = self._buffer.popleft()
            if isinstance(item, _Mark):
                self._write(b"".join(lines), len(lines))
                lines = []
                self._reach(item)
            elif line := self._line(item):
                lines.append(line)
                if len(lines) == _BATCH_ROWS:
                    self._write(b"".join(lines), len(lines))
                    lines = []
        self._write(b"".join(lines), len(lines))

    def _reach(self, mark: _Mark) -> None:
        self._rotate_if(is_due=mark.is_last or self._is_rotation_due())
        self._is_over = self._is_over or mark.is_last
        mark.done.set()

    def _write(self, lines: bytes, n_rows: int) -> None:
        if not lines:
            return
        try:
            if self._segment is None:
                self._segment = OpenSegment(self._folder, self._stream, is_fsynced=self._is_fsynced)
                self._opened_s = self._clock()
            self._segment.write(lines, n_rows)
        except OSError as exc:
            self._drop(n_rows, "disk", f"{exc}; free the disk or correct the folder")
            self._rotate_if(is_due=True)

    def _line(self, item: T) -> bytes | None:
        try:
            line = self._to_json(item) + b"\n"
        except Exception as exc:  # noqa: BLE001  rows are built from what callers passed in; none of it may end the thread
            self._drop(1, "bad", f"a row cannot be written as JSON: {type(exc).__name__}: {exc}")
            return None
        if len(line) > MAX_ROW_BYTES:
            self._drop(1, "long", f"a row has {len(line)} bytes, more than {MAX_ROW_BYTES}")
            return None
        return line

    def _is_rotation_due(self) -> bool:
        segment = self._segment
        return segment is not None and (segment.n_rows >= self._pace.rotate_rows or self._clock() - self._opened_s >= self._pace.rotate_s)

    def _rotate_if(self, *, is_due: bool) -> None:
        if not is_due or self._segment is None:
            return
        segment, self._segment = self._segment, None
        try:
            segment.close()
        except OSError as exc:
            self._drop(segment.n_rows, "lost", f"a segment vanished before it was closed: {exc}")


class _Mark:
    """Stands in the buffer behind the rows it is about."""

    __slots__ = ("done", "is_last")

    def __init__(self, *, is_last: bool = False) -> None:
        self.done = threading.Event()
        self.is_last = is_last
