"""Grading recorded answers again."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import pytest

from routerkit_evals import EvalError, Sandbox, read_samples
from routerkit_evals.replay_runs import replay_runs
from routerkit_evals.runner import Progress
from routerkit_evals.sources import human_eval_task

TASK = human_eval_task(
    {
        "task_id": "T/0",
        "prompt": 'from math import sqrt\n\n\ndef root(x):\n    """Square root."""\n',
        "entry_point": "root",
        "test": "def check(candidate):\n    assert candidate(4) == 2\n",
        "canonical_solution": "    return sqrt(x)\n",
    }
)
WHOLE = "def root(x):\n    return sqrt(x)\n"


def write_runs(path: Path, *completions: tuple[str, bool | None]) -> Path:
    rows = [{"model": "m", "task_id": "T/0", "prompt": "p", "completion": c, "passed": p, "latency_s": 400.0} for c, p in completions]
    with gzip.open(path, "wt") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return path


def test_answers_that_leave_out_what_the_prompt_shows_pass(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "r.gz", (WHOLE, True), ("    return sqrt(x)\n", True), ("def root(x):\n    return x\n", False))
    result = replay_runs(runs, [TASK], folder=tmp_path / "data")
    assert {"m": {"n": 3, "passed": 2, "agreement": 1.0}} == result.to_dict()
    assert [400.0] * 3 == [s.latency_s for s in result.run.rows]


def test_disagreement_is_counted_and_named(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "r.gz", (WHOLE, True), (WHOLE, False))
    (model,) = replay_runs(runs, [TASK], folder=tmp_path / "data").models
    assert (0.5, ("T/0, line 2: recorded fail, here pass",)) == (model.agreement, model.disagreements)


def test_the_same_run_counts_once_however_often_it_is_brought(sandbox: Sandbox, tmp_path: Path) -> None:
    """Twice in a file, and again in another one where it stands elsewhere."""
    right, wrong = (WHOLE, True), ("def root(x):\n    return x\n", False)
    twice = replay_runs(write_runs(tmp_path / "a.gz", right, wrong, right), [TASK], folder=tmp_path / "data")
    again = replay_runs(write_runs(tmp_path / "b.gz", wrong, right), [TASK], folder=tmp_path / "data")
    assert {"m": {"n": 2, "passed": 1, "agreement": 1.0}} == twice.to_dict() == again.to_dict()
    assert 2 == len(read_samples(tmp_path / "data"))


def test_runs_of_another_file_are_graded_as_what_they_are(sandbox: Sandbox, tmp_path: Path) -> None:
    replay_runs(write_runs(tmp_path / "a.gz", (WHOLE, True)), [TASK], folder=tmp_path / "data")
    other = replay_runs(write_runs(tmp_path / "b.gz", ("def root(x):\n    return x\n", False)), [TASK], folder=tmp_path / "data")
    assert {"m": {"n": 1, "passed": 0, "agreement": 1.0}} == other.to_dict()


def test_what_ctrl_c_left_ungraded_is_no_disagreement(sandbox: Sandbox, tmp_path: Path) -> None:
    def press(progress: Progress) -> None:
        raise KeyboardInterrupt

    runs = write_runs(tmp_path / "r.gz", *[(f"{WHOLE}# {i}\n", True) for i in range(20)])
    result = replay_runs(runs, [TASK], folder=tmp_path / "data", on_progress=press)
    (model,) = result.models
    assert 0 < len(result.run.rows) == model.n < 20
    assert (model.n, 1.0, ()) == (model.passed, model.agreement, model.disagreements)


def test_recording_without_verdicts_has_no_agreement(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "r.gz", (WHOLE, None))
    assert {"m": {"n": 1, "passed": 1, "agreement": None}} == replay_runs(runs, [TASK], folder=tmp_path / "data").to_dict()


def test_run_of_an_unknown_task_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="unknown task 'T/0'"):
        replay_runs(write_runs(tmp_path / "r.gz", (WHOLE, True)), [], folder=tmp_path / "data")


RUN = {"model": "m", "task_id": "T/0", "prompt": "p", "completion": WHOLE}


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    "line",
    ['{"model": "m"}', "[1]", "null", "[" * 100_000, json.dumps({**RUN, "latency_s": 10**400}), json.dumps({**RUN, "latency_s": math.nan})],
)
def test_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f"{json.dumps(RUN)}\n\n{line}\n")
    with pytest.raises(EvalError, match=r"r\.jsonl:3: not a recorded run"):
        replay_runs(path, [TASK], folder=tmp_path)


def test_damaged_archive_is_one_line(tmp_path: Path) -> None:
    path = write_runs(tmp_path / "r.gz", *[(f"{WHOLE}# {i}\n", True) for i in range(50)])
    body = bytearray(path.read_bytes())
    body[20:60] = b"\xff" * 40
    path.write_bytes(body)
    with pytest.raises(EvalError, match=r"r\.gz: cannot be read \(Error -3"):
        replay_runs(path, [TASK], folder=tmp_path)


def test_text_that_utf_8_cannot_say_is_graded_like_any_other(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "r.gz", ("x = '\ud800'", False))
    assert {"m": {"n": 1, "passed": 0, "agreement": 1.0}} == replay_runs(runs, [TASK], folder=tmp_path / "data").to_dict()
