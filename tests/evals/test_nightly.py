"""Nights: what they ask, how they resume after `kill -9`, what they publish, and that the router then decides by it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import routerkit as rk
from routerkit.cli import main
from routerkit.drift import Drift
from routerkit.store import due_for_measuring, raise_alarms
from routerkit_evals import EvalError, Options, Sample, charts, read_samples
from routerkit_evals.nightly import choose_tasks, epochs_of, night_of, tasks_of_suite
from routerkit_evals.regression import regressions
from routerkit_evals.store import sql
from routerkit_evals.suite_file import read_suite
from tests.evals.making import make_sample, make_value_task

CONFIG = """
[providers.sim]
kind = "paying:Paying"
[targets.cheap]
provider = "sim"
model = "cheap-1"
usd_per_mtok = { input = 1.0, output = 1.0 }
[targets.dear]
provider = "sim"
model = "dear-1"
usd_per_mtok = { input = 10.0, output = 10.0 }
[pools.coding]
targets = ["cheap", "dear"]
[policies.cheapest_adequate]
quality_floor = 0.6
[scorecard]
path = "scores.json"
reload_s = 0
[ledger]
path = "data"
"""
# Writes down what was paid for, is right where it is told to be, and can kill its own process like `kill -9` does.
PAYING = """
import os, pathlib, signal
from routerkit import Reply, Usage
from routerkit.testing import ScriptedProvider

class Paying(ScriptedProvider):
    def __init__(self, **settings):
        super().__init__([])

    def complete(self, request):
        log = pathlib.Path("paid.log")
        paid = log.read_text().splitlines() if log.exists() else []
        if len(paid) == int(os.environ.get("DIE_AFTER", "-1")):
            os.kill(os.getpid(), signal.SIGKILL)
        text = request.messages[0]["content"].split("Answer")[0]
        with log.open("a") as out:
            out.write(f"{request.model} {request.extra.get('seed', 0)} {text}\\n")
        is_right = request.model in os.environ.get("RIGHT", "").split(",")
        return Reply(text="LINE 7" if is_right else "LINE 9", finish_reason="stop", model=request.model, usage=Usage(100, 50))
"""
SUITE = """
[suite]
name = "small"
sources = ["tasks.jsonl"]
anchors = 4
fresh = 2
workers = 1
[publish]
min_tasks = 3
max_move = 0.3
"""
N_TASKS, N_ASKED = 12, 6
KINDS = ("bug_fix", "explain")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a provider that keeps books, a suite, and tasks that run nothing."""
    rows = [
        {
            "schema": "rk-task/1",
            "id": f"t{i}",
            "category": "bug_fix",
            "prompt": f"Task {i}. Answer LINE n.",
            "scorer": {"type": "int_in", "extract": r"LINE (\d+)"},
            "answer": [7],
        }
        for i in range(N_TASKS)
    ]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    (tmp_path / "paying.py").write_text(PAYING)
    (tmp_path / "small.toml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "paying", raising=False)
    return tmp_path


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the pictures of a report takes as long as its night; where they are looked at, they are drawn."""
    monkeypatch.setattr(charts, "save", lambda *_: None)


def night(monkeypatch: pytest.MonkeyPatch, day: str, *more: str) -> int:
    """One night in this process; its exit code."""
    arguments = ["routerkit", "eval", "run", "--suite", "small.toml", "--night", day, "--budget-usd", "1", *more]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


def sample(i: int, **facts: object) -> Sample:
    """Sample of task i."""
    return make_sample(f"t{i}", task_version=f"v{i}", **facts)  # type: ignore[arg-type]  # names of its fields


def paid(project: Path) -> list[str]:
    return (project / "paid.log").read_text().splitlines()


def test_night_that_cannot_draw_its_report_asks_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    assert 2 == night(monkeypatch, "2026-11-24")
    assert "routerkit: `routerkit eval` needs vl_convert, which is not installed" in capsys.readouterr().err
    assert not (project / "paid.log").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_killed_night_goes_on_without_losing_or_paying_anything_twice(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command again, as a timer would run it, after the process died like under `kill -9`."""
    command = [sys.executable, "-c", "from routerkit.cli import main; main()", "eval", "run", "--suite", "small.toml"]
    path = os.pathsep.join([str(project), *(p for p in sys.path if p)])
    env = {**os.environ, "PYTHONPATH": path, "DIE_AFTER": "5"}
    died = subprocess.run([*command, "--night", "2026-11-24"], env=env, capture_output=True, timeout=100, check=False)
    assert -signal.SIGKILL == died.returncode, died.stderr
    assert 5 == len(paid(project))
    assert "2026-11-24" == str(night_of(project / "data", "small", datetime.now(UTC)))
    assert 0 == night(monkeypatch, "2026-11-24")
    assert (2 * N_ASKED, 2 * N_ASKED) == (len(paid(project)), len(set(paid(project))))
    assert 2 * N_ASKED == len(read_samples(project / "data"))
    (count,) = sql(project / "data", "SELECT count(DISTINCT run_id) AS n FROM samples").as_dicts()
    assert {"n": 2} == count


def test_night_too_small_to_publish_still_ends_well_and_reports(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "small.toml").write_text(SUITE.replace("min_tasks = 3", "min_tasks = 50"))
    assert 0 == night(monkeypatch, "2026-11-20")
    shown = capsys.readouterr().out
    assert "Nothing was published: every cell is withheld (6 tasks are fewer than min_tasks = 50)" in shown
    assert (project / "data/reports/small-2026-11-20/report.md").exists()
    assert not (project / "scores.json").exists()


def test_night_changes_the_next_decision_and_explain_cites_its_run(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    request = rk.Request(model="coding", messages=({"role": "user", "content": "Fix the bug."},), kind="bug_fix")
    with rk.load("routerkit.toml") as router:
        assert "cheap" == router.decide(request).picked
    monkeypatch.setenv("RIGHT", "dear-1")
    assert 0 == night(monkeypatch, "2026-11-24", "--json")
    found = json.loads(capsys.readouterr().out)
    with rk.load("routerkit.toml") as router:
        decision = router.decide(request)
    assert "dear" == decision.picked
    assert f"scorecard={found['scorecard']}@{found['run_id']}" in decision.explain()
    assert [("cheap", "new"), ("dear", "new")] == [(c["target"], c["action"]) for c in found["changes"]]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_night_races_goes_the_same_way_again_and_the_next_one_asks_anchors_only(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own answers decide the race, and must not change which tasks that very night had chosen."""
    row = json.loads((project / "tasks.jsonl").read_text().splitlines()[0])
    numbered = [{**row, "id": f"t{i}", "prompt": f"Task {i}. Answer LINE n."} for i in range(40)]
    (project / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in numbered))
    (project / "small.toml").write_text(SUITE.replace("anchors = 4", "anchors = 2").replace("fresh = 2", "fresh = 38"))
    monkeypatch.setenv("RIGHT", "cheap-1")
    assert 0 == night(monkeypatch, "2026-11-24", "--json")
    first = json.loads(capsys.readouterr().out)
    assert ([], ["dear"]) == (first["decided"], [d["target"] for d in first["dropped"]])
    assert 44 == len(paid(project)) == first["n_done"]
    assert 0 == night(monkeypatch, "2026-11-24", "--json")
    assert (44, 44) == (len(paid(project)), json.loads(capsys.readouterr().out)["n_resumed"])
    assert 0 == night(monkeypatch, "2026-11-25", "--json")
    second = json.loads(capsys.readouterr().out)
    assert (["bug_fix"], 4) == (second["decided"], second["n_done"])
    page = Path(second["report"]).read_text()
    assert "nobody about bug_fix beyond the anchors: what is stored decides, until it is 30 days old" in page


def test_credible_loss_on_the_same_tasks_is_exit_code_one_and_in_the_report(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RIGHT", "dear-1")
    assert 0 == night(monkeypatch, "2026-11-24")
    monkeypatch.setenv("RIGHT", "")
    assert 1 == night(monkeypatch, "2026-11-25")
    # Anchors are asked anew, and beside them tasks that never were.
    assert (4 * N_ASKED, 4 * N_ASKED) == (len(paid(project)), len(set(paid(project))))
    tonight = {s.task_id for s in read_samples(project / "data") if s.epoch in epochs_of(date(2026, 11, 25))}
    assert (N_ASKED, 2) == (len(tonight), len({s.task_id for s in read_samples(project / "data")} - tonight))
    page = (project / "data" / "reports" / "small-2026-11-25" / "report.md").read_text()
    assert "**Regression:** dear solves 0% where it solved 100% (4 tasks" in page
    assert "is more than max_move = 0.3" in page
    for name in ("pareto", "kinds", "nights"):
        assert (project / "data" / "reports" / "small-2026-11-25" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"({name}.png)" in page
    (cell,) = (c for c in rk.load_scorecard(project / "scores.json").cells if c.target == "dear")
    assert cell.passed / cell.n >= 0.5


def test_dry_run_says_what_it_would_cost_and_does_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == night(monkeypatch, "2026-11-24", "--dry-run", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (12, 0) == (found["n_calls"], found["n_known"])
    assert 0 < found["low"] < found["cost_usd"] < found["high"]
    assert not (project / "paid.log").exists()
    assert not (project / "scores.json").exists()


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ("[suite]\nanchor = 3", "[suite]: unknown key 'anchor'; did you mean 'anchors'?"),
        ("[suit]", "unknown section 'suit'; did you mean 'suite'?"),
        ("[suite", "not valid TOML"),
        ('[suite]\nkinds = ["bugs"]', "[suite] kinds has 'bugs'; it must be of "),
        ('[suite]\nsources = "own"', "[suite] sources is 'own'; it must be a list of strings"),
        ("[suite]\nanchors = -1", "[suite] anchors is too small; the least is 0"),
        ('[suite]\nname = "../x"', "[suite] name is '../x'; reports are named by it"),
        ("[suite]\nanchors = 0\nfresh = 0", "anchors and fresh are both 0"),
        ("[stops]\nbudget_usd = -1", "s.toml: [stops] budget_usd is -1; it must be a number from 0 up"),
        (f"[stops]\nbudget_usd = {10**400}", "[stops] budget_usd is 1000"),
        ("[publish]\nwindow_days = inf", "[publish] window_days is inf; it must be above 0, and at most 36500"),
        ("[suite]\nvalue_usd = 0", "s.toml: value_usd 0 must be above 0"),
        ('[stops]\nbudget_usd = "5"', "[stops] budget_usd is '5'; it must be a number"),
        ("[publish]\nmax_move = 2", "s.toml: guardrails must satisfy"),
        ("[regression]\ncredible = 95", "[regression] credible is 95; it must be from 0 to 1"),
    ],
)
def test_mistake_in_a_suite_file_is_one_line(tmp_path: Path, suite: str, message: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(suite)
    with pytest.raises(EvalError) as caught:
        read_suite(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_suite_without_a_task_of_its_kinds_says_so(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text('[suite]\nsources = ["demo"]\nkinds = ["plan"]')
    with pytest.raises(EvalError, match=r"s.toml: \[suite\] sources hold no task of the kinds plan$"):
        tasks_of_suite(read_suite(path))


def test_options_that_a_suite_file_decides_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == night(monkeypatch, "2026-11-23", "--limit", "3")
    assert "routerkit: --limit does not go with --suite; set anchors and fresh in [suite] of small.toml\n" == capsys.readouterr().err


def test_usage_errors_are_exit_code_two(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == night(monkeypatch, "tomorrow")
    assert "--night 'tomorrow' is not a date" in capsys.readouterr().err
    assert 2 == night(monkeypatch, "")
    assert "--night '' is not a date" in capsys.readouterr().err
    assert 2 == night(monkeypatch, "9999-12-31")
    assert "night 9999-12-31 is out of reach; name one from 1970-01-01 to 2146-12-31" in capsys.readouterr().err
    (project / "routerkit.toml").write_text(CONFIG.replace("usd_per_mtok = { input = 1.0, output = 1.0 }", ""))
    assert 2 == night(monkeypatch, "2026-11-24")
    assert "no price is known for cheap; set usd_per_mtok" in capsys.readouterr().err
    assert not (project / "paid.log").exists()


def test_shipped_suite_is_valid_and_finds_its_tasks() -> None:
    file = read_suite(Path(__file__).parents[2] / "evals" / "suites" / "nightly.toml")
    tasks = tasks_of_suite(file)
    anchors, fresh = choose_tasks(tasks, file, {})
    assert (24, 24) == (len(anchors), len(fresh))
    assert {t.category for t in tasks} == {t.category for t in anchors}
    assert Options(workers=4, max_s=240 * 60.0, first_epoch=1, allocate="race") == file.options(first_epoch=1)


def test_anchors_stay_and_the_rest_comes_in_turn(project: Path) -> None:
    file = read_suite(project / "small.toml")
    tasks = [make_value_task(f"t{i}") for i in range(10)]
    anchors, first = choose_tasks(tasks, file, {})
    asked = {task.version: datetime(2026, 11, 24, tzinfo=UTC) for task in (*anchors, *first)}
    again, second = choose_tasks(tasks, file, asked)
    assert anchors == again
    assert not {t.id for t in first} & {t.id for t in second}


def test_decided_kind_gets_anchors_and_no_further_tasks(project: Path) -> None:
    file = read_suite(project / "small.toml")
    tasks = [make_value_task(f"t{i}", kind=kind) for i in range(6) for kind in ("bug_fix", "explain")]
    anchors, fresh = choose_tasks(tasks, file, {}, {"bug_fix"})
    assert {"bug_fix", "explain"} == {task.category for task in anchors}
    assert ["explain", "explain"] == [task.category for task in fresh]


def test_kind_with_a_drifted_cell_is_asked_about_before_all_others(project: Path) -> None:
    file = read_suite(project / "small.toml")
    tasks = [make_value_task(f"t{i}", kind=kind) for i in range(6) for kind in ("bug_fix", "explain")]
    asked = {task.version: datetime(2026, 11, 24, tzinfo=UTC) for task in tasks if task.category == "explain"}
    _, fresh = choose_tasks(tasks, file, asked, doubted={"explain"})
    assert ["explain", "explain"] == [task.category for task in fresh]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_night_asks_first_where_production_drifted_and_the_same_night_again_keeps_to_that(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An alarm is shown in forecast and report, overrides what races decided, and is gone with the scorecard it was raised against."""
    row = json.loads((project / "tasks.jsonl").read_text().splitlines()[0])
    numbered = [{**row, "id": f"t{i}", "prompt": f"Task {i}. Answer LINE n.", "category": kind} for kind in KINDS for i in range(20)]
    (project / "tasks.jsonl").write_text("".join(json.dumps({**task, "id": f"t{i}"}) + "\n" for i, task in enumerate(numbered)))
    monkeypatch.setenv("RIGHT", "cheap-1")
    assert 0 == night(monkeypatch, "2026-11-24")
    card = rk.load_scorecard(project / "scores.json")
    drifted = Drift("cheap", "explain", "success", 90, 1.0, 0.5, 40, datetime(2026, 11, 24, tzinfo=UTC), 2.0)
    raise_alarms(project / "data", [drifted], card, now=datetime(2026, 11, 25, tzinfo=UTC))
    capsys.readouterr()
    assert 0 == night(monkeypatch, "2026-11-25", "--dry-run")
    assert "asked first: cheap on explain drifted in production (success)" in capsys.readouterr().out
    n_paid = len(paid(project))
    assert 0 == night(monkeypatch, "2026-11-25", "--json")
    found = json.loads(capsys.readouterr().out)
    assert [{"target": "cheap", "kind": "explain", "why": "success"}] == found["due_for_measuring"]
    assert "cheap on explain drifted in production (success): 4 of 4 answers of this night are right" in Path(found["report"]).read_text()
    tonight = sorted((s for s in read_samples(project / "data") if s.epoch in epochs_of(date(2026, 11, 25))), key=lambda s: s.started_at)
    assert ["explain"] * 8 + ["bug_fix"] * 4 == [s.kind for s in tonight]
    n_asked = len(paid(project)) - n_paid
    assert 0 == night(monkeypatch, "2026-11-25")
    assert n_paid + n_asked == len(paid(project))
    assert found["scorecard"] != card.revision
    assert [] == due_for_measuring(project / "data", found["scorecard"])


def test_night_without_a_past_is_todays(tmp_path: Path) -> None:
    assert date(2026, 11, 24) == night_of(tmp_path, "small", datetime(2026, 11, 24, 3, tzinfo=UTC))


def test_noise_is_no_regression_and_a_loss_is() -> None:
    before = [sample(i, verdict="pass" if i % 2 else "fail") for i in range(20)]
    noisy = [sample(i, verdict="pass" if (i % 2) ^ (i in {3, 4}) else "fail") for i in range(20)]
    worse = [sample(i, verdict="pass" if i % 2 and i > 15 else "fail") for i in range(20)]
    (quiet,), (loud,) = regressions(noisy, before), regressions(worse, before)
    assert (False, True) == (quiet.is_regression, loud.is_regression)
    assert ("t1", "t11") == (loud.lost[0], loud.lost[5])
    assert loud.interval.low < loud.difference < loud.interval.high


def test_alarms_stay_rare_when_nothing_changed() -> None:
    dice = random.Random(7)
    n_alarms = 0
    for _ in range(30):
        p = [dice.random() for _ in range(24)]
        now, before = ([sample(i, verdict="pass" if dice.random() < p[i] else "fail") for i in range(24)] for _ in range(2))
        n_alarms += any(v.is_regression for v in regressions(now, before))
    # 5 % of 30 nights would be 1.5.
    assert n_alarms <= 4


def test_tasks_of_one_cluster_are_not_independent_evidence() -> None:
    before = [sample(i, cluster="one") for i in range(12)]
    now = [sample(i, cluster="one", verdict="fail") for i in range(12)]
    (verdict,) = regressions(now, before)
    (apart,) = regressions([sample(i, verdict="fail") for i in range(12)], [sample(i) for i in range(12)])
    assert verdict.p_worse < apart.p_worse
