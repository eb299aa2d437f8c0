"""Tasks out of Hugging Face data sets on this disk, and out of other packages."""

from __future__ import annotations

import datetime
import errno
import json
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from routerkit_evals import EvalError, Task, TaskError, tasks_of
from routerkit_evals.hf_source import task_of
from routerkit_evals.sources import quiet_offline
from tests.evals.making import make_value_task

ROW = {
    "schema": "rk-task/1",
    "id": "x/1",
    "category": "bug_fix",
    "prompt": "Which line?",
    "scorer": {"type": "int_in", "extract": r"LINE (\d+)"},
    "answer": [7],
}
HUMAN_EVAL = {
    "task_id": "H/0",
    "prompt": "def f():\n",
    "canonical_solution": "    return 1\n",
    "test": "def check(f): pass",
    "entry_point": "f",
}
MBPP = {"task_id": 3, "text": "Add.", "code": "def add(a, b): return a + b", "test_list": ["assert add(1, 2) == 3"], "test_setup_code": ""}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("hf"))


def jsonl(path: Path, *rows: Mapping[str, object]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"hf:{path}"


@pytest.mark.slow
def test_our_own_schema_is_read_from_json_lines_and_parquet_alike(tmp_path: Path) -> None:
    name = jsonl(tmp_path / "a.jsonl", {**ROW, "files": json.dumps({"a.py": "x = 1\n"})}, {**ROW, "id": "x/2", "files": None})
    tasks = tasks_of(name)
    assert [("x/1", {"a.py": "x = 1\n"}), ("x/2", {})] == [(t.id, dict(t.files)) for t in tasks]
    import pyarrow.json
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.json.read_json(tmp_path / "a.jsonl"), tmp_path / "a.parquet")
    assert tasks == tasks_of(f"hf:{tmp_path / 'a.parquet'}")


@pytest.mark.slow
def test_known_layouts_become_tasks_with_a_reference(tmp_path: Path) -> None:
    (task,) = tasks_of(jsonl(tmp_path / "h.jsonl", HUMAN_EVAL))
    assert ("H/0", {"solution.py": "    return 1\n"}) == (task.id, dict(task.reference))
    (task,) = tasks_of(jsonl(tmp_path / "m.jsonl", MBPP))
    assert ("mbpp/3", True) == (task.id, "assert add(1, 2) == 3" in task.tests["check.py"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hf:", "names no set"),
        ("hf:{}/a.txt", r"files of one sort: \.parquet"),
        ("hf:{}/a.jsonl", "columns x match no layout we know"),
        ("hf:{}/a.jsonl@dev", "no split 'dev'; known: train"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, name: str, message: str) -> None:
    jsonl(tmp_path / "a.jsonl", {"x": 1})
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises((EvalError, TaskError), match=message) as caught:
        tasks_of(name.format(tmp_path))
    assert "\n" not in str(caught.value)


def plug(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    point = EntryPoint("theirs", f"{__name__}:{function}", "routerkit.task_sources")
    monkeypatch.setattr("routerkit_evals.hf_source.entry_points", lambda group: [point] if group == point.group else [])
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[function])


def two_tasks(argument: str) -> list[Task]:
    return [make_value_task(f"{argument}{i}") for i in range(2)]


def twice(argument: str) -> list[Task]:
    return [make_value_task(argument)] * 2


def broken(argument: str) -> list[Task]:
    raise KeyError(argument)


def test_table_of_odd_columns_is_read_or_refused_in_one_line() -> None:
    listed = {"editable": '["a.py"]', "tests": '{"c.py": "x"}', "cmd": '["python", "c.py"]', "scorer": '{"type": "tests"}'}
    row = {**ROW, **listed, "answer": None, "published": datetime.date(2026, 1, 1)}
    assert "2026-01-01" == task_of(row, where="t:1").published
    with pytest.raises(TaskError, match=r"^t:1: column 'prompt' holds bytes, which is not JSON$"):
        task_of({**row, "prompt": b"x"}, where="t:1")
    with pytest.raises(TaskError, match=r"^t:1: column 'test_list' is empty"):
        task_of({**MBPP, "test_list": []}, where="t:1")


def test_source_of_another_package_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, "two_tasks")
    assert ["test/it0", "test/it1"] == [task.id for task in tasks_of("theirs:it")]


def test_source_of_another_package_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, "broken")
    with pytest.raises(EvalError, match=r"task source 'theirs' of .*:broken failed: KeyError: 'x'"):
        tasks_of("theirs:x")


def test_source_that_names_a_task_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plug(monkeypatch, "twice")
    with pytest.raises(TaskError, match=r"^theirs:x: task id 'test/x' occurs twice"):
        tasks_of("theirs:x")


def test_cache_that_cannot_be_written_is_said_in_one_line() -> None:
    import datasets

    with (
        pytest.raises(EvalError, match=r"^/home/.cache: Permission denied; `datasets` keeps .+: set HF_HOME"),
        quiet_offline(datasets),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", "/home/.cache")
