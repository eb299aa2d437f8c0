"""What a run does before it asks, where it stops, and what survives when it breaks off."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from routerkit import Price, Router, Target
from routerkit.testing import FakeClock, ScriptedProvider, make_reply, make_router
from routerkit_evals import EvalError, Options, Sandbox, Task, read_samples, run_suite
from routerkit_evals.baselines import Proof, prove, summed_up
from routerkit_evals.durable import only_run, write_atomically
from routerkit_evals.grade import Grader
from routerkit_evals.pending import Remembering
from routerkit_evals.preflight import forecast
from routerkit_evals.schedule import Cell
from routerkit_evals.solver import OneShot
from routerkit_evals.spend import Spend, Stops
from routerkit_evals.store import sql
from routerkit_evals.suite import open_suite
from tests.evals.making import make_sample, make_task, make_value_task
from tests.full_disk import largest_file

PRICED = Target("mini", "mini", "mini-1", price=Price(1.0, 2.0))
SOLUTION = {"solution.py": "def add(a, b):\n    return a + b\n"}


def tasks(n: int) -> Sequence[Task]:
    """Tasks that need no sandbox."""
    return [make_value_task(f"t{i}") for i in range(n)]


def router_of(*, output_tokens: int = 400) -> tuple[Router, ScriptedProvider]:
    provider = ScriptedProvider([make_reply("LINE 7", output_tokens=output_tokens)])
    return make_router({"mini": provider}, targets=[PRICED]), provider


def test_tokens_stop_a_run_before_they_are_passed_and_more_go_on(tmp_path: Path) -> None:
    router, provider = router_of()
    result = run_suite(router, "pool", tasks(9), folder=tmp_path, options=Options(budget_tokens=1_100, workers=1))
    assert ("budget", "tokens", 2, 2) == (result.status, result.stopped_by, len(result.rows), len(provider.requests))
    more = run_suite(router, "pool", tasks(9), folder=tmp_path, options=Options(budget_tokens=9_000))
    assert ("complete", 2, 9) == (more.status, more.n_resumed, len(provider.requests))


def test_time_stops_a_run_without_breaking_what_runs() -> None:
    clock = FakeClock(0.0)
    spend = Spend({"mini": PRICED}, Stops(max_s=60.0), clock=clock)
    assert spend.reserve("mini", 100) is not None
    clock.sleep(60.0)
    assert (None, "time") == (spend.reserve("mini", 100), spend.stopped_by)


@pytest.mark.parametrize("wrong", [{"max_usd": -1.0}, {"max_tokens": -1}, {"max_s": float("nan")}])
def test_limit_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(EvalError, match="is not a limit; give a number from 0 up"):
        Stops(**wrong)  # type: ignore[arg-type]


def test_forecast_narrows_from_assumptions_to_what_was_seen() -> None:
    cells = [Cell(task, "mini") for task in tasks(20)]
    blind = forecast(cells, {"mini": PRICED}, [], lambda _: "x" * 350)
    seen = forecast(cells, {"mini": PRICED}, [make_sample(f"s{i}", output_tokens=90 + i) for i in range(20)], lambda _: "x" * 350)
    assert blind.interval is not None
    assert seen.interval is not None
    # 20 prompts of 100 tokens at $1 and answers of about 99.5 tokens at $2 per million.
    assert pytest.approx(20 * (100 + 2 * 99.5) / 1e6) == seen.cost_usd
    assert blind.interval.low <= blind.cost_usd <= blind.interval.high  # type: ignore[operator]  # priced, so known
    assert seen.interval.high - seen.interval.low < (blind.interval.high - blind.interval.low) / 10
    assert pytest.approx(20 * 2.0) == seen.seconds


def test_forecast_says_unknown_where_a_price_is_missing() -> None:
    found = forecast([Cell(task, "mini") for task in tasks(2)], {"mini": replace(PRICED, price=None)}, [], lambda _: "x")
    assert (None, None) == (found.cost_usd, found.interval)
    assert "an unknown amount (no price)" in found.lines()[0]


def test_forecast_counts_only_what_is_not_known_and_spends_nothing(tmp_path: Path) -> None:
    router, provider = router_of()
    run_suite(router, "pool", tasks(3), folder=tmp_path)
    with open_suite(router, "pool", tasks(5), folder=tmp_path) as suite:
        found = suite.preflight()
    assert (2, 3, 3) == (found.n_calls, found.n_known, len(provider.requests))


def test_broken_tasks_are_shown_not_scored_and_checked_once(tmp_path: Path, sandbox: Sandbox) -> None:
    good = replace(make_task("add"), reference=SOLUTION)
    wrong = replace(make_task("wrong"), reference={"solution.py": "def add(a, b):\n    return a - b\n"})
    easy = replace(make_task("easy"), reference=SOLUTION, tests={"check.py": "print('ok')\n"})
    proofs = prove([good, wrong, easy], Grader(sandbox), tmp_path)
    assert [True, False, False] == [proofs[t.id].is_valid for t in (good, wrong, easy)]
    assert proofs[wrong.id].why.startswith("its own reference is judged fail")
    assert "an answer that changes nothing passes" == proofs[easy.id].why
    # Grading again would need a sandbox.
    assert proofs == prove([good, wrong, easy], Grader(None), tmp_path)
    assert [(3,)] == list(sql(tmp_path, "SELECT count(*) FROM baselines").rows)


def test_no_model_is_asked_about_a_broken_task(tmp_path: Path) -> None:
    router, provider = router_of()
    with open_suite(router, "pool", [*tasks(1), replace(make_task("none"), tests={"check.py": "print('ok')\n"})], folder=tmp_path) as suite:
        (proof,) = suite.prove()
        result = suite.run()
    assert ("test/none", "pass", 1, 1) == (proof.task_id, proof.empty, len(result.rows), len(provider.requests))


def test_forecast_leaves_out_what_is_known_to_be_broken(tmp_path: Path) -> None:
    router, _ = router_of()
    broken = replace(make_task("none"), tests={"check.py": "print('ok')\n"})
    with open_suite(router, "pool", [*tasks(1), broken], folder=tmp_path) as suite:
        suite.prove()
    with open_suite(router, "pool", [*tasks(1), broken], folder=tmp_path) as again:
        found = again.preflight()
    assert 1 == found.n_calls


def test_answer_that_was_not_graded_before_a_crash_is_not_paid_again(tmp_path: Path) -> None:
    router, provider = router_of()
    task = make_value_task("t")
    before = Remembering(OneShot(router, "pool"), tmp_path, {"mini": PRICED})
    paid = before.solve(task, "mini", epoch=0)
    # The process dies here; another one starts the same run.
    after = run_suite(router, "pool", [task], folder=tmp_path)
    assert (1, "pass", paid.cost_usd, paid.record_id) == (
        len(provider.requests),
        after.rows[0].verdict,
        after.rows[0].cost_usd,
        after.rows[0].record_id,
    )
    assert [] == list((tmp_path / "pending").iterdir())
    run_suite(router, "pool", [task], folder=tmp_path, options=Options(first_epoch=1))
    assert 2 == len(provider.requests)


def test_torn_answer_file_is_asked_again(tmp_path: Path) -> None:
    router, provider = router_of()
    solver = Remembering(OneShot(router, "pool"), tmp_path, {"mini": PRICED})
    solver.solve(make_value_task("t"), "mini", epoch=0)
    (file,) = (tmp_path / "pending").iterdir()
    for number, text in enumerate(('{"text": "LI', "null", "7"), 2):
        file.write_text(text)
        solver.solve(make_value_task("t"), "mini", epoch=0)
        assert number == len(provider.requests)


BAD_ANSWERS = {
    "hangs": ("while True:\n    pass", "timeout_tests"),
    "sleeps": ("import time\ntime.sleep(1000)", "timeout_tests"),
    "is huge": (f"def add(a, b):\n    return a + b\n# {'x' * 5_000_000}", "pass"),
    "forges": ("import os\nos.symlink('/etc/passwd', '/tmp/result')\nprint('ok', flush=True)\nos._exit(0)", "fail"),
}


@pytest.mark.slow
def test_bad_answers_have_named_verdicts_and_end_no_run(tmp_path: Path, sandbox: Sandbox) -> None:
    """The sandbox fixture only says whether one works here."""
    wanted = {f"test/{name}": verdict for name, (_, verdict) in BAD_ANSWERS.items()} | {"test/is empty": "format"}
    texts = [f"```python solution.py\n{code}\n```" for code, _ in BAD_ANSWERS.values()]
    provider = ScriptedProvider([*(make_reply(text) for text in texts), make_reply("Sorry.")])
    router = make_router({"mini": provider}, targets=[PRICED])
    bad = [replace(make_task(id_.removeprefix("test/")), timeout_s=1.0) for id_ in wanted]
    result = run_suite(router, "pool", bad, folder=tmp_path, options=Options(workers=1, has_baselines=False))
    assert ("complete", wanted) == (result.status, {s.task_id: s.verdict for s in result.rows})
    (row,) = sql(tmp_path, "SELECT max(n_chars) AS n, max(length(output)) AS stored FROM outputs").as_dicts()
    assert (True, 1 << 20) == (int(str(row["n"])) > 5_000_000, row["stored"])


def test_second_run_on_one_store_is_refused_in_one_line(tmp_path: Path) -> None:
    router, provider = router_of()
    with only_run(tmp_path), pytest.raises(EvalError, match=r"an eval run writes here already \(process \d+ since .*\); wait for it"):
        run_suite(router, "pool", tasks(1), folder=tmp_path)
    assert ([], ()) == (provider.requests, read_samples(tmp_path))
    assert 1 == len(run_suite(router, "pool", tasks(1), folder=tmp_path).rows)


def test_full_disk_ends_a_run_in_one_line_and_nothing_is_lost_or_paid_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    router, provider = router_of()
    options = Options(workers=1, has_baselines=False)
    with largest_file(4_000), pytest.raises(EvalError, match=r"cannot store samples .* free the disk") as caught:
        run_suite(router, "pool", tasks(20), folder=tmp_path, options=options)
    assert "\n" not in str(caught.value)
    n_paid = len(provider.requests)
    assert 1 <= n_paid < 20
    result = run_suite(router, "pool", tasks(20), folder=tmp_path, options=options)
    assert ("complete", 20, 20) == (result.status, len(result.rows), len(provider.requests))
    assert 20 == len({s.record_id for s in read_samples(tmp_path)})


def test_folder_that_cannot_be_written_is_refused_before_anything_is_paid(tmp_path: Path) -> None:
    router, provider = router_of()
    (tmp_path / "file").write_text("")
    with pytest.raises(EvalError, match="samples cannot be stored there"):
        run_suite(router, "pool", tasks(1), folder=tmp_path / "file")
    assert [] == provider.requests


def test_reasons_of_invalid_tasks_are_counted_with_one_example_each() -> None:
    """Whole reasons were printed before, task by task."""
    long = "its own reference is judged fail: AssertionError: 1 != 2"
    proofs = [Proof(f"p{i}", "", f"t{i}", "v", "fail", "fail", why=long) for i in range(20)]
    proofs.append(Proof("p", "", "easy", "v", "pass", "pass", why="an answer that changes nothing passes"))
    assert (
        "20 invalid because its own reference is judged fail (e.g. t0); 1 invalid because an answer that changes nothing passes (e.g. easy)"
        == summed_up(proofs)
    )


def test_what_is_no_file_takes_the_text_and_stays_what_it_is(tmp_path: Path) -> None:
    """`--json /dev/null` must not make a file of the device."""
    pipe, link, file = tmp_path / "pipe", tmp_path / "link", tmp_path / "file"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)
    write_atomically(pipe, "text")
    assert (b"text", True) == (os.read(reading, 9), pipe.is_fifo())
    os.close(reading)
    link.symlink_to(file)
    write_atomically(link, "text")
    assert (True, "text") == (link.is_symlink(), file.read_text())
