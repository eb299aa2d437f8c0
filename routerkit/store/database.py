"""Short connections to the DuckDB file, which lets one process write or many read, never both."""

# ruff: noqa: S608  the only names put into SQL are our own constants
from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError
from routerkit.store.segment_file import DATABASE

if TYPE_CHECKING:
    import duckdb

CATALOG: Final = "ledger"
"""Name under which the file is attached."""

RETRY_S: Final = 0.03
"""Longest pause before a busy file is tried again."""

_SETTINGS: Final = {
    "threads": "2",  # short queries on a host that has other work
    "autoinstall_known_extensions": "false",  # never the network
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # an unknown table is an error, not one of our variables
}

_MIGRATIONS: Final = ("CREATE TABLE {catalog}.ingested (segment VARCHAR PRIMARY KEY, n_rows BIGINT, n_bad BIGINT, ingested_at TIMESTAMP)",)
"""Statement n brings the file from version n to n + 1. Only ever append."""


class StoreBusyError(StoreError):
    """Another process holds the database file."""


@contextmanager
def interrupts() -> Iterator[None]:
    """Let Ctrl-C end what is inside as it ends everything: DuckDB sees the signal before Python does, and raises an error of its own.

    Raises:
        KeyboardInterrupt: that was it.
    """
    try:
        yield
    except RuntimeError as exc:
        if str(exc) != "Query interrupted":
            raise
        raise KeyboardInterrupt from exc


def database_path(folder: Path) -> Path:
    """The DuckDB file of a store."""
    return folder / DATABASE


def open_memory() -> duckdb.DuckDBPyConnection:
    """A connection without a file, whose clock is UTC: so are stored instants, and `called_at > now() - INTERVAL 1 HOUR` compares them."""
    # Loaded here: duckdb takes 60 ms and 60 MB that the request path never needs.
    import duckdb

    return duckdb.connect(":memory:", config=dict(_SETTINGS)).execute("SET GLOBAL TimeZone = 'UTC'")


def open_reading(path: Path, *, wait_s: float) -> duckdb.DuckDBPyConnection:
    """Connection with the file attached read-only as `ledger`.

    Raises:
        StoreBusyError: a writer held the file for `wait_s` seconds.
        StoreError: it is not a DuckDB file, or a newer DuckDB than ours wrote it.
    """
    return _attach(path, "READ_ONLY", wait_s)


def open_writing(path: Path, *, wait_s: float) -> duckdb.DuckDBPyConnection:
    """Connection with the file attached for writing as `ledger`, in the state the newest migration leaves; made when missing.

    Raises:
        StoreBusyError: others held the file for `wait_s` seconds.
        StoreError: it is not a DuckDB file, a newer DuckDB than ours wrote it, or the disk is full.
    """
    if not path.exists():
        _create(path)
    connection = _attach(path, "", wait_s)
    try:
        _migrate(connection, path)
    except StoreError:
        connection.close()
        raise
    return connection


def tables_of(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Tables of what is attached as `ledger`."""
    rows = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ?", [CATALOG]).fetchall()
    return {row[0] for row in rows}


def one_line(error: Exception) -> str:
    """First line of a DuckDB message, which says it all but for a drawing of the query."""
    return str(error).strip().partition("\n")[0]


def _create(path: Path) -> None:
    # Made aside and renamed: a process killed halfway would leave a file that DuckDB refuses for ever.
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, draft.with_name(f"{draft.name}.wal")):
        leftover.unlink(missing_ok=True)
    connection = _attach(draft, "STORAGE_VERSION 'v1.0.0'", 0.0)  # readable by every DuckDB from 1.0 on, 2.x included
    try:
        _migrate(connection, path)
    finally:
        connection.close()
    draft.chmod(0o600)
    draft.rename(path)


def _attach(path: Path, options: str, wait_s: float) -> duckdb.DuckDBPyConnection:
    import duckdb  # loaded here, see open_memory

    until = time.monotonic() + wait_s
    attach = f"ATTACH '{_literal(path)}' AS {CATALOG}" + (f" ({options})" if options else "")
    connection = open_memory()
    while True:
        try:
            return connection.execute(attach)
        except duckdb.Error as exc:
            if _is_busy(exc) and time.monotonic() < until:
                # Not in step with another process that waits too.
                time.sleep(random.uniform(0.02, RETRY_S))
                continue
            connection.close()
            kind, what = (StoreBusyError, f"{path} is held open") if _is_busy(exc) else (StoreError, f"cannot open {path}")
            raise kind(f"{what}: {one_line(exc)}") from exc


def _is_busy(error: Exception) -> bool:
    # The class differs between DuckDB 1.5 and 2.0, the wording does not. The second is a connection in our own process.
    text = str(error)
    return "Could not set lock" in text or "Unique file handle conflict" in text


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    import duckdb  # loaded here, see open_memory

    try:
        _run_migrations(connection)
    except duckdb.Error as exc:
        raise StoreError(f"cannot write {path}: {one_line(exc)}") from exc


def _run_migrations(connection: duckdb.DuckDBPyConnection) -> None:
    version = f"{CATALOG}.schema_version"
    connection.execute(f"CREATE TABLE IF NOT EXISTS {version} (version INTEGER)")
    rows = connection.execute(f"SELECT max(version) FROM {version}").fetchall()
    done: int = rows[0][0] or 0
    for number, statement in enumerate(_MIGRATIONS[done:], start=done + 1):
        connection.execute("BEGIN")
        connection.execute(statement.format(catalog=CATALOG))
        connection.execute(f"INSERT INTO {version} VALUES (?)", [number])
        connection.execute("COMMIT")


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")
