"""Tasks out of Hugging Face `datasets`: `hf:NAME`, a set of the hub, or `hf:PATH`, a local Parquet, JSON Lines or CSV file or folder.

A configuration and a split are named as in `hf:NAME?CONFIG@SPLIT`. Rows must look like one of the layouts below; anything else needs an
adapter of its own, which an entry point of the group `routerkit.task_sources` brings.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from routerkit import Json
from routerkit_evals.errors import EvalError, TaskError
from routerkit_evals.execution import Program
from routerkit_evals.task import SCHEMA, Scorer, Task, parse_task

PREFIX: Final = "hf:"
GROUP: Final = "routerkit.task_sources"
"""Entry points of other packages: name of a source to a function that takes what follows `NAME:` and returns tasks."""
_LOADERS: Final = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv"}
_NESTED: Final = frozenset({"files", "tests", "preamble", "reference", "scorer", "editable", "cmd", "background", "shown_tests"})
"""Columns of our own schema that are objects or lists, which a CSV file cannot hold but as text."""
_INSTALL: Final = "pip install 'routerkit[evals]'"


@dataclass(frozen=True, slots=True)
class Spec:
    """Which rows of which set."""

    name: str
    config: str | None = None
    split: str = ""
    """Empty = the only split, or `test`."""


def plugged_in(name: str) -> tuple[Task, ...] | None:
    """Tasks of a source that is not a built-in: `hf:…`, or an entry point `NAME` or `NAME:ARGUMENT`; None when nobody knows the name.

    Raises:
        EvalError: the source needs a package, its rows are of no known layout, or its function fails.
    """
    if name.startswith(PREFIX):
        return hugging_face(name.removeprefix(PREFIX))
    kind, _, argument = name.partition(":")
    found = [point for point in entry_points(group=GROUP) if point.name == kind]
    if not found:
        return None
    try:
        return tuple(found[0].load()(argument))
    except EvalError:
        raise
    except Exception as exc:  # foreign code may raise anything, and the user needs to know whose it is
        raise EvalError(f"task source {kind!r} of {found[0].value} failed: {type(exc).__name__}: {exc}") from exc


def parse_spec(text: str) -> Spec:
    """Read `NAME[?CONFIG][@SPLIT]`."""
    rest, _, split = text.partition("@")
    name, _, config = rest.partition("?")
    return Spec(name, config or None, split)


def hugging_face(text: str) -> tuple[Task, ...]:
    """Tasks of a set.

    Raises:
        EvalError: `datasets` is missing, the set cannot be read, or a row is of no known layout; the message says which and what to do.
    """
    spec = parse_spec(text)
    if not spec.name:
        raise EvalError("task source 'hf:' names no set; give hf:NAME of the hub, or hf:PATH of a .parquet, .jsonl, .json or .csv file")
    rows = _rows(spec)
    tasks = tuple(task_of(row, where=f"{spec.name}:{number}") for number, row in enumerate(rows, 1))
    if not tasks:
        raise EvalError(f"{PREFIX}{text}: holds no rows")
    return tasks


def task_of(row: Mapping[str, Json], *, where: str) -> Task:
    """Task of one row.

    Raises:
        TaskError: the row is of no known layout.
    """
    if row.get("schema") == SCHEMA:
        # Columns of tables are there for all rows; what a task leaves out is empty.
        return parse_task(_as_line({k: _unpacked(k, v) for k, v in row.items() if v is not None}, where), where=where)
    for columns, make in _LAYOUTS.items():
        if set(columns) <= row.keys():
            return make(row, where)
    layouts = "; ".join(", ".join(columns) for columns in _LAYOUTS)
    raise TaskError(f"{where}: columns {', '.join(sorted(row))} match no layout we know (schema {SCHEMA}; {layouts}); write an adapter")


def _as_line(row: Mapping[str, object], where: str) -> str:
    """As JSON; tables hold dates as well."""
    try:
        return json.dumps({k: v.isoformat() if isinstance(v, date) else v for k, v in row.items()})
    except TypeError:
        name, value = next((k, v) for k, v in row.items() if not isinstance(v, str | int | float | list | dict | date))
        raise TaskError(f"{where}: column {name!r} holds {type(value).__name__}, which is not JSON") from None


def _unpacked(name: str, value: Json) -> Json:
    """Tables cannot hold objects with free keys, so those columns may be JSON text; and a table fills missing keys with null."""
    if name in _NESTED and isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        return {key: inner for key, inner in value.items() if inner is not None}
    return value


def _human_eval(row: Mapping[str, Json], where: str) -> Task:
    # Only here: sources imports this module.
    from routerkit_evals.sources import human_eval_task

    return human_eval_task({name: str(value) for name, value in row.items()})


def _mbpp(row: Mapping[str, Json], where: str) -> Task:
    tests = row["test_list"]
    if isinstance(tests, str) or not isinstance(tests, Sequence):
        raise TaskError(f"{where}: column 'test_list' must be a list of strings")
    if not tests:
        raise TaskError(f"{where}: column 'test_list' is empty, so any answer would pass")
    setup = str(row.get("test_setup_code") or "")
    text = str(row.get("text") or row.get("prompt") or "")
    return Task(
        id=f"mbpp/{row['task_id']}",
        category="synthesize",
        prompt=f"{text}\nYour code should pass: {tests[0]}",
        scorer=Scorer("tests"),
        program=Program("script", ("check.py",)),
        editable=("solution.py",),
        tests={"check.py": "\n".join(["from solution import *", setup, *(str(test) for test in tests)]) + "\n"},
        reference={"solution.py": str(row["code"])},
        timeout_s=10.0,
        cluster=f"mbpp/{row['task_id']}",
        source="mbpp",
    )


_LAYOUTS: Final[Mapping[tuple[str, ...], Callable[[Mapping[str, Json], str], Task]]] = {
    ("task_id", "prompt", "canonical_solution", "test", "entry_point"): _human_eval,
    ("task_id", "code", "test_list"): _mbpp,
}


def _rows(spec: Spec) -> Iterator[Mapping[str, Json]]:
    try:
        import datasets  # heavy, and only this source needs it
    except ImportError as exc:
        raise EvalError(f"task source 'hf:' needs the package {exc.name!r}; {_INSTALL}") from exc
    try:
        loaded = _local(datasets, spec) if Path(spec.name).exists() else datasets.load_dataset(spec.name, spec.config)  # nosec B615  the user names it, and it is data
    except Exception as exc:  # the package raises dozens of types, and each means that there are no rows
        raise EvalError(f"{PREFIX}{spec.name}: cannot be read ({_line(exc)}); check the name, the network, or give a local file") from exc
    splits = {str(name): rows for name, rows in loaded.items()}
    split = spec.split or (next(iter(splits)) if len(splits) == 1 else "test")
    if split not in splits:
        raise EvalError(f"{PREFIX}{spec.name}: no split {split!r}; known: {', '.join(splits)}; add @SPLIT")
    return (dict(row) for row in splits[split])


def _local(datasets: object, spec: Spec) -> Mapping[str, Sequence[Mapping[str, Json]]]:
    path = Path(spec.name)
    files = sorted(p for p in path.iterdir() if p.suffix in _LOADERS) if path.is_dir() else [path]
    kinds = {_LOADERS.get(file.suffix, "") for file in files}
    if len(kinds) != 1 or "" in kinds:
        raise ValueError("it must be files of one sort: .parquet, .jsonl, .json or .csv")
    # Only here: sources imports this module.
    from routerkit_evals.sources import quiet_offline

    load = getattr(datasets, "load_dataset")  # noqa: B009  the package ships no types
    with quiet_offline(datasets):
        loaded: Mapping[str, Sequence[Mapping[str, Json]]] = load(kinds.pop(), data_files=[str(file) for file in files])
    return loaded


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
