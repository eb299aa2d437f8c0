"""What the store holds: one table per stream of rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from routerkit.messages import Json

Row: TypeAlias = Mapping[str, Json]
"""One line of a segment: column name to value. Instants are ISO 8601 text in UTC without an offset."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_TYPE: Final = re.compile(r"[A-Z]+(\[\])?")
_OURS: Final = frozenset({"ingested", "schema_version"})


@dataclass(frozen=True, slots=True)
class StreamSchema:
    """A stream of rows and the table it ends up in. Adding a column later is enough: tables grow it on the next ingestion."""

    name: str
    """Stream, as in the names of its segment files; lower-case letters, digits and `_`."""
    table: str
    key: str
    """Column that no good row leaves empty; a line without it is counted as bad."""
    columns: Mapping[str, str]
    """DuckDB type by column name, e.g. `VARCHAR`, `BIGINT`, `DOUBLE`, `BOOLEAN`, `TIMESTAMP`, `JSON`, `VARCHAR[]`. Never name a column
    `at`: DuckDB makes every query quote it."""
    is_unique: bool = False
    """Whether a row whose key is stored already is left out, so that loading the same rows twice changes nothing."""
    views: Mapping[str, str] = field(default_factory=dict)
    """SELECT by name of a view that every reader sees; over this table and earlier views of this stream only."""

    def __post_init__(self) -> None:
        for name in (self.name, self.table, *self.columns, *self.views):
            if not _NAME.fullmatch(name):
                raise ValueError(f"stream {self.name!r}: {name!r} is not a usable name; use lower-case letters, digits and _")
        for column, type_ in self.columns.items():
            if not _TYPE.fullmatch(type_):
                raise ValueError(f"stream {self.name!r}: column {column!r} has the unknown type {type_!r}; use e.g. VARCHAR or DOUBLE")
        if self.key not in self.columns:
            raise ValueError(f"stream {self.name!r}: key {self.key!r} is not one of its columns")
        if self.table in _OURS:
            raise ValueError(f"stream {self.name!r}: table {self.table!r} belongs to the store itself; choose another name")


CALLS: Final = StreamSchema(
    name="calls",
    table="calls",
    key="record_id",
    columns={
        "called_at": "TIMESTAMP",
        "record_id": "VARCHAR",
        "pool": "VARCHAR",
        "policy": "VARCHAR",
        "kind": "VARCHAR",
        "agent": "VARCHAR",
        "session": "VARCHAR",
        "tags": "VARCHAR[]",
        "target": "VARCHAR",
        "model": "VARCHAR",
        "status": "VARCHAR",
        "finish_reason": "VARCHAR",
        "error_code": "VARCHAR",
        "n_attempts": "INTEGER",
        "latency_s": "DOUBLE",
        "first_token_s": "DOUBLE",
        "input_tokens": "BIGINT",
        "cached_input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "reasoning_tokens": "BIGINT",
        "usage_estimated": "BOOLEAN",
        "cost_usd": "DOUBLE",
        "price_version": "VARCHAR",
        "is_stream": "BOOLEAN",
        "prompt_chars": "BIGINT",
        "prompt_sha256": "VARCHAR",
        "output_chars": "BIGINT",
        "picked": "VARCHAR",
        "propensity": "DOUBLE",
        "is_exploring": "BOOLEAN",
        "expected_usd": "DOUBLE",
        "rule": "VARCHAR",
        "scorecard_revision": "VARCHAR",
        "config_revision": "VARCHAR",
        "worker_pid": "BIGINT",
        "cached_from": "VARCHAR",
        "cached_likeness": "DOUBLE",
        "key_id": "VARCHAR",
        "n_steps": "INTEGER",
        "decision": "JSON",
        "attempts": "JSON",
        "prompt": "VARCHAR",
        "output": "VARCHAR",
    },
)
"""One row per routed call."""

LOST: Final = replace(CALLS, name="lost", is_unique=True)
"""Calls whose process died. One that was recorded just before is in the table already, and is left out."""

REPORTS: Final = StreamSchema(
    name="reports",
    table="reports",
    key="record_id",
    columns={"reported_at": "TIMESTAMP", "record_id": "VARCHAR", "success": "BOOLEAN", "evidence": "VARCHAR"},
    views={"latest_reports": "SELECT * FROM reports QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY reported_at DESC) = 1"},
)
"""Later truth about calls; a call may have several reports, of which the last one counts (view `latest_reports`)."""

ALARMS: Final = StreamSchema(
    name="alarms",
    table="alarms",
    key="alarm_id",
    columns={
        "alarm_id": "VARCHAR",
        "raised_at": "TIMESTAMP",
        "target": "VARCHAR",
        "kind": "VARCHAR",
        "measure": "VARCHAR",
        "normal": "DOUBLE",
        "seen": "DOUBLE",
        "n_seen": "BIGINT",
        "since": "TIMESTAMP",
        "scorecard_revision": "VARCHAR",
    },
    is_unique=True,
)
"""One row per cell, measure and scorecard: what was found to be worse than that scorecard says."""

LEDGER_SCHEMAS: Final = (CALLS, LOST, REPORTS, ALARMS)
"""What the router itself writes, each stream after those that its rows must not repeat."""
