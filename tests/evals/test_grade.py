"""Verdicts: what passes, and everything that must not."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Any

import pytest

from routerkit_evals import Grader, Program, Sandbox, Task, tasks_of
from routerkit_evals.ast_checks import Check
from routerkit_evals.patterns import last_match
from routerkit_evals.runner import judge
from routerkit_evals.scope import Scope
from routerkit_evals.solver import Answer
from routerkit_evals.task import Scorer

RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"


def answer(code: str) -> str:
    return f"```python\n{code}\n```"


def test_right_answer_passes(sandbox: Sandbox, add_task: Task) -> None:
    grade = Grader(sandbox).grade(add_task, RIGHT)
    assert ("pass", 1, 1, sandbox.level) == (grade.verdict, grade.tests_passed, grade.tests_total, grade.sandbox)


@pytest.mark.parametrize(
    "code",
    [
        "import os; os._exit(0)",
        "print('ok'); raise SystemExit(0)",
        "print('ok', flush=True); import os; os._exit(0)",
        "import sys; print('ok'); sys.exit()",
        "import atexit; atexit.register(print, 'ok')",
        "import os\nif os.fork() == 0:\n    print('ok', flush=True)\n    os._exit(0)\nos.wait()\nos._exit(0)",
        "import sys, types\nsys.exit = print\nprint('ok')\nraise KeyboardInterrupt",
        "open('check.py', 'w').write(\"print('ok')\")\ndef add(a, b): return 0",
        "def add(a, b):\n    print('ok')\n    import os\n    os._exit(0)",
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
        "def add(a, b): return 6",
    ],
)
def test_no_way_out_before_the_end_of_the_tests_passes(sandbox: Sandbox, add_task: Task, code: str) -> None:
    assert Grader(sandbox).grade(add_task, answer(code)).verdict == "fail"


def test_answer_cannot_bring_its_own_tests(sandbox: Sandbox, add_task: Task) -> None:
    forged = f"```python check.py\nprint('ok')\n```\n{answer('# solution.py')}"
    assert Grader(sandbox).grade(add_task, forged).verdict == "fail"


def test_missing_closing_line_fails(sandbox: Sandbox, add_task: Task) -> None:
    task = replace(add_task, scorer=Scorer("tests", must_print="^done$"))
    assert "the tests' closing line was not printed" == Grader(sandbox).grade(task, RIGHT).why


def test_endless_answer_is_a_timeout(sandbox: Sandbox, add_task: Task) -> None:
    task = replace(add_task, timeout_s=1.0)
    assert Grader(sandbox).grade(task, answer("while True: pass")).verdict == "timeout_tests"


def test_prose_is_a_format_failure(sandbox: Sandbox, add_task: Task) -> None:
    assert Grader(sandbox).grade(add_task, "I would rather not.").verdict == "format"


def test_without_a_sandbox_the_task_is_skipped_not_failed(add_task: Task) -> None:
    grade = Grader(None).grade(add_task, RIGHT)
    assert ("skipped_no_sandbox", False) == (grade.verdict, grade.counts)


def test_tests_may_end_themselves_like_unittest_does(sandbox: Sandbox, add_task: Task) -> None:
    check = """
import unittest
from solution import add
class AddTest(unittest.TestCase):
    def test_sum(self): self.assertEqual(add(2, 3), 5)
print("ok")
unittest.main()
"""
    task = replace(add_task, tests={"check.py": check})
    grader = Grader(sandbox)
    assert ("pass", "fail") == (grader.grade(task, RIGHT).verdict, grader.grade(task, answer("def add(a, b): return 0")).verdict)


@pytest.mark.slow
def test_pytest_task_needs_every_expected_test(sandbox: Sandbox, add_task: Task) -> None:
    tests = {
        "test_add.py": "from solution import add\ndef test_small(): assert add(1, 1) == 2\ndef test_negative(): assert add(-1, 1) == 0\n"
    }
    program = Program("pytest", ("-q", "test_add.py"))
    expected = ("test_add.py::test_small", "test_add.py::test_negative")
    task = replace(add_task, tests=tests, program=program, scorer=Scorer("tests", expected=expected), timeout_s=30.0)
    grader = Grader(sandbox)
    right, half = grader.grade(task, RIGHT), grader.grade(task, answer("def add(a, b): return abs(a) + abs(b)"))
    assert ("pass", 2, 2) == (right.verdict, right.tests_passed, right.tests_total)
    assert ("fail", 1, 2) == (half.verdict, half.tests_passed, half.tests_total)
    missing = replace(task, scorer=Scorer("tests", expected=(*expected, "test_add.py::test_gone")))
    assert "did not run: test_add.py::test_gone" == grader.grade(missing, RIGHT).why
    assert "failed: test_add.py::test_negative" == half.why


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("I think\nANSWER: [1, 2]", "pass"),
        ("ANSWER: [1,2]", "pass"),
        ("ANSWER: `[1, 2]`", "pass"),
        ("ANSWER: (1, 2)", "fail"),
        ("ANSWER: open('x')", "fail"),
        ("[1, 2]", "format"),
    ],
)
def test_literal_answer_is_compared_as_a_value(text: str, verdict: str) -> None:
    task = Task("t", "explain", "?", Scorer("literal_equal", extract=r"ANSWER:\s*(.+)\s*$"), answer="[1, 2]")
    assert verdict == Grader(None).grade(task, text).verdict


@pytest.mark.parametrize(
    "scorer", [Scorer("literal_equal", extract=r"((a|a)*)c"), Scorer("tests", must_print=r"((a|a)*)c")], ids=lambda s: s.kind
)
def test_a_pattern_that_never_ends_says_nothing_about_the_answer(sandbox: Sandbox, add_task: Task, scorer: Scorer) -> None:
    task = replace(add_task, scorer=scorer, timeout_s=1.0, program=add_task.program if scorer.must_print else None)
    code = "print('a' * 60)\n" + "def add(a, b): return a + b"
    grade = Grader(sandbox).grade(task, answer(code) if scorer.must_print else "a" * 60)
    assert ("invalid_task", False) == (grade.verdict, grade.counts)
    assert "takes more than" in grade.why


@pytest.mark.parametrize(("text", "verdict"), [("LINE 7", "pass"), ("LINE 9", "fail"), ("seven", "format")])
def test_number_answer_must_be_one_of_the_right_ones(text: str, verdict: str) -> None:
    task = Task("t", "explain", "?", Scorer("int_in", extract=r"LINE\s+(\d+)"), answer=[7, 8])
    assert verdict == Grader(None).grade(task, text).verdict


def test_wrong_answer_cut_off_at_its_length_is_truncated(sandbox: Sandbox, add_task: Task) -> None:
    grader = Grader(sandbox)
    assert "truncated" == judge(add_task, Answer("```python\ndef add(a", finish_reason="length"), grader).verdict
    assert "pass" == judge(add_task, Answer(RIGHT, finish_reason="length"), grader).verdict


OWN = [t for t in tasks_of("own") if t.is_graded]


@pytest.mark.parametrize("task", OWN, ids=lambda t: t.id)
def test_own_task_is_solved_by_its_reference_and_not_as_it_stands(sandbox: Sandbox, task: Task) -> None:
    grader = Grader(sandbox)
    assert ("pass", "fail") == (grader.grade_files(task, task.reference).verdict, grader.grade_files(task, {}).verdict)


@pytest.mark.parametrize("text", ["LINE ²", "LINE +-7", f"LINE {'7' * 5_000}"])
def test_answer_that_only_looks_like_a_number_is_wrong_and_ends_no_run(text: str) -> None:
    task = Task("t", "review", "p", Scorer("int_in", extract="LINE (.+)"), answer=[7])
    assert "fail" == Grader(None).grade(task, text).verdict


@pytest.mark.parametrize(
    ("editable", "block"),
    [
        ("d/*.py", f"d/{'a' * 300}.py\nx = 2"),
        ("d/*/*.py", "d/./a.py\nx = 2"),
        ("*/*.py", "solution.py/b.py\nx = 2"),
        ("a.py", "a.py\nx = '\ud800'"),
    ],
)
def test_answer_that_cannot_be_written_down_is_its_own_fault(sandbox: Sandbox, add_task: Task, editable: str, block: str) -> None:
    """As a failure of the sandbox it would be asked, and paid for, again and again."""
    task = replace(add_task, editable=(editable, "solution.py"))
    assert Grader(sandbox).grade(task, f"```python {block}\n```").counts


@pytest.mark.parametrize("code", ["if x:\n y\n" + "elif x:\n y\n" * 1_500, "x = a" + ".b" * 990])
@pytest.mark.parametrize(
    "bound", [{"structure": (Check("max_nesting", limit=3.0),)}, {"scope": Scope(symbols={"solution.py": ("f",)})}, {"program": None}]
)
def test_answer_that_nests_without_end_is_wrong_and_ends_no_run(sandbox: Sandbox, add_task: Task, code: str, bound: dict[str, Any]) -> None:
    task = replace(add_task, reference={"solution.py": "x = 1\n"}, **bound)
    assert "fail" == Grader(sandbox).grade(task, answer(code)).verdict


@pytest.mark.parametrize("pattern", [r"LINE (\d+)", "LINE ([0-9]*)", "(LINE 7)", r"(?im)line (\d+)"])
def test_pattern_that_repeats_only_what_it_ends_with_needs_no_process(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """There is nothing to go back to, so nothing that could take long."""
    monkeypatch.setattr(subprocess, "run", None)
    found = last_match(pattern, "LINE 3, LINE 7", cpu_s=1)
    assert found is not None
    assert found.endswith("7")


@pytest.mark.parametrize("pattern", [r"(\d+)$", "(a+)+", r"(\w+) LINE", "(a|a)b+", r"x+\)"])
def test_pattern_that_may_go_back_is_looked_for_elsewhere(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setattr(subprocess, "run", None)
    with pytest.raises(TypeError):
        last_match(pattern, "LINE 7", cpu_s=1)
