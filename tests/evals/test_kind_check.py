"""`routerkit eval kinds`: the confusion matrix, and the two fixed halves."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from routerkit_evals.cli import eval_app
from routerkit_evals.kind_check import check_kinds, half_of, kind_table
from tests.evals.making import make_task, make_value_task


def test_matrix_counts_right_wrong_and_unknown() -> None:
    """A guess that says it does not know is not right, and not wrong either."""
    prompts = {"bug_fix": "Fix the bug", "explain": "Fix it", "plan": "hm"}
    check = check_kinds([make_value_task(kind, kind=kind, prompt=prompt) for kind, prompt in prompts.items()], is_bare=True)
    assert (3, 1, 1) == (check.n, check.n_right, check.n_unknown)
    assert {"bug_fix": {"bug_fix": 1}, "explain": {"bug_fix": 1}, "plan": {"unknown": 1}} == check.to_dict()["matrix"]
    assert "1 of 3 right" in kind_table(check)


def test_every_task_is_in_one_half() -> None:
    tasks = [make_task(str(i)) for i in range(20)]
    halves = [half_of(tasks, half) for half in (0, 1)]
    assert sorted(t.id for t in tasks) == sorted(t.id for half in halves for t in half)
    assert all(halves)


def test_command_prints_json() -> None:
    result = CliRunner().invoke(eval_app, ["kinds", "--tasks", "own", "--half", "1", "--json"])
    body = json.loads(result.stdout)
    assert 0.4 < body["low"] < body["accuracy"] < body["high"] <= 1.0
