"""Structure, scope and types: what an answer must have, must not touch, and must be typed like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit_evals import Grader, Sandbox, Task
from routerkit_evals.ast_checks import Check, CheckKind, equal_trees, failed_checks
from routerkit_evals.scope import Scope, changed_lines, violations
from routerkit_evals.task import Scorer
from tests.evals.making import make_task

SOURCE = """import os.path as p
from optparse import OptionParser


class Shop:
    limit = 3

    def price(self, n):
        if n:
            for x in range(n):
                if x:
                    pass
        elif n is None:
            pass
        return p.join("a", str(n)).encode()


def total(shop): return OptionParser().parse_args()
"""
FILES = {"a.py": SOURCE, "notes.txt": "os.system"}


@pytest.mark.parametrize(
    ("kind", "name", "has"),
    [
        ("imports", "optparse", True),
        ("imports", "os", True),
        ("imports", "optparse.OptionParser", True),
        ("imports", "argparse", False),
        ("calls", "os.path.join", True),
        ("calls", "optparse.*", True),
        ("calls", "*.encode", True),
        ("calls", "os.system", False),
        ("names", "Shop", True),
        ("names", "shop", True),
        ("names", "basket", False),
        ("defines", "Shop.price", True),
        ("defines", "Shop.limit", True),
        ("defines", "price", False),
    ],
)
def test_what_code_has_is_seen_through_its_imports(kind: CheckKind, name: str, has: bool) -> None:
    """And what must be gone is the opposite, always."""
    forbids: dict[str, CheckKind] = {"imports": "no_import", "calls": "no_call", "names": "no_name", "defines": "no_define"}
    assert has == (not failed_checks([Check(kind, name)], FILES, {}))
    assert has == bool(failed_checks([Check(forbids[kind], name)], FILES, {}))


@pytest.mark.parametrize(
    ("check", "why"),
    [
        (Check("max_nesting", limit=3), []),
        (Check("max_nesting", limit=2), ["a.py nests 3 deep, at most 2"]),
        (Check("max_function_lines", limit=7), ["a.py: price has 8 lines, at most 7"]),
        (Check("max_function_lines", limit=8), []),
        (Check("min_size_share", limit=0.9), ["a.py keeps 50% of its code, at least 90%"]),
        (Check("max_nesting", limit=1, path="b*.py"), []),
    ],
)
def test_measures_bound_each_file(check: Check, why: list[str]) -> None:
    assert why == failed_checks([check], FILES, {"a.py": SOURCE + SOURCE})


def test_answer_that_does_not_parse_fails_every_check() -> None:
    assert ["a.py is not valid Python"] == failed_checks([Check("no_name", "x")], {"a.py": "def"}, {"a.py": "x"})


def test_same_program_in_another_layout_is_equal() -> None:
    assert equal_trees("x = 'a'  # note\n", 'x = (\n    "a"\n)\n')
    assert not equal_trees("x = 'a'\n", "x = 'b'\n")
    assert not equal_trees("def", "def")


@pytest.mark.parametrize(
    ("scope", "after", "n_wrong"),
    [
        (Scope(must_change=("a.py",)), SOURCE, 1),
        (Scope(must_change=("*.py",)), SOURCE + "x = 1\n", 0),
        (Scope(max_changed_lines=1), SOURCE + "x = 1\n", 0),
        (Scope(max_changed_lines=1), SOURCE.replace("limit = 3", "limit = 4"), 1),
        (Scope(symbols={"a.py": ("Shop.price",)}), SOURCE.replace("str(n)", "repr(n)"), 0),
        (Scope(symbols={"a.py": ("Shop",)}), SOURCE.replace("str(n)", "repr(n)"), 0),
        (Scope(symbols={"a.py": ("total",)}), SOURCE.replace("str(n)", "repr(n)"), 1),
        (Scope(symbols={"a.py": ("total",)}), SOURCE + "\n\ndef helper(): pass\n", 1),
        (Scope(symbols={"a.py": ("total",)}), SOURCE.replace("import os.path as p", "import posixpath as p"), 1),
        (Scope(symbols={"a.py": ("total",)}), SOURCE.replace("def total(shop): ", "def total(shop):\n    # says nothing\n    "), 0),
        (Scope(lines={"a.py": ((6, 6),)}), SOURCE.replace("limit = 3", "limit = 4"), 0),
        (Scope(lines={"a.py": ((6, 6),)}), SOURCE.replace("limit = 3", "limit = 3\n    more = 1"), 0),
        (Scope(lines={"a.py": ((6, 6),)}), SOURCE.replace("if n:", "if not n:"), 1),
    ],
)
def test_change_beyond_its_bounds_is_named(scope: Scope, after: str, n_wrong: int) -> None:
    assert n_wrong == len(violations(scope, FILES, {"a.py": after}, ()))


def test_edit_of_a_closed_file_fails_only_a_strict_task(sandbox: Sandbox) -> None:
    task = make_task("add")
    text = "```python solution.py\ndef add(a, b): return a + b\n```\n```python other.py\nx = 1\n```"
    grader = Grader(sandbox)
    assert "pass" == grader.grade(task, text).verdict
    strict = grader.grade(replace(task, scope=Scope(is_strict=True)), text)
    assert "fail" == strict.verdict
    assert strict.why.startswith("edits other.py, which is not open to edits")


def test_structure_decides_before_anything_runs(sandbox: Sandbox) -> None:
    task = replace(make_task("add"), structure=(Check("no_call", "sum"),))
    grader = Grader(sandbox)
    assert "solution.py still calls sum" == grader.grade(task, "```python\ndef add(a, b): return sum((a, b))\n```").why
    assert "pass" == grader.grade(task, "```python\ndef add(a, b): return a + b\n```").verdict


@pytest.mark.parametrize(("code", "verdict"), [('X = ("a")  # note', "pass"), ("X = 'b'", "fail"), ("X = ", "fail")])
def test_expected_program_without_tests_is_compared_as_a_tree(code: str, verdict: str) -> None:
    task = Task("t", "migrate", "?", Scorer("ast_equal"), files={"a.py": "X = u'a'\n"}, editable=("a.py",), reference={"a.py": "X = 'a'\n"})
    assert verdict == Grader(None).grade(task, f"```python\n{code}\n```").verdict


def test_bounds_are_part_of_a_tasks_version() -> None:
    task = make_task("add")
    bounded = [
        replace(task, scope=Scope(is_strict=True)),
        replace(task, structure=(Check("no_name", "x"),)),
        replace(task, max_type_errors=0),
        replace(task, shown_tests={"s.py": ""}),
        replace(task, background=("solution.py",)),
        replace(task, scorer=replace(task.scorer, threshold=0.5)),
    ]
    assert 7 == len({t.version for t in (task, *bounded)})


def test_lines_are_counted_as_added_and_removed() -> None:
    assert [0, 1, 2] == [changed_lines("a\nb\n", after) for after in ("a\nb\n", "a\nb\nc\n", "a\nc\n")]


@pytest.mark.slow
def test_types_decide_where_a_task_says_so(sandbox: Sandbox) -> None:
    """Errors in the answer's own file count; the untyped file beside it and the tests do not."""
    pytest.importorskip("mypy")
    task = replace(make_task("add"), files={"other.py": "X: int = 'no'\n"}, max_type_errors=0, timeout_s=30.0)
    typed = "import other\ndef add(a: int, b: int) -> str:\n    return a + b\n"
    grade = Grader(sandbox).grade_files(task, {"solution.py": typed})
    assert ("fail", 1) == (grade.verdict, grade.type_errors)
    assert "solution.py:3: error: Incompatible return value type" in grade.why
