"""What a query over a lake may not call: with its extensions come table functions that reach other databases, and the catalogue's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from routerkit.errors import StoreError

if TYPE_CHECKING:
    import duckdb

_ALLOWED: Final = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"})
"""Table functions that only look at what they are given. A list of those that reach out would miss the next extension's."""


def refuse_reaching_out(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse a query that calls any table function but the harmless ones. Asks DuckDB's parser, which no spelling deceives.

    Raises:
        StoreError: it does, or it is a statement that the parser cannot take apart (EXPLAIN, PIVOT).
    """
    ((text,),) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    parsed = json.loads(text)
    if parsed["error"] and "syntax" not in parsed.get("error_type", ""):
        raise StoreError("query refused: over a shared store only plain SELECTs run; no EXPLAIN, no PIVOT")
    for name in _table_functions(parsed):
        if name not in _ALLOWED:
            raise StoreError(f"query refused: table function {name!r} may reach beyond the ledger; use {', '.join(sorted(_ALLOWED))}")


def _table_functions(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if node.get("type") == "TABLE_FUNCTION":
            yield str(node["function"]["function_name"]).lower()
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            yield from _table_functions(part)
