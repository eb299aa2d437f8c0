"""The database behind a folder, whichever it is: one file on this host, or a lake that many hosts share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError
from routerkit.store import database
from routerkit.store.database import StoreBusyError, database_path, one_line
from routerkit.store.destination import shared_of
from routerkit.store.lake import close_off, open_lake_reading, open_lake_writing

if TYPE_CHECKING:
    import duckdb

_LAKE_EVERY_S: Final = 30.0
"""Each ingestion makes a Parquet file per table, and some thousand of those slow a query down."""
_FILE_EVERY_S: Final = 1.0


def is_shared(folder: Path) -> bool:
    """Whether other hosts see the rows of this folder."""
    return shared_of(folder) is not None


def ingest_every_s(folder: Path) -> float:
    """How often whoever follows a folder ingests, in seconds."""
    return _LAKE_EVERY_S if is_shared(folder) else _FILE_EVERY_S


def has_rows(folder: Path) -> bool:
    """Whether anything may have been ingested."""
    return is_shared(folder) or database_path(folder).exists()


def open_reading(folder: Path, *, wait_s: float) -> duckdb.DuckDBPyConnection:
    """Connection with the store attached as `ledger`; while it is open, nothing that is seen through it changes.

    Raises:
        StoreBusyError: a writer holds the file, or the lake cannot be reached.
        StoreError: it is not a store of ours, or an extension for it is missing.
    """
    shared = shared_of(folder)
    return database.open_reading(database_path(folder), wait_s=wait_s) if shared is None else open_lake_reading(shared)


def open_writing(folder: Path, *, wait_s: float) -> duckdb.DuckDBPyConnection:
    """Connection with the store attached for writing as `ledger`; made when missing.

    Raises:
        StoreBusyError: as `open_reading`.
        StoreError: as `open_reading`; or the disk is full.
    """
    shared = shared_of(folder)
    return database.open_writing(database_path(folder), wait_s=wait_s) if shared is None else open_lake_writing(shared)


def restrict(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Take from a reading connection every file and network address that is not the store's own, for good."""
    shared = shared_of(folder)
    if shared is not None:
        close_off(connection, shared.lake)
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def refused(folder: Path, error: duckdb.Error) -> StoreError:
    """What it means that writing failed. A lake may be away for a while, and rows wait for it; a file that refuses needs somebody."""
    if is_shared(folder):
        return StoreBusyError(f"the shared store refused: {one_line(error)}")
    return StoreError(f"cannot write {database_path(folder)}: {one_line(error)}")
