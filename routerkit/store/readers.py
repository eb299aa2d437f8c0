"""Asking the store: short read-only connections that also see what is not ingested yet."""

# ruff: noqa: S608  names put into SQL are identifiers checked by StreamSchema, or tables made from such
from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError
from routerkit.messages import Json
from routerkit.store.database import CATALOG, interrupts, one_line, open_memory, tables_of
from routerkit.store.ingester import ingest
from routerkit.store.lake_guard import refuse_reaching_out
from routerkit.store.place import has_rows, is_shared, open_reading, restrict
from routerkit.store.schema import LEDGER_SCHEMAS, StreamSchema
from routerkit.store.segment_file import held_segments, segment_id, stream_of
from routerkit.store.tables import escape_glob, fresh_rows, known_segments

if TYPE_CHECKING:
    import duckdb

_INTERNAL: Final = ("ingested", "schema_version")
_TRIES: Final = 20
"""A store is made or rewritten under a reader once in a while; even two tries in a row are rare."""
_NO_SEGMENTS: Final[Mapping[Path, Path]] = {}


@dataclass(frozen=True, slots=True)
class Rows:
    """A whole result."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def as_dicts(self) -> list[dict[str, object]]:
        """One mapping per row."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def as_json(self) -> list[dict[str, Json]]:
        """One JSON object per row: instants in ISO 8601, NaN and infinities as null, for JSON has none; what else is not JSON as text."""
        return [{name: _json(value) for name, value in zip(self.columns, row, strict=True)} for row in self.rows]


class Snapshot:
    """The store as it was when the snapshot was opened."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, is_shared: bool = False) -> None:
        self._connection, self._is_shared = connection, is_shared

    @interrupts()
    def query(self, sql: str, params: Sequence[object] = ()) -> Rows:
        """Run one SELECT and fetch all of it. Nothing else is allowed: no writing, no other files, no network.

        Raises:
            StoreError: the SQL is wrong, or no single SELECT.
        """
        import duckdb  # loaded here, see database.open_memory

        # A cursor per query: DuckDB 2 streams results, and a half-read one blocks its connection.
        cursor = self._connection.cursor()
        try:
            _refuse_all_but_select(sql)
            if self._is_shared:
                refuse_reaching_out(cursor, sql)
            return _fetched(cursor, sql, list(params))
        except duckdb.Error as exc:
            raise StoreError(f"query failed: {one_line(exc)}") from exc
        finally:
            cursor.close()


@contextmanager
def connect_readonly(
    folder: Path, *, schemas: Sequence[StreamSchema] = LEDGER_SCHEMAS, live: bool = True, wait_s: float = 2.0
) -> Iterator[Snapshot]:
    """Open a snapshot: the tables of `schemas` (empty ones too) and every other table in the file, by their plain names.

    Keep it short: nothing can be ingested while it is open.

    Args:
        folder: Folder of the store; a missing one has no rows.
        schemas: Streams whose segments are read as well, if `live`.
        live: Whether rows that are not ingested yet count.
        wait_s: How long to wait for a writer of the file, in seconds.

    Raises:
        StoreError: the file is held by a writer, or is not a database of ours.
    """
    connection = _open(folder, schemas, live=live, wait_s=wait_s)
    try:
        yield Snapshot(connection, is_shared=is_shared(folder))
    finally:
        connection.close()


def query(
    folder: Path, sql: str, params: Sequence[object] = (), *, schemas: Sequence[StreamSchema] = LEDGER_SCHEMAS, live: bool = True
) -> Rows:
    """Answer one SELECT over the store, up to the newest written row. Ingests first where it can; where it cannot, still answers.

    Args:
        folder: Folder of the store.
        sql: One SELECT; parameters are `?`.
        params: Values for the parameters.
        schemas: Streams that must exist as tables, even when nothing was ever written.
        live: Whether rows that are not ingested yet count, and whether to ingest first.

    Raises:
        StoreError: as `Snapshot.query` and `connect_readonly`; one line.
    """
    if live and not is_shared(folder):
        # Ingesting is a courtesy here (in a lake, it would be a small file for good): on a read-only or full disk, or while somebody
        # holds the file, segments are read in place.
        with suppress(StoreError):
            ingest(folder, schemas=schemas, wait_s=0.1)
    with connect_readonly(folder, schemas=schemas, live=live) as snapshot:
        return snapshot.query(sql, params)


@interrupts()
def _open(folder: Path, schemas: Sequence[StreamSchema], *, live: bool, wait_s: float) -> duckdb.DuckDBPyConnection:
    for _ in range(_TRIES):
        connection = _try_open(folder, schemas, live=live, wait_s=wait_s)
        if connection is not None:
            return connection
        time.sleep(0.005)
    raise StoreError(f"the segments in {folder} could not be read {_TRIES} times in a row; check who may read them, or try again")


def _try_open(folder: Path, schemas: Sequence[StreamSchema], *, live: bool, wait_s: float) -> duckdb.DuckDBPyConnection | None:
    """A connection with all views made; None when the store moved on meanwhile."""
    import duckdb  # loaded here, see database.open_memory

    is_stored = has_rows(folder)
    # Held first: what is committed from here to the opening is found in the store, and what is committed after it is not seen in there.
    with held_segments(folder) if live else nullcontext(_NO_SEGMENTS) as segments:
        connection = open_reading(folder, wait_s=wait_s) if is_stored else open_memory()
        try:
            known = known_segments(connection, [segment_id(p) for p in segments]) if is_stored else set()
            _make_views(connection, schemas, {p: held for p, held in segments.items() if segment_id(p) not in known})
            restrict(connection, folder)
        except duckdb.Error as exc:
            connection.close()
            if isinstance(exc, duckdb.IOException) and live:
                return None
            raise StoreError(f"cannot read {folder}: {one_line(exc)}") from exc
    if not is_stored and has_rows(folder):
        # Made since, perhaps from the very segments that we did not find any more.
        connection.close()
        return None
    return connection


def _make_views(connection: duckdb.DuckDBPyConnection, schemas: Sequence[StreamSchema], pending: Mapping[Path, Path]) -> None:
    tables = tables_of(connection) - set(_INTERNAL)
    connection.execute("CREATE SCHEMA live")
    for schema in schemas:
        _load(connection, schema, [held for p, held in pending.items() if stream_of(p) == schema.name], has_table=schema.table in tables)
    for table in {s.table: None for s in schemas}:
        parts = [f'SELECT * FROM {place}."{table}"' for place in ((CATALOG, "live") if table in tables else ("live",))]
        # By name: the file may have fewer columns than we know, or more.
        connection.execute(f'CREATE VIEW "{table}" AS ' + " UNION ALL BY NAME ".join(parts))
    for table in tables - {s.table for s in schemas}:
        connection.execute(f'CREATE VIEW "{table}" AS SELECT * FROM {CATALOG}."{table}"')
    for schema in schemas:
        for name, select in schema.views.items():
            connection.execute(f'CREATE VIEW "{name}" AS {select}')


def _load(connection: duckdb.DuckDBPyConnection, schema: StreamSchema, paths: Sequence[Path], *, has_table: bool) -> None:
    """Copy segments into memory, as no file may be opened later."""
    columns = ", ".join(f'"{name}" {type_}' for name, type_ in schema.columns.items())
    connection.execute(f'CREATE TABLE IF NOT EXISTS live."{schema.table}" ({columns})')
    if paths:
        known = [f'{place}."{schema.table}"' for place in ((CATALOG, "live") if has_table else ("live",))]
        insert = f'INSERT INTO live."{schema.table}" SELECT * FROM {fresh_rows(schema, known)}'
        _insert_readable(connection, insert, [escape_glob(p) for p in paths])


def _insert_readable(connection: duckdb.DuckDBPyConnection, insert: str, paths: Sequence[str]) -> None:
    import duckdb  # loaded here, see database.open_memory

    try:
        connection.execute(insert, [paths])
    except (duckdb.InvalidInputException, duckdb.DataError):
        if len(paths) > 1:
            # One of them is not JSON at all; the ingester will set it aside.
            for path in paths:
                _insert_readable(connection, insert, [path])


def _fetched(cursor: duckdb.DuckDBPyConnection, sql: str, params: list[object]) -> Rows:
    """All rows. Instants with a time zone become UTC without one, as they are stored; DuckDB would need another package for them."""
    cursor.execute(sql, params)
    described = cursor.description or ()
    zoned = [str(d[1]) == "TIMESTAMP WITH TIME ZONE" for d in described]
    if any(zoned):
        places = [f"c{i}" for i in range(len(described))]
        picked = ", ".join(f"make_timestamp(epoch_us({c}))" if is_zoned else c for c, is_zoned in zip(places, zoned, strict=True))
        cursor.execute(f"SELECT {picked} FROM ({sql.strip().removesuffix(';')}\n) AS t({', '.join(places)})", params)
    return Rows(_distinct([d[0] for d in described]), tuple(cursor.fetchall()))


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns; the second `a` is `a_1`, as no row as a mapping may lose one."""
    found: dict[str, None] = {}
    for name in names:
        candidates = (name if i == 0 else f"{name}_{i}" for i in range(len(names) + 1))
        found[next(c for c in candidates if c not in found and (c == name or c not in names))] = None
    return tuple(found)


def _refuse_all_but_select(sql: str) -> None:
    import duckdb  # loaded here, see database.open_memory

    types = [statement.type for statement in duckdb.extract_statements(sql)]
    if len(types) != 1 or types[0] not in {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}:
        raise StoreError("query refused: give exactly one SELECT; the ledger is read-only")


def _json(value: object) -> Json:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {str(key): _json(part) for key, part in value.items()}
        case list() | tuple():
            return [_json(part) for part in value]
        case date():  # an instant is one, too
            return value.isoformat()
        case _:
            return str(value)
