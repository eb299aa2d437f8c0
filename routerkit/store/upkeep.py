"""Keeping a lake quick: every ingestion leaves a small file, and queries slow down with their number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError
from routerkit.store.database import CATALOG
from routerkit.store.destination import shared_of
from routerkit.store.lake import last_words, open_lake_upkeep

if TYPE_CHECKING:
    import duckdb

_KEPT: Final = "now() - INTERVAL 1 DAY"
"""How long replaced files stay: longer than any query runs, and than a file takes from being written to being committed."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What one run has done."""

    n_merged: int
    """Small files that were read."""
    n_made: int
    """Files that took their place."""
    n_removed: int
    """Files that nothing refers to any more, left by earlier runs and by killed ingesters."""


def compact(folder: Path) -> Compacted:
    """Merge small files of the lake that a folder shares; run it once an hour, on one host. Ingesting and queries go on meanwhile.

    Raises:
        StoreError: the folder shares none, the lake cannot be reached, or another host compacted at the same time.
    """
    shared = shared_of(folder)
    if shared is None:
        raise StoreError(f"{folder} shares no store, and its own file needs no upkeep; [ledger] store names one to share")
    import duckdb  # loaded here, see database.open_memory

    connection = open_lake_upkeep(shared.lake)
    try:
        return _compact(connection)
    except duckdb.Error as exc:
        raise StoreError(f"cannot compact {shared.lake.store}: {last_words(exc)}") from exc
    finally:
        connection.close()


def _compact(connection: duckdb.DuckDBPyConnection) -> Compacted:
    # What is too little for a file lies in the catalogue until now.
    _call(connection, "ducklake_flush_inlined_data")
    merged = _call(connection, "ducklake_merge_adjacent_files")
    _call(connection, "ducklake_expire_snapshots", f"older_than => {_KEPT}")
    removed = [
        *_call(connection, "ducklake_cleanup_old_files", f"older_than => {_KEPT}"),
        *_call(connection, "ducklake_delete_orphaned_files", f"older_than => {_KEPT}"),
    ]
    return Compacted(sum(row["files_processed"] for row in merged), sum(row["files_created"] for row in merged), len(removed))


def _call(connection: duckdb.DuckDBPyConnection, procedure: str, *options: str) -> list[dict[str, int]]:
    arguments = ", ".join([f"'{CATALOG}'", *options])
    found = connection.execute(f"CALL {procedure}({arguments})")
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
