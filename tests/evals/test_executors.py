"""Providers that ask for fewer calls, and where answers are graded."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from routerkit import Price, Target
from routerkit_evals import EvalError, Grade, Task
from routerkit_evals.concurrency import PATIENCE_S, Backlog, Throttle
from routerkit_evals.executors import LocalExecutor, make_executor
from routerkit_evals.grade import Grader
from routerkit_evals.runner import Run, RunResult
from routerkit_evals.schedule import plan_cells
from routerkit_evals.solver import Answer
from routerkit_evals.store import SampleLog
from tests.evals.making import make_value_task

RIGHT = Answer("LINE 7", cost_usd=0.01)


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def busy(retry_after_s: float | None = None, *, code: str = "rate_limit") -> Answer:
    return Answer(None, error="busy", error_code=code, verdict="infra_provider", retry_after_s=retry_after_s)


class Scripted:
    """Solver whose targets give their answers in order, the last one for ever."""

    def __init__(self, **answers: list[Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def prompt(self, task: Task) -> str:
        return task.prompt

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        with self._lock:
            self.asked.append((target, task.id))
            script = self.answers[target]
            return script.pop(0) if len(script) > 1 else script[0]


def execute(folder: Path, solver: Scripted, *, n_tasks: int = 4, workers: int = 1, clock: Clock | None = None) -> RunResult:
    """Every target has a provider of its own."""
    clock = clock or Clock()
    targets = {name: Target(name, f"{name}-provider", name, price=Price(1.0, 2.0)) for name in solver.answers}
    tasks = [make_value_task(f"t{i}") for i in range(n_tasks)]
    with SampleLog(folder) as log:
        run = Run(solver, Grader(None), log, targets, clock=clock, sleep=clock.sleep)
        return run.execute(plan_cells(tasks, list(targets)), workers=workers)


def test_limited_provider_loses_no_sample_while_another_goes_on(tmp_path: Path) -> None:
    solver, clock = Scripted(slow=[busy(5.0), busy(5.0), RIGHT], free=[RIGHT]), Clock()
    result = execute(tmp_path, solver, clock=clock)
    assert {("slow", "pass"): 4, ("free", "pass"): 4} == {
        key: sum((s.target, s.verdict) == key for s in result.rows) for key in {(s.target, s.verdict) for s in result.rows}
    }
    assert ("complete", 2, 10.0) == (result.status, result.n_throttled, clock.now_s)
    # The free one did not wait for the limited one.
    assert [("slow", "test/t0"), *(("free", f"test/t{i}") for i in range(4))] == solver.asked[:5]


def test_refused_calls_cost_nothing(tmp_path: Path) -> None:
    result = execute(tmp_path, Scripted(slow=[busy(1.0, code="overloaded"), RIGHT]), n_tasks=2)
    assert pytest.approx(0.02) == result.spent_usd


def test_provider_that_only_objects_is_waited_for_and_then_left_alone(tmp_path: Path) -> None:
    solver, clock = Scripted(dead=[busy()], free=[RIGHT]), Clock()
    result = execute(tmp_path, solver, n_tasks=12, clock=clock)
    assert ("complete", ("dead",), 12) == (result.status, result.gave_up, sum(s.target == "free" for s in result.rows))
    assert {"infra_provider"} == {s.verdict for s in result.rows if s.target == "dead"}
    assert PATIENCE_S <= clock.now_s < 2 * PATIENCE_S


def test_provider_that_asks_for_too_long_a_pause_is_not_waited_for(tmp_path: Path) -> None:
    clock = Clock()
    result = execute(tmp_path, Scripted(away=[busy(3600.0)]), n_tasks=12, clock=clock)
    assert (("away",), 5, 0.0) == (result.gave_up, len(result.rows), clock.now_s)


def test_call_that_never_gets_through_does_not_hold_up_the_others(tmp_path: Path) -> None:
    class TooLarge(Scripted):
        def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
            super().solve(task, target, epoch=epoch)
            return busy(1.0) if task.id == "test/t0" else RIGHT

    result = execute(tmp_path, TooLarge(one=[RIGHT]), n_tasks=6)
    assert ["infra_provider", *["pass"] * 5] == [s.verdict for s in result.rows]


def test_objection_halves_the_limit_once_per_round_and_answers_raise_it_by_one() -> None:
    clock = Clock()
    throttle = Throttle(8, clock=clock)
    tickets = [throttle.begin("p") for _ in range(9)]
    assert None is tickets[8]
    for ticket in tickets[:8]:
        assert ticket is not None
        assert throttle.objected("p", ticket, retry_after_s=2.0)
    assert (None, 2.0) == (throttle.begin("p"), throttle.held_s("p"))
    clock.sleep(2.0)
    assert [True] * 4 + [False] == [throttle.begin("p") is not None for _ in range(5)]
    for _ in range(4):
        throttle.answered("p")
    assert [True] * 4 + [False] == [throttle.begin("p") is not None for _ in range(5)]
    for _ in range(2):
        throttle.answered("p")
    assert [True] * 3 + [False] == [throttle.begin("p") is not None for _ in range(4)]


def test_pauses_double_where_the_provider_does_not_say_how_long() -> None:
    clock = Clock()
    throttle, pauses = Throttle(1, clock=clock), []
    for _ in range(8):
        ticket = throttle.begin("p")
        assert ticket is not None
        throttle.objected("p", ticket, retry_after_s=None)
        pauses.append(throttle.held_s("p"))
        clock.sleep(pauses[-1])
    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == pauses


def test_backlog_keeps_the_order_of_the_plan_over_all_groups() -> None:
    backlog: Backlog[str] = Backlog()
    for group, work in (("a", "a0"), ("b", "b0"), ("a", "a1"), ("b", "b1")):
        backlog.add(group, "p", work)
    order = []
    while head := next(backlog.heads(), None):
        order.append(backlog.lines[head[0]].popleft().work)
    assert ["a0", "b0", "a1", "b1"] == order


def test_answers_are_graded_side_by_side_up_to_the_slots() -> None:
    class Meeting:
        """Grades only when two are there at once; a third would break the barrier."""

        def __init__(self) -> None:
            self.barrier = threading.Barrier(2, timeout=30.0)
            self.most = self.n = 0
            self.lock = threading.Lock()

        def grade(self, task: Task, text: str) -> Grade:
            with self.lock:
                self.n += 1
                self.most = max(self.most, self.n)
            self.barrier.wait()
            with self.lock:
                self.n -= 1
            return Grade("pass")

    meeting, task = Meeting(), make_value_task("t")
    with LocalExecutor(meeting, slots=2) as executor:
        threads = [threading.Thread(target=executor.grade, args=(task, "")) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 2 == meeting.most


@pytest.mark.parametrize("name", ["dask", "ray2", ""])
def test_unknown_executor_is_named_with_what_there_is(name: str) -> None:
    with pytest.raises(EvalError, match=f"no executor '{name}'; known: local, ray, ray:ADDRESS"):
        make_executor(name, 2, grader=Grader(None))
