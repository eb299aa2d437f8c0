"""Reads a provider's usage export: a CSV with days, models, tokens in and out, and costs, under the names that providers give them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple

from routerkit.errors import ConfigError

_DAY: Final = ("date", "day", "usage_date", "usage_date_utc", "start_time_iso", "start_time", "timestamp", "bucket_start")
_MODEL: Final = ("model", "model_version", "model_name", "snapshot_id")
_COST: Final = ("cost_usd", "cost", "amount_usd", "amount", "amount_value", "total_cost", "usd")
_INPUT: Final = re.compile(r"(usage_)?(input|prompt|n_context|cache_read_input|cache_creation_input)_tokens\w*")
_OUTPUT: Final = re.compile(r"(usage_)?(output|completion|n_generated)_tokens\w*")
_PART: Final = re.compile(r"(input|output|prompt|completion)_(cached|audio|reasoning|text|image)_tokens\w*|\w*_tokens_details\w*")
"""Parts of a sum that has a column of its own."""
_DATED: Final = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")


class Cell(NamedTuple):
    """One model on one UTC day."""

    day: date
    model: str
    """Lower case, without provider and date of the snapshot."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used; sums of cells add up."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """None when any part is unknown."""
    estimated_tokens: int = 0
    """Part of the tokens that nobody reported."""

    def __add__(self, other: Used) -> Used:
        cost = None if self.cost_usd is None or other.cost_usd is None else self.cost_usd + other.cost_usd
        return Used(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            cost,
            self.estimated_tokens + other.estimated_tokens,
        )


def summed(rows: Iterable[tuple[Cell, Used]]) -> dict[Cell, Used]:
    """Rows of the same cell as one."""
    total: dict[Cell, Used] = {}
    for cell, used in rows:
        total[cell] = total.get(cell, Used()) + used
    return total


class Billed(NamedTuple):
    """One line of an export."""

    at: datetime
    """UTC; the beginning of its day where the export gives no time."""
    model: str
    """As in `Cell`."""
    used: Used


def read_export(path: Path) -> dict[Cell, Used]:
    """What a provider says was used.

    Raises:
        ConfigError: as `read_lines`.
    """
    return summed((Cell(line.at.date(), line.model), line.used) for line in read_lines(path))


def read_lines(path: Path) -> list[Billed]:
    """What a provider says was used, line by line.

    Raises:
        ConfigError: the file cannot be read, holds no line, a column is missing or a value is wrong; names line, column and value.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = list(_rows(path, csv.DictReader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise ConfigError(f"{path}: cannot be read as CSV ({getattr(exc, 'strerror', None) or exc}); export the usage again") from exc
    if not found:
        raise ConfigError(f"{path}: has no lines, so there is nothing to compare or settle; export the usage of these days")
    return found


def model_name(text: str) -> str:
    """A model as both sides may call it."""
    return _DATED.sub("", text.strip().lower().rpartition("/")[2])


class _Columns(NamedTuple):
    day: str
    model: str
    cost: str | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[Billed]:
    columns = _columns(path, reader.fieldnames or ())
    for row in reader:
        where = f"{path}:{reader.line_num}"
        if any(row.values()):
            yield Billed(_instant(where, row, columns.day), model_name(row[columns.model] or ""), _used(where, row, columns))


def _columns(path: Path, names: Iterable[str]) -> _Columns:
    known = {re.sub(r"\W+", "_", name.strip().lower()): name for name in names}
    inputs = tuple(name for key, name in known.items() if _INPUT.fullmatch(key) and not _PART.fullmatch(key))
    outputs = tuple(name for key, name in known.items() if _OUTPUT.fullmatch(key) and not _PART.fullmatch(key))
    found = {what: next((known[key] for key in keys if key in known), None) for what, keys in (("d", _DAY), ("m", _MODEL), ("c", _COST))}
    missing = [
        f"{what} (e.g. {example})"
        for what, example, has in (
            ("a day", "date", found["d"]),
            ("a model", "model", found["m"]),
            ("tokens in", "input_tokens", inputs),
            ("tokens out", "output_tokens", outputs),
        )
        if not has
    ]
    if missing:
        raise ConfigError(f"{path}: has no column for {missing[0]}; it has {', '.join(known) or 'none'}")
    return _Columns(found["d"] or "", found["m"] or "", found["c"], inputs, outputs)


def _used(where: str, row: Mapping[str, str], columns: _Columns) -> Used:
    tokens = [sum(int(_number(where, name, row[name])) for name in names) for names in (columns.inputs, columns.outputs)]
    cost = None if columns.cost is None or not row[columns.cost] else _number(where, columns.cost, row[columns.cost])
    return Used(tokens[0], tokens[1], cost)


def _number(where: str, column: str, text: str | None) -> float:
    try:
        value = float((text or "0").strip().lstrip("$").replace(",", "") or 0)
    except ValueError:
        raise ConfigError(f"{where}: {column} is {(text or '')[:40]!r}, which is not a number; correct that line") from None
    if not 0 <= value < 1e15:
        raise ConfigError(f"{where}: {column} is {(text or '')[:40]!r}; it must be 0 or more; correct that line")
    return value


def _instant(where: str, row: Mapping[str, str], column: str) -> datetime:
    text = (row[column] or "").strip()
    try:
        if text.isdigit() and len(text) > 8:
            return datetime.fromtimestamp(int(text), UTC)
        instant = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ConfigError(f"{where}: {column} is {text[:40]!r}, which is not a date; write e.g. 2026-11-26") from None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
