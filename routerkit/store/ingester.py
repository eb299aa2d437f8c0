"""Moving closed segments into the store, exactly once, whoever is killed when.

The rows of some segments and their names are committed in one transaction, and only then are the files removed. Killed before the commit:
nothing happened. Killed between commit and removal: the next run finds the names and only removes the files.
"""

from __future__ import annotations

import fcntl
import functools
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from routerkit.errors import StoreError
from routerkit.store.database import RETRY_S, StoreBusyError, interrupts, one_line
from routerkit.store.place import ingest_every_s, is_shared, open_writing, refused
from routerkit.store.schema import LEDGER_SCHEMAS, StreamSchema
from routerkit.store.segment_file import close_orphans, list_closed, quarantine, segment_id, stream_of
from routerkit.store.tables import insert_segments, prepare_table, prepare_views

if TYPE_CHECKING:
    import duckdb

_log = logging.getLogger(__name__)
_HOLD_S: Final = 0.5
"""Longest time a connection is kept while more segments wait; readers retry for 2 s."""

_BATCH_BYTES: Final = 48 << 20
"""Segments of one transaction together; about 0.6 s of work."""


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What one run moved."""

    n_segments: int = 0
    n_rows: int = 0
    n_bad: int = 0
    """Lines that were not rows: torn by a crash, or without their key."""
    note: str | None = None
    """Why segments were left where they are; None when none were."""


class _Closed(NamedTuple):
    path: Path
    schema: StreamSchema


@interrupts()
def ingest(folder: Path, *, schemas: Sequence[StreamSchema] = LEDGER_SCHEMAS, wait_s: float = 2.0) -> IngestResult:
    """Move every closed segment of these streams into the database file, or into the lake that the folder shares.

    Args:
        folder: Folder of the store; a missing one holds nothing.
        schemas: Streams to move; segments of other streams stay.
        wait_s: How long to wait for readers of the file, in seconds; then the segments stay and `note` says so, as it does when a lake
            cannot be reached.

    Raises:
        StoreError: the folder cannot be written, the disk is full, or the file is not ours.
    """
    if not folder.is_dir():
        return IngestResult()
    try:
        with _sole_ingester(folder) as is_sole:
            return _ingest_all(folder, schemas, wait_s) if is_sole else IngestResult(note="another ingester is at work")
    except OSError as exc:
        raise StoreError(f"cannot ingest in {folder}: {exc}") from exc


def follow(
    folder: Path,
    wait: Callable[[float], bool],
    *,
    schemas: Sequence[StreamSchema] = LEDGER_SCHEMAS,
    interval_s: float | None = None,
    on_result: Callable[[IngestResult], object] = lambda _: None,
) -> None:
    """Ingest again and again, until `wait(interval_s)` answers True; `threading.Event().wait` fits.

    Without an interval, every second into a file, every half minute into a lake.

    Raises:
        StoreError: as `ingest`.
    """
    is_over = False
    while not is_over:
        on_result(ingest(folder, schemas=schemas))
        is_over = wait(ingest_every_s(folder) if interval_s is None else interval_s)


@contextmanager
def _sole_ingester(folder: Path) -> Iterator[bool]:
    fd = os.open(folder / ".ingest.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(fd)


def _ingest_all(folder: Path, schemas: Sequence[StreamSchema], wait_s: float) -> IngestResult:
    close_orphans(folder)
    by_stream = {s.name: s for s in schemas}
    waiting: Sequence[_Closed] = [_Closed(p, by_stream[s]) for p in list_closed(folder) if (s := stream_of(p)) in by_stream]
    result = IngestResult()
    while waiting:
        try:
            batch, waiting = _ingest_some(folder, waiting, wait_s)
        except StoreBusyError as exc:
            return _plus(result, IngestResult(note=f"{len(waiting)} segments wait: {exc}"))
        result = _plus(result, batch)
        if waiting:
            time.sleep(2 * RETRY_S)  # long enough for a waiting reader to try
    return result


def _ingest_some(folder: Path, waiting: Sequence[_Closed], wait_s: float) -> tuple[IngestResult, Sequence[_Closed]]:
    """Move segments for at most `_HOLD_S` seconds, then close so that readers get their turn; returns what is left."""
    import duckdb  # loaded here, see database.open_memory

    result = IngestResult()
    connection = open_writing(folder, wait_s=wait_s)
    try:
        until = time.monotonic() + _HOLD_S
        for schema in {c.schema.name: c.schema for c in waiting}.values():
            prepare_table(connection, schema)
            if not is_shared(folder):
                # In a lake this would be a commit each time; readers make their own.
                prepare_views(connection, schema)
        n_done = 0
        for batch in _batches(waiting):
            result = _plus(result, _ingest_batch(connection, batch))
            n_done += len(batch)
            if time.monotonic() >= until:
                break
        return result, waiting[n_done:]
    except duckdb.Error as exc:
        raise refused(folder, exc) from exc
    finally:
        connection.close()


def _batches(waiting: Sequence[_Closed]) -> Iterator[list[_Closed]]:
    """Neighbours of one stream, up to `_BATCH_BYTES` together."""
    batch: list[_Closed] = []
    size = 0
    for closed in waiting:
        n_bytes = closed.path.stat().st_size
        if batch and (batch[0].schema is not closed.schema or size + n_bytes > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(closed)
        size += n_bytes
    if batch:
        yield batch


def _ingest_batch(connection: duckdb.DuckDBPyConnection, batch: Sequence[_Closed]) -> IngestResult:
    import duckdb  # loaded here, see database.open_memory

    connection.execute("BEGIN")
    try:
        loaded = insert_segments(connection, batch[0].schema, {segment_id(c.path): c.path for c in batch})
        connection.execute("COMMIT")
    except (duckdb.InvalidInputException, duckdb.DataError) as exc:
        connection.execute("ROLLBACK")
        if len(batch) > 1:
            return functools.reduce(_plus, (_ingest_batch(connection, [closed]) for closed in batch))
        # Otherwise one broken file would hold up all that follow, for ever.
        aside = quarantine(batch[0].path)
        _log.warning("store: segment set aside as %s: %s", aside, one_line(exc))
        return IngestResult(note=f"a segment cannot be read and was set aside as {aside}")
    for closed in batch:
        closed.path.unlink()
    for name, segment in loaded.items():
        if segment.n_bad:
            _log.warning("store: %d lines of segment %s were not rows", segment.n_bad, name)
    return IngestResult(len(loaded), sum(s.n_rows for s in loaded.values()), sum(s.n_bad for s in loaded.values()))


def _plus(a: IngestResult, b: IngestResult) -> IngestResult:
    return IngestResult(a.n_segments + b.n_segments, a.n_rows + b.n_rows, a.n_bad + b.n_bad, b.note or a.note)
