"""The command line: exit codes, messages, and what is printed where."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from routerkit.cli import main
from tests.evals.making import make_value_task
from tests.full_disk import largest_file

CONFIG = """
[providers.sim]
kind = "simulated"
[targets.a]
provider = "sim"
model = "a"
usd_per_mtok = { input = 1.0, output = 2.0 }
[pools.coding]
targets = ["a"]
[scorecard]
path = "scores.json"
[ledger]
path = "data"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration and two tasks that run nothing."""
    task = make_value_task("t")
    row = {
        "schema": "rk-task/1",
        "category": task.category,
        "prompt": task.prompt,
        "scorer": {"type": "int_in", "extract": task.scorer.extract},
        "answer": [7],
    }
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps({**row, "id": name}) + "\n" for name in "xy"))
    # The scorecard does not exist before it was published once.
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    (tmp_path / "scores.json").write_text('{"schema": "rk-scorecard/1", "cells": []}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def routerkit(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["routerkit", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def test_run_report_publish_and_show_are_one_loop(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl", "--json")
    ran = json.loads(capsys.readouterr().out)
    assert ("complete", "a", 2, 0.0) == (
        ran["status"],
        ran["targets"][0]["target"],
        ran["targets"][0]["n_tasks"],
        ran["targets"][0]["solved"],
    )
    assert 0 == routerkit(monkeypatch, "eval", "report")
    assert "none solved" in capsys.readouterr().out
    assert 0 == routerkit(monkeypatch, "scores", "publish")
    assert ", 1 cells" in capsys.readouterr().out
    assert 0 == routerkit(monkeypatch, "scores", "show")
    assert "a bug_fix  0/2" in capsys.readouterr().out


def test_answers_that_do_not_count_are_explained_under_the_table(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = 'kind = "openai"\nbase_url = "http://127.0.0.1:9/v1"'
    (project / "routerkit.toml").write_text(CONFIG.replace('kind = "simulated"', nobody))
    assert 1 == routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("a: ")]
    assert ["a: 2 answers do not count (infra_provider), e.g. x: 127.0.0.1:9: cannot connect"] == [
        line.partition(" (Errno")[0].partition(" ([")[0] for line in lines
    ]


def test_stored_samples_answer_sql(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl")
    capsys.readouterr()
    assert 0 == routerkit(monkeypatch, "eval", "sql", "SELECT count(*) AS n FROM samples")
    assert {"n": 2} == json.loads(capsys.readouterr().out)


def test_answers_of_sql_are_json(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == routerkit(
        monkeypatch, "eval", "sql", "SELECT 'nan'::DOUBLE AS x, ['inf'::DOUBLE, 1.5] AS y, TIMESTAMP '2026-01-02 03:04:05' AS at"
    )
    assert '{"x": null, "y": [null, 1.5], "at": "2026-01-02T03:04:05"}\n' == capsys.readouterr().out


def test_folder_that_is_not_there_is_no_empty_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (("eval", "sql", "SELECT 1"), ("eval", "report"), ("ledger",), ("ledger", "ingest"), ("usage",), ("drift",)):
        assert 2 == routerkit(monkeypatch, *command, "--folder", "none"), command
        assert "'none' does not exist" in capsys.readouterr().err


def test_comparison_with_oneself_or_of_an_unknown_kind_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl")
    capsys.readouterr()
    assert 2 == routerkit(monkeypatch, "eval", "compare", "a", "a")
    assert "compare 'a' with which target? others: none" in capsys.readouterr().err
    assert 2 == routerkit(monkeypatch, "eval", "compare", "--kind", "nope")
    assert "no stored sample is of kind 'nope'; known: " in capsys.readouterr().err


def test_full_disk_is_one_line_before_anything_is_asked(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with largest_file(0):
        assert 2 == routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl")
    assert "routerkit: data: samples cannot be stored there (File too large); free the disk" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eval", "run", "--tasks", "nothing"), "routerkit: nothing: no task source and no file of that name; sources are own, demo, "),
        (("eval", "run", "--tasks", "tasks.jsonl", "--targets", " "), "routerkit: --targets ' ' names nobody; leave it out for all"),
        (("eval", "run", "--tasks", ""), "routerkit: --tasks '' names nothing; sources are own, demo, "),
        (("eval", "run", "--tasks", "tasks.jsonl", "--night", ""), "routerkit: --night and --report belong to --suite"),
        (("eval", "report", "--run", ""), "routerkit: data holds no samples of run ''"),
        (("eval", "report", "--config", "none.toml"), "routerkit: none.toml: no such file"),
        (("scores", "publish", "--config", "none.toml"), "routerkit: none.toml: no such file"),
        (("eval", "run", "--tasks", "tasks.jsonl", "--pool", "x"), "routerkit: no pool 'x'; known: coding"),
        (("eval", "report"), "holds no samples; run `routerkit eval run` first"),
        (("eval", "replay-runs", "--runs", "nothing", "--tasks", "own"), "routerkit: nothing: cannot be read"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_two(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert 2 == routerkit(monkeypatch, *arguments)
    error = capsys.readouterr().err
    assert message in error
    assert 1 == error.count("\n")


@pytest.mark.parametrize("option", ["--epochs=101", "--workers=1001"])
def test_number_that_no_machine_could_serve_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    assert 2 == routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl", "--dry-run", option)


def test_interpreter_that_is_not_there_is_refused_whatever_the_tasks(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 == routerkit(monkeypatch, "eval", "run", "--tasks", "tasks.jsonl", "--python", "nowhere")
