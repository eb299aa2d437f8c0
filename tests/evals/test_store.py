"""What runs leave in the store, asked with SQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerkit import Cell, Price, Scorecard, Target
from routerkit.store import EVAL_SCHEMAS, SAMPLES, SegmentWriter, ingest
from routerkit_evals import EvalError, Grader, Sample, Task, summarise
from routerkit_evals.records import MAX_OUTPUT_CHARS
from routerkit_evals.runner import Run
from routerkit_evals.schedule import plan_cells
from routerkit_evals.solver import Answer
from routerkit_evals.store import SampleLog, read_samples, record_scorecard, sql
from tests.evals.making import make_sample, make_value_task


def store(folder: Path, *samples: Sample) -> None:
    with SampleLog(folder) as log:
        for sample in samples:
            log.append(sample)


def one(folder: Path, text: str) -> tuple[object, ...]:
    (row,) = sql(folder, text).rows
    return row


class Fixed:
    """Solver with one answer."""

    def prompt(self, task: Task) -> str:
        return task.prompt

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        return Answer("LINE 7", cost_usd=0.01)


def test_text_is_stored_once_however_often_it_is_answered(tmp_path: Path) -> None:
    store(tmp_path, *(make_sample(f"t{i}", answer="the same") for i in range(3)))
    store(tmp_path, make_sample("t9", answer="the same"), make_sample("t10", answer="another"))
    assert (2, 5) == one(tmp_path, "SELECT (SELECT count(*) FROM outputs), (SELECT count(*) FROM samples WHERE answer IS NULL)")
    assert ["another", *["the same"] * 4] == sorted(str(s.answer) for s in read_samples(tmp_path))


def test_answer_of_many_megabytes_is_kept_in_part_and_its_sample_in_full(tmp_path: Path) -> None:
    text = "\N{BALLOT BOX}" * (5 << 20)
    store(tmp_path, make_sample("t", answer=text))
    (sample,) = read_samples(tmp_path)
    assert (text[:MAX_OUTPUT_CHARS], (len(text),)) == (sample.answer, one(tmp_path, "SELECT output_chars FROM attempts"))


def test_loading_the_same_rows_again_changes_nothing(tmp_path: Path) -> None:
    samples = [make_sample(f"t{i}", answer=f"a{i}") for i in range(3)]
    store(tmp_path, *samples)
    ingest(tmp_path, schemas=EVAL_SCHEMAS)
    before = sql(tmp_path, "SELECT * FROM samples ORDER BY attempt_id").rows
    store(tmp_path, *samples, *samples)
    assert 0 == ingest(tmp_path, schemas=EVAL_SCHEMAS).n_bad
    assert before == sql(tmp_path, "SELECT * FROM samples ORDER BY attempt_id").rows


def test_sample_tried_again_is_two_attempts_and_one_result(tmp_path: Path) -> None:
    down = make_sample("t", verdict="infra_provider", run_id="r1")
    up = make_sample("t", verdict="pass", run_id="r2", started_at=datetime(2026, 11, 2, tzinfo=UTC))
    store(tmp_path, down, up)
    assert (2, 1, "pass") == one(tmp_path, "SELECT (SELECT count(*) FROM attempts), count(*), any_value(verdict) FROM results")
    assert [("infra_provider", False, None), ("pass", True, 1.0)] == list(
        sql(tmp_path, "SELECT verdict, counts, value FROM scores ORDER BY verdict").rows
    )


def test_failure_dated_in_the_future_does_not_hide_the_answer_that_came_after_it(tmp_path: Path) -> None:
    """A clock that was ahead would have every answer asked, and paid for, again and again."""
    down = make_sample("t", verdict="infra_provider", run_id="r1", started_at=datetime(2036, 1, 1, tzinfo=UTC))
    up = make_sample("t", verdict="fail", run_id="r2")
    store(tmp_path, down, up)
    assert ["fail"] == [s.verdict for s in read_samples(tmp_path)]
    assert ("fail",) == one(tmp_path, "SELECT verdict FROM results")


def test_damaged_sample_is_left_out_with_a_warning_and_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a disk does to a line: the row stays, without the fields that cannot be read."""
    store(tmp_path, make_sample("t1"), make_sample("t2"), make_sample("t3"))
    (segment,) = (tmp_path / "hot").glob("samples-*")
    text = segment.read_text().replace('"epoch":0', '"epoch":9999999999', 1)
    segment.write_text('"started_at":"2026-xx'.join(text.rsplit('"started_at":"2026-11', 1)))
    assert ["t2"] == [s.task_id for s in read_samples(tmp_path)]
    assert "2 stored samples are damaged and left out" in caplog.text


def test_views_say_what_the_report_says(tmp_path: Path) -> None:
    """Repetitions of a task count once, unknown costs make sums unknown, what is not the model's fault is left out."""
    samples = [
        *(make_sample(f"t{i}", verdict="pass" if i % 3 else "fail", kind="migrate" if i % 2 else "refactor") for i in range(8)),
        make_sample("t0", verdict="pass", kind="refactor", epoch=1),
        make_sample("t9", verdict="infra_sandbox"),
        *(make_sample(f"t{i}", target="free", cost_usd=None) for i in range(2)),
    ]
    store(tmp_path, *samples)
    names = ("target", "kind", "n_tasks", "n_samples", "solved", "cost_usd", "latency_s", "output_tokens")
    for by_kind, view in ((True, "cells"), (False, "totals")):
        columns = ", ".join(names if by_kind else (*names[:1], "NULL AS kind", *names[2:]))
        wanted = {tuple(getattr(s, name) for name in names) for s in summarise(samples, by_kind=by_kind) if s.n_tasks}
        found = {row[:5]: row[5:] for row in sql(tmp_path, f"SELECT {columns} FROM {view}").rows}
        assert {row[:5]: pytest.approx(row[5:]) for row in wanted} == found


def test_run_is_stored_with_prices_config_and_how_it_ended(tmp_path: Path) -> None:
    targets = {"mini": Target("mini", "openai", "mini-1", price=Price(1.0, 2.0, version="2026-11"))}
    with SampleLog(tmp_path) as log:
        run = Run(Fixed(), Grader(None), log, targets, 1.0, config={"suite": "nightly"})
        run.execute(plan_cells([make_value_task("a"), make_value_task("b")], ["mini"]))
    text = "SELECT run_id, status, n_planned, n_done, spent_usd, max_usd, targets->>'$.mini.price.version', config->>'$.suite' FROM runs"
    assert (run.run_id, "complete", 2, 2, pytest.approx(0.02), 1.0, "2026-11", "nightly") == one(tmp_path, text)
    assert [("running",), ("complete",)] == list(sql(tmp_path, "SELECT status FROM run_events ORDER BY recorded_at").rows)
    assert [("test/a", "int_in"), ("test/b", "int_in")] == list(sql(tmp_path, "SELECT task_id, scorer FROM tasks ORDER BY task_id").rows)
    assert [("test/a", "int_in"), ("test/b", "int_in")] == list(
        sql(tmp_path, "SELECT t.task_id, a.scorer FROM attempts a JOIN tasks t USING (task_version) ORDER BY ALL").rows
    )


def test_published_scorecard_is_stored_once(tmp_path: Path) -> None:
    card = Scorecard((Cell("mini", "migrate", 10, 7.0, cost_usd=0.01),), made_at=datetime(2026, 11, 1, tzinfo=UTC), sources={"runs": "r1"})
    for _ in range(2):
        record_scorecard(tmp_path, card)
    text = "SELECT revision, target, kind, n, passed, p_low < p_mean AND p_mean < p_high, sources->>'$.runs' FROM scorecards"
    assert (card.revision, "mini", "migrate", 10, 7.0, True, "r1") == one(tmp_path, text)


def test_rows_of_the_first_version_are_read_beside_new_ones(tmp_path: Path) -> None:
    """Their table had no attempt ids, and each row held its text."""
    new = ("attempt_id", "scorer", "output_sha256", "output_chars")
    columns = {name: type_ for name, type_ in SAMPLES.columns.items() if name not in new}
    first = replace(SAMPLES, key="sample_id", columns=columns, is_unique=False, views={})
    old = {**make_sample("old").row(), "answer": "inline"}
    writer: SegmentWriter[dict[str, object]] = SegmentWriter(tmp_path, first.name, to_row=lambda row: {n: row[n] for n in columns})  # type: ignore[dict-item]
    writer.append(old)  # type: ignore[arg-type]
    writer.close()
    ingest(tmp_path, schemas=(first,))
    store(tmp_path, make_sample("new", answer="by hash"))
    assert {"old": "inline", "new": "by hash"} == {s.task_id: s.answer for s in read_samples(tmp_path)}
    assert (2, 2) == one(tmp_path, "SELECT count(*), count(DISTINCT attempt_id) FROM attempts")


def test_only_asked_for_samples_are_read_when_a_run_goes_on(tmp_path: Path) -> None:
    store(tmp_path, *(make_sample(f"t{i}") for i in range(5)))
    with SampleLog(tmp_path) as log:
        assert ["t1", "t3"] == [s.task_id for s in log.known(("mini-t1-0", "mini-t3-0", "mini-never-0"))]


def test_sample_that_cannot_be_stored_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "hot").write_text("a file where a folder should be")
    with SampleLog(tmp_path) as log, pytest.raises(EvalError, match="cannot store samples"):
        log.append(make_sample("t", answer="x"))
