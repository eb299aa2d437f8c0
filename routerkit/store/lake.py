"""Short connections to a DuckLake, whose catalogue is in PostgreSQL: any number of hosts read and write at once.

It is attached by the same name as the DuckDB file, so the SQL that fills and asks the store is the same.
"""

# ruff: noqa: S608  the only names put into SQL are our own constants
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError
from routerkit.store.database import CATALOG, StoreBusyError, open_memory, tables_of
from routerkit.store.destination import Lake, Shared
from routerkit.store.extensions import load_extensions

if TYPE_CHECKING:
    import duckdb

CONNECT_S: Final = 5
"""How long PostgreSQL may take to answer, in seconds."""
_TRIES: Final = 100
"""Every commit takes the next number of one counter; with 100 hosts some lose the race many times in a row (DuckLake's default is 10)."""
_END_S: Final = 5.0
"""How long the end of a predecessor's session is waited for."""
_METADATA: Final = f"__ducklake_metadata_{CATALOG}"
"""Name under which DuckLake attaches the catalogue's own tables."""


class NoLakeError(StoreBusyError):
    """The catalogue's database is empty so far."""


def open_lake_reading(shared: Shared) -> duckdb.DuckDBPyConnection:
    """Connection with the lake as it is now attached read-only: later commits do not show. A lake that is not there yet is made.

    Raises:
        StoreBusyError: the catalogue cannot be reached.
        StoreError: an extension is missing.
    """
    import duckdb  # loaded here, see database.open_memory

    lake, name = shared.lake, "routerkit-reader"
    try:
        connection = _attach(lake, "READ_ONLY", name=name)
    except NoLakeError:
        open_lake_writing(shared).close()
        connection = _attach(lake, "READ_ONLY", name=name)
    try:
        # Pinned by number: every query runs on a cursor, and so in a transaction of its own.
        ((newest,),) = connection.execute(f"SELECT id FROM {CATALOG}.current_snapshot()").fetchall()
        connection.execute(f"DETACH {CATALOG}")
        connection.execute(_attachment(lake, f"READ_ONLY, SNAPSHOT_VERSION {newest}", name=name))
    except duckdb.Error as exc:
        connection.close()
        raise StoreBusyError(f"cannot read {lake.store}: {last_words(exc)}") from exc
    return connection


def open_lake_writing(shared: Shared) -> duckdb.DuckDBPyConnection:
    """Connection with the lake attached for writing, made when missing. Ends what a killed predecessor of this folder left running.

    Raises:
        StoreBusyError: the catalogue cannot be reached.
        StoreError: an extension is missing.
    """
    import duckdb  # loaded here, see database.open_memory

    name = f"routerkit-{shared.host}-{os.urandom(4).hex()}"
    connection = _attach(shared.lake, "", name=name)
    try:
        connection.execute(f"SET ducklake_max_retry_count = {_TRIES}")
        _end_predecessors(connection, shared.host, name)
        _prepare(connection)
    except (duckdb.Error, StoreBusyError) as exc:
        connection.close()
        # Two hosts that make the first table at once end here as well: one of them finds it made when it tries again.
        raise StoreBusyError(f"cannot write {shared.lake.store}: {last_words(exc)}") from exc
    return connection


def open_lake_upkeep(lake: Lake) -> duckdb.DuckDBPyConnection:
    """Connection with an existing lake attached for writing, beside all ingesters.

    Raises:
        StoreBusyError: the catalogue cannot be reached, or is empty so far.
        StoreError: an extension is missing.
    """
    connection = _attach(lake, "CREATE_IF_NOT_EXISTS false", name="routerkit-upkeep")
    connection.execute(f"SET ducklake_max_retry_count = {_TRIES}")
    return connection


def close_off(connection: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Leave this connection no file but the lake's own."""
    connection.execute("SET allowed_directories = ?", [[_folder(lake)]])


def _end_predecessors(connection: duckdb.DuckDBPyConnection, host: str, name: str) -> None:
    """End the sessions of earlier ingesters of this folder; the folder's lock says that those are dead.

    A COMMIT that PostgreSQL received just before its sender was killed may still be at work. Only when its session is gone does looking
    into `ingested` tell for sure whether those segments are in.
    """
    sessions = f"FROM pg_stat_activity WHERE application_name LIKE 'routerkit-{host}-%' AND application_name <> '{name}'"
    end = f"SELECT pg_terminate_backend(pid, {_END_S * 1000:.0f}) AS has_ended {sessions}"
    rows = connection.execute(f"SELECT * FROM postgres_query('{_METADATA}', ?)", [end]).fetchall()
    if not all(has_ended for (has_ended,) in rows):
        raise StoreBusyError(f"a session of an ingester that was killed has not ended within {_END_S:.0f} s")


def _prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make what a new lake lacks."""
    if "ingested" in tables_of(connection):
        return
    # Halves the files: 156 instead of 348 bytes for a call of the app's generated data.
    connection.execute(f"CALL {CATALOG}.set_option('parquet_compression', 'zstd')")
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {CATALOG}.ingested (segment VARCHAR, n_rows BIGINT, n_bad BIGINT, ingested_at TIMESTAMP)"
    )


def _attach(lake: Lake, options: str, *, name: str) -> duckdb.DuckDBPyConnection:
    import duckdb  # loaded here, see database.open_memory

    connection = open_memory()
    try:
        load_extensions(connection, with_buckets=lake.is_in_bucket)
        if lake.is_in_bucket:
            connection.execute(_bucket_secret())
        return connection.execute(_attachment(lake, options, name=name))
    except duckdb.Error as exc:
        connection.close()
        error = NoLakeError if "creating a new DuckLake is explicitly disabled" in str(exc) else StoreBusyError
        raise error(f"cannot open {lake.store}: {last_words(exc)}") from exc
    except StoreError:
        connection.close()
        raise


def last_words(error: Exception) -> str:
    """The cause within a chain of causes on one line, of which DuckDB puts the outermost first."""
    return str(error).strip().partition("\n")[0].rpartition('": ')[2]


def _attachment(lake: Lake, options: str, *, name: str) -> str:
    source = f"ducklake:postgres:{lake.catalog}?application_name={name}&connect_timeout={CONNECT_S}"
    parts = [f"DATA_PATH {_literal(_folder(lake))}", options]
    return f"ATTACH {_literal(source)} AS {CATALOG} ({', '.join(p for p in parts if p)})"


def _folder(lake: Lake) -> str:
    return lake.files.rstrip("/") + "/"


def _bucket_secret() -> str:
    """Credentials of the bucket by the variables that every S3 client reads."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    settings = {
        "KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID"),
        "SECRET": os.environ.get("AWS_SECRET_ACCESS_KEY"),
        "SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN"),
        "REGION": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        "ENDPOINT": endpoint.partition("://")[2],
        "URL_STYLE": "path" if endpoint else None,
        "USE_SSL": "false" if endpoint.startswith("http://") else None,
    }
    given = "".join(f", {name} {_literal(value)}" for name, value in settings.items() if value)
    return f"CREATE SECRET bucket (TYPE s3{given})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
