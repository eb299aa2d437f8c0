"""SQL that moves rows from segment files into tables."""

# ruff: noqa: S608  names put into SQL are identifiers checked by StreamSchema
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from routerkit.store.database import CATALOG
from routerkit.store.schema import StreamSchema

if TYPE_CHECKING:
    import duckdb

_STAGED: Final = "staged_rows"
"""Rows of segments on their way into a table: JSON is parsed once, what is known already is found on the small copy."""
_FILE: Final = "staged_file"


class Loaded(NamedTuple):
    """What a segment held."""

    n_rows: int
    """Rows that were not in the table before."""
    n_bad: int


def prepare_table(connection: duckdb.DuckDBPyConnection, schema: StreamSchema) -> None:
    """Make the stream's table, or add the columns that it lacks. Columns of a newer version stay as they are."""
    columns = [f'"{name}" {type_}' for name, type_ in schema.columns.items()]
    connection.execute(f'CREATE TABLE IF NOT EXISTS {CATALOG}."{schema.table}" ({", ".join(columns)})')
    present = columns_of(connection, schema.table)
    for name, type_ in schema.columns.items():
        if name not in present:
            connection.execute(f'ALTER TABLE {CATALOG}."{schema.table}" ADD COLUMN "{name}" {type_}')


def prepare_views(connection: duckdb.DuckDBPyConnection, schema: StreamSchema) -> None:
    """Make the stream's views, for those who open the file without us."""
    for name, select in schema.views.items():
        connection.execute(f'CREATE OR REPLACE VIEW {CATALOG}."{name}" AS {select}')


def insert_segments(connection: duckdb.DuckDBPyConnection, schema: StreamSchema, segments: Mapping[str, Path]) -> dict[str, Loaded]:
    """Insert the rows of segments and their names, which are left out where they are there already. The caller holds the transaction.

    All at once, because each costs a look through the table's keys and, when the file is closed, a rewrite of the table's end.

    Args:
        connection: Has the file attached for writing.
        schema: Of all these segments.
        segments: Path by name.
    """
    known = known_segments(connection, list(segments))
    paths = {name: path for name, path in segments.items() if name not in known}
    if not paths:
        return {}
    select = segment_rows(schema, with_file=True)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_STAGED} AS SELECT * FROM {select}", [[escape_glob(p) for p in paths.values()]])
    n_good = _count_staged(connection)
    if schema.is_unique:
        _drop_known(connection, schema)
    n_new = _count_staged(connection)
    connection.execute(f'INSERT INTO {CATALOG}."{schema.table}" BY NAME SELECT * EXCLUDE {_FILE} FROM {_STAGED}')
    connection.execute(f"DROP TABLE {_STAGED}")
    loaded = {name: Loaded(n_new.get(str(p), 0), _count_lines(p) - n_good.get(str(p), 0)) for name, p in paths.items()}
    columns = [list(loaded), [s.n_rows for s in loaded.values()], [s.n_bad for s in loaded.values()]]
    connection.execute(
        f"INSERT INTO {CATALOG}.ingested SELECT unnest(?), unnest(?), unnest(?), now()::TIMESTAMPTZ AT TIME ZONE 'UTC'", columns
    )
    return loaded


def segment_rows(schema: StreamSchema, *, with_file: bool = False) -> str:
    """Table expression for the good rows of the files in parameter 1. Unknown keys are ignored, torn lines have no key."""
    types = ", ".join(f"'{name}': '{type_}'" for name, type_ in schema.columns.items())
    file = f", filename='{_FILE}'" if with_file else ""
    return f'read_ndjson($1, columns={{{types}}}, ignore_errors=true{file}) WHERE "{schema.key}" IS NOT NULL'


def fresh_rows(schema: StreamSchema, tables: Sequence[str]) -> str:
    """As `segment_rows`, without rows whose key occurred before, there or in one of these tables, where keys are unique."""
    if not schema.is_unique:
        return segment_rows(schema)
    key, rows = f'"{schema.key}"', segment_rows(schema)
    # The small side inside: looking a segment up in the table is ten times cheaper than the table in a segment.
    known = "".join([f" AND {key} NOT IN (SELECT {key} FROM {table} WHERE {key} IN (SELECT {key} FROM {rows}))" for table in tables])
    return f'{rows}{known} QUALIFY row_number() OVER (PARTITION BY "{schema.key}") = 1'


def known_segments(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> set[str]:
    """Those of the names whose rows are in the store already."""
    if not names:
        return set()
    # The range lets DuckDB skip what is older or newer: names of a stream begin with their instant.
    known = f"SELECT segment FROM {CATALOG}.ingested WHERE segment BETWEEN ? AND ? AND list_contains(?, segment)"
    return {row[0] for row in connection.execute(known, [min(names), max(names), list(names)]).fetchall()}


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    """Columns of a table of the file; empty when there is no such table."""
    rows = connection.execute(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = ? AND table_name = ?", [CATALOG, table]
    ).fetchall()
    return {row[0] for row in rows}


def escape_glob(path: Path) -> str:
    """Path as DuckDB's file functions want it: they take `*`, `?` and `[` in folder names for patterns."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in str(path))


def _count_staged(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    return dict(connection.execute(f"SELECT {_FILE}, count(*) FROM {_STAGED} GROUP BY 1").fetchall())


def _drop_known(connection: duckdb.DuckDBPyConnection, schema: StreamSchema) -> None:
    """Keep the first staged row of each key that the table does not have."""
    key = f'"{schema.key}"'
    # The small side inside: looking a segment up in the table is ten times cheaper than the table in a segment.
    known = f'SELECT {key} FROM {CATALOG}."{schema.table}" WHERE {key} IN (SELECT {key} FROM {_STAGED})'
    connection.execute(f"DELETE FROM {_STAGED} WHERE {key} IN ({known})")
    connection.execute(f"DELETE FROM {_STAGED} WHERE rowid NOT IN (SELECT min(rowid) FROM {_STAGED} GROUP BY {key})")


def _count_lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())
