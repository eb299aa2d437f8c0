"""Reading files out of answers."""

from __future__ import annotations

import pytest

from routerkit_evals.extract import as_text, extract, is_editable

ONE = ("solution.py",)
CODE = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    "answer",
    [
        f"```python\n{CODE}```",
        f"Here you go:\n\n```py\n{CODE}```\nHope that helps!",
        f"```python\n{CODE}```".replace("\n", "\r\n"),
        f"~~~\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"```python\n{CODE}",
        f"  ```python\n{CODE}  ```",
        f"`solution.py`:\n```\n{CODE}```",
        CODE,
        f"Sure, this is it:\n\n{CODE}\nIt returns one.",
    ],
    ids=["fence", "prose", "crlf", "tildes", "four", "unclosed", "indented", "label before", "bare", "bare in prose"],
)
def test_the_code_of_a_single_file_answer_is_found(answer: str) -> None:
    assert CODE.strip() == extract(answer, ONE).files["solution.py"].strip()


def test_of_several_blocks_the_longest_python_one_is_the_answer() -> None:
    answer = f"```python\nf()\n```\n```python\n{CODE}```\n```text\n{'1 ' * 200}\n```"
    assert extract(answer, ONE).files["solution.py"] == CODE


def test_files_of_a_multi_file_answer_are_told_apart_by_their_labels() -> None:
    answer = "**a.py**\n```python\nx = 1\n```\n```python pkg/b.py\ny = 2\n```\n```python\n# pkg/c.py\nz = 3\n```\n"
    found = extract(answer, ("a.py", "pkg/*.py"))
    assert {"a.py": "x = 1\n", "pkg/b.py": "y = 2\n", "pkg/c.py": "# pkg/c.py\nz = 3\n"} == found.files


def test_a_file_the_task_does_not_open_is_ignored_and_named() -> None:
    found = extract("```python a.py\nx = 1\n```\n```python check.py\nprint('ok')\n```\n", ("a.py", "b.py"))
    assert ({"a.py": "x = 1\n"}, ("check.py",)) == (found.files, found.ignored)


@pytest.mark.parametrize("answer", ["", "I cannot do that.", "The function adds its arguments."])
def test_prose_alone_holds_no_file(answer: str) -> None:
    assert not extract(answer, ONE).is_ok


def test_a_continuation_is_code_when_it_parses_behind_its_preamble() -> None:
    body = "    return a + b\n"
    assert body == extract(body, ONE, preamble={"solution.py": "def add(a, b):\n"}).files["solution.py"]


def test_code_that_does_not_parse_is_kept_as_it_is() -> None:
    assert extract("```python\ndef f(:\n```", ONE).files["solution.py"] == "def f(:\n"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.py", True), ("app/x.py", True), ("app/sub/x.py", False), ("../a.py", False), ("/a.py", False), ("b.py", False)],
)
def test_only_paths_the_task_names_may_be_written(path: str, expected: bool) -> None:
    assert expected == is_editable(path, ("a.py", "app/*.py"))


@pytest.mark.parametrize(
    "files",
    [
        {"a.py": "x = 1\n"},
        {"a.py": ""},
        {"a.py": "# app/b.py is the other one\nx = 1\n", "app/b.py": "# a.py\ny = 2\n"},
        {"a.py": 'DOC = """\n```python\nx\n```\n``````\n"""\n', "app/b.py": "y\n"},
    ],
    ids=["one", "empty", "misleading comments", "fences inside"],
)
def test_files_written_as_an_answer_are_read_back(files: dict[str, str]) -> None:
    assert files == extract(as_text(files), ("a.py", "app/*.py")).files


@pytest.mark.timeout(10)
@pytest.mark.parametrize("line", ["a" * 200_000, "a/" * 100_000], ids=["word", "path"])
@pytest.mark.parametrize("form", ["{}\n```python a.py\n{}```", "a.py\n``` {}\n{}```"], ids=["before", "info"])
def test_an_endless_line_beside_a_block_takes_no_time(line: str, form: str) -> None:
    assert extract(form.format(line, CODE), ("a.py", "b.py")).files["a.py"] == CODE
