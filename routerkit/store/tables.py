"""SQL that moves rows from segment files into tables."""

# ruff: noqa: S608  names put into SQL are identifiers checked by StreamSchema
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from routerkit.store.database import CATALOG, quoted
from routerkit.store.schema import StreamSchema

if TYPE_CHECKING:
    import duckdb


class Loaded(NamedTuple):
    """What a segment held."""

    n_rows: int
    n_bad: int


def prepare_table(connection: duckdb.DuckDBPyConnection, schema: StreamSchema) -> None:
    """Make the stream's table, or add the columns that it lacks. Columns of a newer version stay as they are."""
    columns = [f'"{name}" {type_}' for name, type_ in schema.columns.items()]
    connection.execute(f'CREATE TABLE IF NOT EXISTS {CATALOG}."{schema.table}" ({", ".join(columns)})')
    present = columns_of(connection, schema.table)
    for name, type_ in schema.columns.items():
        if name not in present:
            connection.execute(f'ALTER TABLE {CATALOG}."{schema.table}" ADD COLUMN "{name}" {type_}')
    for name, select in schema.views.items():
        connection.execute(f'CREATE OR REPLACE VIEW {CATALOG}."{name}" AS {select}')


def insert_segment(connection: duckdb.DuckDBPyConnection, schema: StreamSchema, path: Path, *, name: str) -> Loaded | None:
    """Insert a segment's rows and its name; None when the name is already there. The caller holds the transaction."""
    if known_segments(connection, [name]):
        return None
    columns, files = quoted(tuple(schema.columns)), [[escape_glob(path)]]
    rows = f"SELECT {columns} FROM {fresh_rows(schema, has_table=True)}"
    n_rows: int = connection.execute(f'INSERT INTO {CATALOG}."{schema.table}" ({columns}) {rows}', files).fetchall()[0][0]
    n_bad = _count_lines(path) - n_rows
    if n_bad and schema.is_unique:
        # What was left out as known already is not bad.
        n_bad = _count_lines(path) - connection.execute(f"SELECT count(*) FROM {segment_rows(schema)}", files).fetchall()[0][0]
    connection.execute(f"INSERT INTO {CATALOG}.ingested VALUES (?, ?, ?, now()::TIMESTAMPTZ AT TIME ZONE 'UTC')", [name, n_rows, n_bad])
    return Loaded(n_rows, n_bad)


def segment_rows(schema: StreamSchema) -> str:
    """Table expression for the good rows of the files in parameter 1. Unknown keys are ignored, torn lines have no key."""
    types = ", ".join(f"'{name}': '{type_}'" for name, type_ in schema.columns.items())
    return f'read_ndjson($1, columns={{{types}}}, ignore_errors=true) WHERE "{schema.key}" IS NOT NULL'


def fresh_rows(schema: StreamSchema, *, has_table: bool) -> str:
    """As `segment_rows`, without rows whose key occurred before, where keys are unique."""
    if not schema.is_unique:
        return segment_rows(schema)
    known = ""
    if has_table:
        key, rows = f'"{schema.key}"', segment_rows(schema)
        # The small side inside: looking a segment up in the table is ten times cheaper than the table in a segment.
        known = f' AND {key} NOT IN (SELECT {key} FROM {CATALOG}."{schema.table}" WHERE {key} IN (SELECT {key} FROM {rows}))'
    return f'{segment_rows(schema)}{known} QUALIFY row_number() OVER (PARTITION BY "{schema.key}") = 1'


def known_segments(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> set[str]:
    """Those of the names whose rows are in the file already."""
    rows = connection.execute(f"SELECT segment FROM {CATALOG}.ingested WHERE list_contains(?, segment)", [list(names)]).fetchall()
    return {row[0] for row in rows}


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Columns of a table of the file; empty when there is no such table."""
    rows = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND table_name = ?", [CATALOG, table]
    ).fetchall()
    return {row[0] for row in rows}


def escape_glob(path: Path) -> str:
    """Path as DuckDB's file functions want it: they take `*`, `?` and `[` in folder names for patterns."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
