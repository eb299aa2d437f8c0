"""Running a suite: every planned sample once, stored the moment it is known, resumable by running the same thing again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import Final, Literal, NamedTuple

from routerkit import Target
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.solver import Answer, Solver
from routerkit_evals.spend import Spend
from routerkit_evals.store import SampleLog, new_run_id
from routerkit_evals.task import Task

_MAX_STRIKES: Final = 5
"""Provider failures in a row after which a target is left alone for the rest of a run."""
Status = Literal["complete", "interrupted", "budget"]


class Cell(NamedTuple):
    """One planned sample."""

    task: Task
    target: str
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a sample."""

    sample: Sample
    n_done: int
    n_total: int
    spent_usd: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended, with every sample of its plan that is known, older ones included."""

    run_id: str
    status: Status
    rows: tuple[Sample, ...]
    spent_usd: float
    """Of this run alone."""
    n_planned: int
    n_resumed: int = 0
    """Samples an earlier run had already answered."""
    gave_up: tuple[str, ...] = ()
    """Targets whose provider failed too often in a row."""


@dataclass(slots=True)
class Run:
    """One run over a plan of cells."""

    solver: Solver
    grader: Grader
    log: SampleLog
    targets: Mapping[str, Target]
    max_usd: float | None = None
    on_progress: Callable[[Progress], None] = lambda _: None
    run_id: str = field(default_factory=new_run_id)
    _strikes: Counter[str] = field(default_factory=Counter, init=False)

    def execute(self, plan: Sequence[Cell], *, workers: int = 2) -> RunResult:
        """Answer and grade what is not known yet. Ctrl-C lets running samples finish; a second one abandons them.

        Raises:
            EvalError: the limit cannot be kept, or samples cannot be stored.
        """
        spend = Spend(self.targets, self.max_usd)
        ids = {self.sample_id(cell): cell for cell in plan}
        known = {s.sample_id: s for s in self.log.newest() if s.sample_id in ids and s.counts}
        todo = [(key, cell) for key, cell in ids.items() if key not in known]
        fresh: dict[str, Sample] = {}
        status: Status = "complete"
        with ThreadPoolExecutor(workers, thread_name_prefix="routerkit-eval") as pool:
            try:
                for sample in self._stream(pool, deque(todo), spend, workers):
                    fresh[sample.sample_id] = sample
                    self.on_progress(Progress(sample, len(known) + len(fresh), len(ids), spend.spent_usd))
            except KeyboardInterrupt:
                status = "interrupted"
        # A sample that was running when Ctrl-C came is stored, though its turn was never seen here.
        if status == "interrupted":
            fresh = {s.sample_id: s for s in self.log.newest(run_id=self.run_id)}
        elif len(fresh) < len(todo) and not self._gave_up():
            status = "budget"
        rows = {**known, **fresh}
        return RunResult(
            self.run_id, status, tuple(rows[k] for k in ids if k in rows), spend.spent_usd, len(ids), len(known), self._gave_up()
        )

    def sample_id(self, cell: Cell) -> str:
        """Identity of a planned sample."""
        model = self.targets[cell.target].model
        prompt = digest(self.solver.prompt(cell.task))
        return digest(cell.task.version, cell.target, model, str(cell.epoch), prompt, HARNESS, length=24)

    def _stream(self, pool: ThreadPoolExecutor, todo: deque[tuple[str, Cell]], spend: Spend, workers: int) -> Iterator[Sample]:
        """Keep `workers` samples running; yields each as it ends."""
        running: set[Future[Sample]] = set()
        while True:
            while len(running) < workers and (future := self._start(pool, todo, spend)):
                running.add(future)
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()

    def _start(self, pool: ThreadPoolExecutor, todo: deque[tuple[str, Cell]], spend: Spend) -> Future[Sample] | None:
        while todo and self._strikes[todo[0][1].target] >= _MAX_STRIKES:
            todo.popleft()
        if not todo:
            return None
        cell = todo[0][1]
        reserved = spend.reserve(cell.target, len(self.solver.prompt(cell.task)))
        # Without room it stays first in line: what is running may turn out cheaper than what was set aside for it.
        return None if reserved is None else pool.submit(self._one, *todo.popleft(), spend, reserved)

    def _one(self, key: str, cell: Cell, spend: Spend, reserved: float) -> Sample:
        started = datetime.now(UTC)
        answer = self.solver.solve(cell.task, cell.target, epoch=cell.epoch)
        spend.settle(cell.target, reserved=reserved, cost_usd=answer.cost_usd)
        grade = judge(cell.task, answer, self.grader)
        sample = self._sample(key, cell, answer=answer, grade=grade, started=started)
        self._strikes[cell.target] = self._strikes[cell.target] + 1 if sample.verdict == "infra_provider" else 0
        self.log.append(sample)
        return sample

    def _gave_up(self) -> tuple[str, ...]:
        return tuple(name for name, n in self._strikes.items() if n >= _MAX_STRIKES)

    def _sample(self, key: str, cell: Cell, *, answer: Answer, grade: Grade, started: datetime) -> Sample:
        task, target, usage = cell.task, self.targets[cell.target], answer.usage
        return Sample(
            sample_id=key,
            run_id=self.run_id,
            started_at=started,
            task_id=task.id,
            task_version=task.version,
            source=task.source,
            kind=task.category,
            cluster=task.cluster,
            target=cell.target,
            model=target.model,
            epoch=cell.epoch,
            prompt_sha256=digest(self.solver.prompt(task), length=64),
            harness=HARNESS,
            verdict=grade.verdict,
            why=grade.why,
            latency_s=answer.latency_s,
            input_tokens=usage.input_tokens if usage else None,
            cached_input_tokens=usage.cached_input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            usage_estimated=bool(usage and usage.is_estimated),
            cost_usd=answer.cost_usd,
            price_version=target.price.version if target.price else None,
            record_id=answer.record_id,
            finish_reason=answer.finish_reason,
            error_code=answer.error_code,
            tests_passed=grade.tests_passed,
            tests_total=grade.tests_total,
            grade_s=grade.seconds,
            sandbox=grade.sandbox,
            answer=answer.text,
        )


def plan_cells(tasks: Sequence[Task], targets: Sequence[str], *, epochs: int = 1) -> tuple[Cell, ...]:
    """Every task with every target, epoch by epoch and task by task, so that any prefix compares targets on the same tasks."""
    return tuple(Cell(task, target, epoch) for epoch, task, target in product(range(epochs), tasks, targets))


def judge(task: Task, answer: Answer, grader: Grader) -> Grade:
    """Grade an answer, or name the reason why there is none. A wrong answer that was cut off at its length counts as `truncated`."""
    if answer.text is None or answer.verdict is not None:
        return Grade(answer.verdict or "infra_provider", answer.error or "the model refused")
    grade = grader.grade(task, answer.text)
    if answer.finish_reason == "length" and grade.verdict in {"fail", "format", "timeout_tests"}:
        return Grade(
            "truncated", f"cut off at its length; {grade.why}", grade.tests_passed, grade.tests_total, grade.seconds, grade.sandbox
        )
    return grade
