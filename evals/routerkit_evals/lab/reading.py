"""Recorded items and outcomes from Parquet, CSV or JSON lines, forgiving about what is missing and strict about what is wrong."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from routerkit_evals.errors import EvalError

Row: TypeAlias = Mapping[str, object]

_Parsed = TypeVar("_Parsed")
_TRUTH: Final = {"true": 1.0, "false": 0.0}
_CELL_CHARS: Final = 1 << 30
"""Longest cell of a CSV file; the 131,072 of `csv` are fewer than a prompt may have."""


@dataclass(frozen=True, slots=True)
class Item:
    """One task as a router would see it, and where it comes from."""

    benchmark: str
    item_id: str
    kind: str
    """Category or task kind; empty when unknown."""
    language: str
    repo: str
    prompt: str

    @property
    def cluster(self) -> str:
        """What is resampled together: the repository, or the item itself where there is none."""
        return self.repo or f"{self.benchmark}/{self.item_id}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one model did on one item once."""

    benchmark: str
    item_id: str
    harness: str
    model: str
    score: float
    """0..1; NaN = unknown."""
    cost_usd: float
    """Dollars for the whole item; NaN = unknown."""
    output_tokens: float
    """NaN = unknown."""


def read_items(paths: Sequence[Path]) -> tuple[Item, ...]:
    """Items of all files together; of two with the same benchmark and id, the later one.

    Raises:
        EvalError: a file cannot be read or has no column `item_id`.
    """
    found = {(i.benchmark, i.item_id): i for path in paths for i in _parsed(path, ("item_id",), _item)}
    return tuple(found.values())


def read_outcomes(paths: Sequence[Path]) -> tuple[Outcome, ...]:
    """Outcomes of all files, one after the other.

    Raises:
        EvalError: a file cannot be read, or lacks one of the columns `item_id`, `model`, `score`, or a number is none.
    """
    return tuple(o for path in paths for o in _parsed(path, ("item_id", "model", "score"), _outcome))


def _item(row: Row) -> Item:
    kind = _text(row, "category") or _text(row, "kind")
    return Item(_text(row, "benchmark"), _given(row, "item_id"), kind, _text(row, "language"), _text(row, "repo"), _text(row, "prompt"))


def _outcome(row: Row) -> Outcome:
    score = _number(row, "score")
    if not math.isnan(score) and not 0.0 <= score <= 1.0:
        raise ValueError(f"score {score} is outside 0..1")
    cost = _number(row, "cost_usd")
    return Outcome(
        _text(row, "benchmark"),
        _given(row, "item_id"),
        _text(row, "harness"),
        _given(row, "model"),
        score,
        cost if cost >= 0.0 and math.isfinite(cost) else math.nan,
        _number(row, "output_tokens"),
    )


def _parsed(path: Path, needed: Sequence[str], parse: Callable[[Row], _Parsed]) -> Iterator[_Parsed]:
    for number, row in enumerate(_rows(path), start=1):
        if not isinstance(row, Mapping):
            raise EvalError(f"{path}: row {number} is not a JSON object but {str(row)[:40]!r}")
        if None in row:  # as the reader of CSV calls what no column is named for
            raise EvalError(f"{path}: row {number} has more cells than there are columns; put text with commas in quotes")
        if number == 1 and (missing := [name for name in needed if name not in row]):
            raise EvalError(f"{path}: no column {missing[0]!r}; found {', '.join(sorted(row)) or 'none'}")
        try:
            yield parse(row)
        except (ValueError, OverflowError) as exc:
            raise EvalError(f"{path}: row {number}: {exc}") from exc


def _rows(path: Path) -> Iterable[Row]:
    name = path.name.removesuffix(".gz")
    try:
        if name.endswith((".parquet", ".pq")):
            return _parquet(path)
        text = _read_text(path)
        if name.endswith(".csv"):
            csv.field_size_limit(_CELL_CHARS)
            return list(csv.DictReader(io.StringIO(text, newline="")))  # splitlines would also split at what texts may hold
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (OSError, ValueError, EOFError, RecursionError, zlib.error, csv.Error) as exc:
        raise EvalError(f"{path}: cannot be read as Parquet, CSV or JSON lines ({exc})") from exc


def _parquet(path: Path) -> list[Row]:
    from pyarrow.parquet import read_table  # type: ignore[import-untyped]  # 0.3 s that CSV and JSON lines need not pay

    rows: list[Row] = read_table(path).to_pylist()
    return rows


def _read_text(path: Path) -> str:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return file.read().decode("utf-8-sig")  # spreadsheets begin their exports with a mark
    return path.read_bytes().decode("utf-8-sig")


def _given(row: Row, name: str) -> str:
    if not (text := _text(row, name)):
        raise ValueError(f"{name} is empty")
    return text


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # pandas makes floats of whole ids as soon as one cell of the column is empty
    return str(value)


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    if value is None or value == "":
        return math.nan
    if isinstance(value, (bool, int, float)):
        return float(value)
    word = str(value).strip().lower()
    if word in _TRUTH:
        return _TRUTH[word]
    try:
        return math.nan if word in {"nan", "null", "none", "na"} else float(word)
    except ValueError:
        raise ValueError(f"{name} {value!r} is not a number") from None
