"""Every task of the modernization suite is proven: a right answer passes under three hash seeds, and no cheap answer does."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import IO, Any
from unittest.mock import patch

import pytest

from routerkit_evals import Grader, Program, Sandbox, Task
from routerkit_evals import launch as launching
from routerkit_evals.extract import extract
from routerkit_evals.task import load_tasks
from routerkit_evals.verdict import run_tests

SUITES = Path(__file__).parents[2] / "evals" / "suites"
SUITE = SUITES / "modernization"
KINDS = ("migrate", "refactor", "multi_file", "test_write", "translate", "explain")
CHANGING = ("migrate", "refactor", "multi_file", "translate")
SEEDS = ("0", "1", "4242")
EXIT = "import os; os._exit(0)\n"
LAZY_TESTS = (
    "import unittest\nimport {module}\n\n\nclass Test(unittest.TestCase):\n    def test(self):\n        self.assertTrue({module})\n"
)


@cache
def rows() -> dict[str, dict[str, Any]]:
    lines = (line for kind in KINDS for line in (SUITE / f"{kind}.jsonl").read_text("utf-8").splitlines())
    return {row["id"]: row for row in map(json.loads, lines)}


@cache
def tasks(kind: str) -> tuple[Task, ...]:
    return load_tasks(SUITE / f"{kind}.jsonl")


@dataclass(frozen=True)
class SeededLaunch:
    """Starts jails whose Python uses another hash seed."""

    inner: launching.Launch
    seed: str

    @property
    def level(self) -> str:
        return self.inner.level

    def start(self) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        with patch.dict(launching._SAFE_ENVIRONMENT, PYTHONHASHSEED=self.seed):
            return self.inner.start()


@pytest.fixture(scope="module")
def seeded(sandbox: Sandbox) -> Iterator[list[Sandbox]]:
    opened = [Sandbox(SeededLaunch(sandbox._launch, seed)) for seed in SEEDS]
    yield opened
    for one in opened:
        one.close()


def as_answer(files: Mapping[str, str]) -> str:
    return "\n".join(f"{path}\n```python\n{text}```\n" for path, text in files.items())


def editable_files(task: Task) -> list[str]:
    """Files an answer may write: those that exist, or else the paths named."""
    existing = [path for path in task.files if any(fnmatchcase(path, pattern) for pattern in task.editable)]
    return existing or [path for path in task.editable if "*" not in path]


def test_at_least_sixty_tasks_ten_of_each_kind() -> None:
    counts = Counter(row["category"] for row in rows().values())
    assert set(KINDS) == set(counts)
    assert 10 <= min(counts.values())
    assert 60 <= sum(counts.values()) == len({task.id for kind in KINDS for task in tasks(kind)})


def test_tasks_state_difficulty_and_licence() -> None:
    assert {"easy", "medium", "hard"} == {row["difficulty"] for row in rows().values()}
    assert all(row["license"].startswith("project-owned") for row in rows().values())


def test_task_files_are_what_the_sources_build() -> None:
    builder = load_builder()
    assert [] == [kind for kind in KINDS if builder.build(kind) != (SUITE / f"{kind}.jsonl").read_text("utf-8")]


def load_builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("modernization_build", SUITES / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_references_only_write_what_an_answer_may_write() -> None:
    for kind in (*CHANGING, "test_write"):
        for task in tasks(kind):
            found = extract(as_answer(task.reference), task.editable)
            assert (set(task.reference), ()) == (set(found.files), found.ignored), task.id


def test_hash_seeds_of_the_proof_differ(seeded: list[Sandbox]) -> None:
    program = Program("script", ("go.py",))
    assert 3 == len({one.run({"go.py": "print(hash('routerkit'))"}, program).stdout for one in seeded})


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANGING)
def test_right_answer_passes_under_three_hash_seeds(seeded: list[Sandbox], kind: str) -> None:
    wrong = {}
    for task in tasks(kind):
        grades = [Grader(one).grade(task, as_answer(task.reference)) for one in seeded]
        if {"pass"} != {grade.verdict for grade in grades}:
            wrong[task.id] = [grade.why for grade in grades]
    assert {} == wrong


@pytest.mark.slow
@pytest.mark.parametrize("kind", CHANGING)
def test_untouched_files_empty_answer_and_early_exit_fail(sandbox: Sandbox, kind: str) -> None:
    grader = Grader(sandbox)
    verdicts = {}
    for task in tasks(kind):
        early = as_answer(dict.fromkeys(editable_files(task), EXIT))
        verdicts[task.id] = (grader.grade_files(task, {}).verdict, grader.grade(task, "").verdict, grader.grade(task, early).verdict)
    assert {("fail", "format", "fail")} == set(verdicts.values()), verdicts


@pytest.mark.slow
def test_right_tests_kill_every_mutant_and_pass_under_three_hash_seeds(seeded: list[Sandbox]) -> None:
    """The whole grader under one seed, which is another one from task to task; the unchanged module under the other two."""
    for number, task in enumerate(tasks("test_write")):
        whole, *others = seeded[number % 3 :] + seeded[: number % 3]
        grade = Grader(whole).grade(task, as_answer(task.reference))
        assert ("pass", len(task.mutants)) == (grade.verdict, grade.tests_passed), (task.id, grade.why)
        assert {"pass"} == {run_tests(one, task, task.reference).verdict for one in others}, task.id


@pytest.mark.slow
def test_mutants_are_importable_so_that_only_behaviour_kills_them(sandbox: Sandbox) -> None:
    for task in tasks("test_write"):
        assert 6 <= len(task.mutants)
        files = {f"mutant_{n}.py": mutant.code for n, mutant in enumerate(task.mutants)}
        go = "".join(f"import {path.removesuffix('.py')}\n" for path in files)
        report = sandbox.run({**task.files, **files, "go.py": go}, Program("script", ("go.py",))).report
        assert report is not None
        assert report.is_complete, (task.id, report.error)


@pytest.mark.slow
def test_tests_that_check_nothing_kill_nothing(sandbox: Sandbox) -> None:
    task = tasks("test_write")[0]
    assert task.scorer.module is not None
    lazy = {task.editable[0]: LAZY_TESTS.format(module=task.scorer.module.removesuffix(".py"))}
    grade = Grader(sandbox).grade(task, as_answer(lazy))
    assert ("fail", 0, len(task.mutants)) == (grade.verdict, grade.tests_passed, grade.tests_total)


@pytest.mark.slow
def test_no_tests_empty_tests_and_early_exit_do_not_count_as_tests(sandbox: Sandbox) -> None:
    grader = Grader(sandbox)
    verdicts = {}
    for task in tasks("test_write"):
        [path] = task.editable
        early = grader.grade(task, as_answer({path: EXIT})).verdict
        verdicts[task.id] = (grader.grade_files(task, {}).verdict, grader.grade(task, "").verdict, early)
    assert {("fail", "format", "fail")} == set(verdicts.values()), verdicts


@pytest.mark.slow
def test_right_values_recompute_under_three_hash_seeds(seeded: list[Sandbox]) -> None:
    for task in tasks("explain"):
        row = rows()[task.id]
        proof = row["recompute"]
        results = {evaluate(one, task.files, proof["expression"]) for one in seeded}
        if "line" in proof:
            assert proof["value"] not in results, task.id
            results = {evaluate(one, repaired(task.files, proof), proof["expression"]) for one in seeded}
            assert {proof["value"]} == results, task.id
        elif "options" in proof:
            assert [n for n, option in enumerate(proof["options"], 1) if {option} == results] == row["answer"], task.id
        else:
            assert {row["answer"]} == results, task.id


def evaluate(sandbox: Sandbox, files: Mapping[str, str], expression: str) -> str:
    [path] = files
    go = f"from {path.removesuffix('.py')} import *\nprint(repr({expression}))\n"
    return sandbox.run({**files, "go.py": go}, Program("script", ("go.py",))).stdout.strip()


def repaired(files: Mapping[str, str], proof: Mapping[str, str]) -> dict[str, str]:
    path, number = proof["path"], int(proof["line"])
    lines = files[path].split("\n")
    old = lines[number - 1]
    lines[number - 1] = old[: len(old) - len(old.lstrip())] + proof["fixed"]
    return {path: "\n".join(lines)}


def test_right_values_pass_and_everything_else_fails() -> None:
    grader = Grader(None)
    for task in tasks("explain"):
        right = task.answer[0] if isinstance(task.answer, list) else task.answer
        given = [f"Because.\n\n**ANSWER:** `{right}`", f"ANSWER: {right}", "ANSWER: 987", "", EXIT, str(right)]
        assert ["pass", "pass", "fail", "format", "format", "format"] == [grader.grade(task, text).verdict for text in given], task.id


def test_answers_are_literals_and_options_differ() -> None:
    for row in (rows()[task.id] for task in tasks("explain")):
        if row["scorer"]["type"] == "literal_equal":
            ast.literal_eval(row["answer"])
        assert len(set(row["recompute"].get("options", []))) in {0, 4}, row["id"]


def replaced(task: Task, *changes: tuple[str, str, str]) -> dict[str, str]:
    """The reference with parts changed: (file, old text, new text); an empty old text appends."""
    files = {**task.reference}
    for path, old, new in changes:
        assert old in files[path], (task.id, old)
        files[path] = files[path].replace(old, new, 1) if old else files[path] + new
    return files


LAZY = {
    "rename-across-shop": ("shop/stock.py", "", "\nget = find\n"),
    "dict-rows-to-dataclass": ("fleet.py", "tags: list[str]", "def __getitem__(self, key): return getattr(self, key)\n    tags: list[str]"),
    "meter-globals-to-class": ("meter.py", "", "\n_meter = Meter()\n\n\ndef feed(value):\n    return _meter.feed(value)\n"),
    "threads-to-futures": ("fetch_pool.py", "", "\nimport threading\n"),
    "sqlite-parameters": ("members.py", 'IN ({marks}) ORDER BY id", ids', "IN ({','.join(map(str, ids))}) ORDER BY id\""),
    "callbacks-to-async": ("loader.py", "async with slots:", "if slots:"),
    "signature-change-mail": ("mailer/transport.py", "send(message, *,", "send(message, *old,"),
    "error-codes-to-exceptions": (
        "vault/service.py",
        "    try:\n        yield\n    finally:\n        lock.release(name)",
        "    yield\n    lock.release(name)",
    ),
    "percent-to-fstring": ("invoice.py", "{int(number):05d}", "{number:05d}"),
    "cobol-interest": ("interest.py", ", 5, 4)", ", 5, 9)"),
}
"""By task: one change that turns its right answer into a lazy or subtly wrong one."""


@pytest.mark.parametrize("name", LAZY)
def test_lazy_answer_fails(sandbox: Sandbox, name: str) -> None:
    [task] = [t for kind in CHANGING for t in tasks(kind) if t.id == f"modernization/{name}"]
    assert "fail" == Grader(sandbox).grade(task, as_answer(replaced(task, LAZY[name]))).verdict
