"""Written tests: they must pass on the module, whatever its layout, every time, and fail on its mutants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit_evals import Grade, Grader, Program, Sandbox, Task, TaskError
from routerkit_evals.task import Mutant, Scorer, parse_task

MODULE = '"""Shop."""\n\n\ndef price(n):\n    """Ten each, a fifth off from ten on."""\n    return n * 8 if n >= 10 else n * 10\n'
MUTANTS = (
    Mutant("discount starts above ten", MODULE.replace(">= 10", "> 10")),
    Mutant("no discount", MODULE.replace("n * 8", "n * 10")),
    Mutant("price is eleven", MODULE.replace("else n * 10", "else n * 11")),
    Mutant("never ends", MODULE.replace("    return n * 8 if n >= 10", "    while n == 1: pass\n    return n * 8 if n >= 10")),
)
TASK = Task(
    id="test/shop",
    category="test_write",
    prompt="Write tests.",
    scorer=Scorer("mutation", must_print="(?m)^ok$", module="shop.py"),
    program=Program("script", ("run.py",)),
    files={"shop.py": MODULE},
    editable=("test_shop.py",),
    tests={
        "run.py": "import test_shop\nfound = [f for n, f in vars(test_shop).items() if n.startswith('test')]\nassert found\n"
        "for f in found: f()\nprint('ok')\n"
    },
    mutants=MUTANTS[:3],
    timeout_s=10.0,
)
GOOD = "import shop\ndef test_price():\n    assert [10, 90, 80, 88] == [shop.price(n) for n in (1, 9, 10, 11)]\n"


def grade(sandbox: Sandbox, tests: str, *, threshold: float = 1.0) -> Grade:
    task = replace(TASK, scorer=replace(TASK.scorer, threshold=threshold))
    return Grader(sandbox).grade(task, f"```python\n{tests}```")


def test_right_tests_kill_all_and_pass(sandbox: Sandbox) -> None:
    found = grade(sandbox, GOOD)
    assert ("pass", 3, 3, sandbox.level) == (found.verdict, found.tests_passed, found.tests_total, found.sandbox)


@pytest.mark.parametrize(("threshold", "verdict"), [(1.0, "fail"), (0.6, "pass")])
def test_score_is_killed_of_all_and_the_task_says_what_is_enough(sandbox: Sandbox, threshold: float, verdict: str) -> None:
    found = grade(sandbox, GOOD.replace("(1, 9, 10, 11)", "(1, 9, 11)").replace("80, ", ""), threshold=threshold)
    assert (verdict, 2, 3) == (found.verdict, found.tests_passed, found.tests_total)
    assert ("" if verdict == "pass" else "killed 2 of 3 mutants; alive: discount starts above ten") == found.why


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        ("import shop\ndef test_price():\n    assert shop.price(1) == 11\n", "the tests fail on the unchanged module: "),
        ("import os\nos._exit(0)\n", "the tests fail on the unchanged module: "),
        ("x = 1\n", "the tests fail on the unchanged module: "),
        (f"def test_text():\n    assert open('shop.py').read() == {MODULE!r}\n", "tests fail when the module is laid out otherwise: "),
        ("import shop\ndef test_price():\n    assert shop.price(1)\n", "killed 0 of 3 mutants; alive: discount starts above ten; "),
    ],
    ids=["wrong", "early exit", "no tests", "compares source", "checks nothing"],
)
def test_cheap_or_wrong_tests_kill_nothing_that_counts(sandbox: Sandbox, tests: str, why: str) -> None:
    found = grade(sandbox, tests)
    assert ("fail", 0, 3) == (found.verdict, found.tests_passed, found.tests_total)
    assert found.why.startswith(why)


def test_mutant_under_which_tests_do_not_end_is_killed(sandbox: Sandbox) -> None:
    task = replace(TASK, mutants=MUTANTS[3:], timeout_s=1.0)
    assert ("pass", 1) == (
        (found := Grader(sandbox).grade(task, f"```python\n{GOOD}```")).verdict,
        found.tests_passed,
    )


def test_tests_cannot_replace_the_module_they_test(sandbox: Sandbox) -> None:
    forged = f"```python shop.py\ndef price(n): return 0\n```\n```python test_shop.py\n{GOOD}```"
    assert "pass" == Grader(sandbox).grade(TASK, forged).verdict


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mutants": []}, "field 'mutants' must hold at least one module, and scorer.module must be one of files"),
        ({"scorer": {"type": "mutation", "module": "other.py"}}, "field 'mutants' must hold"),
        ({"mutants": [{"desc": "x"}]}, "mutants 1: field 'code' must be a string"),
        ({"scorer": {"type": "mutation", "module": "m.py", "threshold": 2}}, "scorer: field 'threshold' is 2; it must be a share"),
        ({"structure": [{"kind": "no_calls", "name": "x"}]}, "structure 1: field 'kind' is 'no_calls'; it must be one of imports"),
        ({"structure": [{"kind": "no_call", "nme": "x"}]}, "structure 1: field 'nme' is unknown; known: kind, name, limit, path"),
        ({"scope": {"max_changed_lines": -1}}, "scope: field 'max_changed_lines' must be a whole number from 0 up"),
        ({"scope": {"lines": {"m.py": [[3, 1]]}}}, "scope: lines: field 'm.py' has the range [3, 1]"),
        ({"judge_calibration": [{"answer": "x", "label": 2}]}, "judge_calibration 1: field 'label' is 2"),
    ],
)
def test_wrong_field_of_a_task_is_named(changes: dict[str, object], message: str) -> None:
    import json

    row = {
        "schema": "rk-task/1",
        "id": "m",
        "category": "test_write",
        "prompt": "?",
        "files": {"m.py": "X = 1\n"},
        "editable": ["test_m.py"],
        "tests": {"run.py": "import test_m\n"},
        "cmd": ["python", "run.py"],
        "scorer": {"type": "mutation", "module": "m.py"},
        "mutants": [{"desc": "two", "code": "X = 2\n"}],
    }
    assert "m" == parse_task(json.dumps(row), where="t:1").id
    with pytest.raises(TaskError, match=r"^t:1: ") as caught:
        parse_task(json.dumps({**row, **changes}), where="t:1")
    assert message in str(caught.value)
