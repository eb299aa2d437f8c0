"""Proving tasks without a model."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from routerkit.cli import main
from routerkit_evals import Grader, Sandbox, Task
from routerkit_evals.task import Scorer
from routerkit_evals.verify import Proof, right_texts, verify
from tests.evals.making import make_task, make_value_task

RIGHT = {"solution.py": "def add(a, b):\n    return a + b\n"}


def proof_of(task: Task, sandbox: Sandbox | None) -> Proof:
    (proof,) = verify([task], Grader(sandbox))
    return proof


def test_sound_task_is_proven(sandbox: Sandbox) -> None:
    assert "proven" == proof_of(replace(make_task("add"), reference=RIGHT), sandbox).state


def test_task_whose_reference_fails_is_broken(sandbox: Sandbox) -> None:
    proof = proof_of(replace(make_task("add"), reference={"solution.py": "add = max\n"}), sandbox)
    assert ("broken", True) == (proof.state, proof.why.startswith("reference, run 1: fail AssertionError"))


def test_task_that_passes_as_it_stands_is_broken(sandbox: Sandbox) -> None:
    proof = proof_of(replace(make_task("add"), files=RIGHT, reference=RIGHT), sandbox)
    assert ("broken", "the starting state: pass") == (proof.state, proof.why)


def test_task_without_a_sandbox_is_unproven_not_broken() -> None:
    task = replace(make_value_task("t"), scorer=Scorer("rubric"))
    assert ("unproven", True) == (proof_of(task, None).state, "judge" in proof_of(task, None).why)


@pytest.mark.parametrize("pattern", [r"ANSWER:\s*(.+)\s*$", r"LINE (\d+)", r"(?m)^\[(\d+)\]$"])
def test_right_value_is_said_in_the_form_the_task_asks_for(pattern: str) -> None:
    task = replace(make_value_task("t"), scorer=Scorer("int_in", extract=pattern))
    assert "proven" == proof_of(task, None).state
    assert "7" in right_texts(task)[0]


def test_wrong_pattern_makes_a_task_broken() -> None:
    task = replace(make_value_task("t"), scorer=Scorer("int_in", extract="never (seen)"))
    assert "broken" == proof_of(task, None).state


def test_command_counts_names_the_rest_and_ends_with_one_where_a_task_is_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"schema": "rk-task/1", "category": "bug_fix", "prompt": "?", "answer": [7]}
    good, bad = {"type": "int_in", "extract": r"LINE (\d+)"}, {"type": "int_in", "extract": "no (way)"}
    lines = [{**row, "id": "good", "scorer": good}, {**row, "id": "bad", "scorer": bad}]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(sys, "argv", ["routerkit", "eval", "verify", "--tasks", str(tmp_path / "tasks.jsonl"), "--json"])
    with pytest.raises(SystemExit) as caught:
        main()
    body = json.loads(capsys.readouterr().out)
    assert (1, 2, 1, 1) == (caught.value.code, body["n"], body["proven"], body["broken"])
    assert ["proven", "broken"] == [task["state"] for task in body["tasks"]]
