"""Every command that lists or reports can say it as JSON, and then standard output holds nothing else."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

import routerkit
from routerkit.cli import main
from routerkit.cli.app import LAZY, load_command
from tests.evals.lab_making import write_rows
from tests.evals.mining import make_repository

CONFIG: Final = """
[providers.sim]
kind = "simulated"
[targets.a]
provider = "sim"
model = "a"
usd_per_mtok = { input = 1.0, output = 2.0 }
[targets.b]
provider = "sim"
model = "b"
usd_per_mtok = { input = 2.0, output = 4.0 }
[policies.checked]
kind = "cascade"
verify = ["non_empty"]
[policies.careful]
kind = "cheapest_adequate"
quality_floor = 0.9
[pools.coding]
targets = ["a", "b"]
[pools.coding.experiment]
name = "trial"
variants = { control = "cheapest_adequate", strict = "careful" }
[budgets.planner]
usd_per_day = 5.0
[scorecard]
path = "scorecard.json"
[ledger]
path = "data"
"""
TESTS: Final = '[[tests]]\nname = "one"\nrequest = { texts = ["hi"] }\nexpect = { not_picked = ["b"] }\n'
TASK: Final = {
    "schema": "rk-task/1",
    "category": "bug_fix",
    "prompt": "Which line is wrong? Answer LINE n.",
    "scorer": {"type": "int_in", "extract": "LINE (7)"},
    "answer": [7],
}
COMMANDS: Final = {
    "check": "",
    "explain": "hi",
    "test": "",
    "experiment": "",
    "eval run": "--tasks tasks.jsonl --targets a,b",
    "eval report": "--by-kind --at-k 1",
    "eval compare": "",
    "eval mine": "--repo repository --out mined.jsonl",
    "eval kinds": "--tasks tasks.jsonl",
    "eval verify": "--tasks tasks.jsonl",
    "eval judge": "coding/a --repeats 1",
    "scores show": "",
    "scores diff": "scorecard.json scorecard.json",
    "scores verifier": "checked --publish",
    "keys list": "",
    "ledger": "",
    "ledger show": "RECORD",
    "ledger sql": "'SELECT 1 AS one'",
    "ledger reconcile": "--usage usage.csv --settle",
    "report": "RECORD --success",
    "replay": "--policy routerkit.toml",
    "drift": "",
    "budgets": "",
    "usage": "",
    "local list": "",
}
"""Each with what it needs; RECORD is a call of the ledger."""
INTO_FILES: Final = {"eval simulate", "eval replay-runs", "scores fit"}
"""Their `--json` names a file."""
SILENT: Final = {
    *("demo", "init", "serve", "app"),  # talk to a person, or run until they are stopped
    *("eval sql",),  # JSON lines by itself
    *(
        "scores publish",
        "keys create",
        "keys revoke",
        "ledger ingest",
        "ledger compact",
        "local pull",
    ),  # do something, and say that it is done
}


def leaves(path: str, command: Any) -> Iterator[tuple[str, bool]]:
    """Commands below this one, and whether they know `--json`."""
    below = getattr(command, "commands", {})
    knows = any("--json" in option.opts for option in command.params)
    if knows or not below:
        yield path, knows
    for name, one in below.items():
        yield from leaves(f"{path} {name}", one)


def test_every_command_is_listed_here() -> None:
    found = dict(pair for name in LAZY for pair in leaves(name, load_command(name)))
    assert {*COMMANDS, *INTO_FILES} == {name for name, knows in found.items() if knows}
    assert SILENT == {name for name, knows in found.items() if not knows}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which everything was done once."""
    folder = tmp_path_factory.mktemp("json")
    (folder / "routerkit.toml").write_text(CONFIG)
    (folder / "policy-tests.toml").write_text(TESTS)
    (folder / "scorecard.json").write_text('{"schema": "rk-scorecard/1", "cells": []}')
    (folder / "tasks.jsonl").write_text("".join(json.dumps({**TASK, "id": name}) + "\n" for name in "xyz"))
    (folder / "usage.csv").write_text(f"date,model,input_tokens,output_tokens,cost_usd\n{datetime.now(UTC):%Y-%m-%d},a,1000,200,0.01\n")
    make_repository(folder / "repository", [("Begin", {"a.py": "x = 1\n", "test_a.py": "def test_x(): pass\n"})])
    with routerkit.load(folder / "routerkit.toml") as router:
        for _ in range(3):
            reply = router.complete(routerkit.Request("coding", ({"role": "user", "content": "fix the bug"},), agent="planner"))
            router.report(reply.record_id, success=True)
    (folder / "record").write_text(reply.record_id)
    return folder


def strictly(text: str) -> object:
    """What `jq` and browsers read: no NaN, no Infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("command", COMMANDS)
def test_standard_output_is_json_and_nothing_else(
    command: str, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project)
    if command in {"eval report", "eval compare", "scores verifier"}:
        call(monkeypatch, "eval", "run", *shlex.split(COMMANDS["eval run"]))
        capfd.readouterr()
    arguments = shlex.split(COMMANDS[command].replace("RECORD", (project / "record").read_text()))
    code = call(monkeypatch, *command.split(), *arguments, "--json")
    out, err = capfd.readouterr()
    assert code in {0, 1}, err
    assert strictly(out) is not None


def test_what_goes_into_files_is_json_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    rows = [
        {"item_id": i, "model": m, "score": i % 2 if m == "a" else 1, "cost_usd": c} for i in range(12) for m, c in (("a", 0.1), ("b", 1.0))
    ]
    write_rows(project / "rows.csv", rows)
    write_rows(project / "items.csv", [{"item_id": i, "prompt": "fix it", "category": "bug_fix"} for i in range(12)])
    (project / "runs.jsonl").write_text(json.dumps({"model": "m", "task_id": "x", "prompt": "p", "completion": "LINE 7"}) + "\n")
    given = {
        "eval simulate": "--fit rows.csv --test rows.csv --items items.csv",
        "eval replay-runs": "--runs runs.jsonl --tasks tasks.jsonl",
        "scores fit": "--outcomes rows.csv --items items.csv --out predictor.json",
    }
    assert INTO_FILES == set(given)
    for command, arguments in given.items():
        assert 0 == call(monkeypatch, *command.split(), *arguments.split(), "--json", "out.json")
        assert strictly((project / "out.json").read_text())


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["routerkit", *arguments])
    try:
        main()
    except SystemExit as exc:
        return int(exc.code or 0)
    return 0
