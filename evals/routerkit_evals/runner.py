"""Running a suite: every planned sample once, stored the moment it is known, resumable by running the same thing again."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal

from routerkit import Json, Request, Target, features
from routerkit_evals.concurrency import Throttle
from routerkit_evals.contests import Dropped
from routerkit_evals.executors import Grading
from routerkit_evals.grade import Grade
from routerkit_evals.records import as_text, code_commit, prices_of
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.schedule import Cell, Everything, Schedule
from routerkit_evals.solver import Answer, Solver, plus
from routerkit_evals.spend import Spend
from routerkit_evals.store import SampleLog, new_run_id
from routerkit_evals.task import Task
from routerkit_evals.work import Work

_LOG: Final = logging.getLogger(__name__)
_MAX_STRIKES: Final = 5
"""Provider failures in a row after which a target is left alone for the rest of a run."""
Status = Literal["complete", "interrupted", "budget"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands after a sample."""

    sample: Sample
    n_done: int
    n_total: int
    """The most it can become: a race may end sooner."""
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
    stopped_by: str = ""
    """`dollars`, `tokens` or `time` when the status is `budget`."""
    n_throttled: int = 0
    """Answers of this run that asked for fewer calls; each was waited for and tried again."""
    dropped: tuple[Dropped, ...] = ()
    """Targets that were asked no further about a kind of task, because of what was known."""

    @property
    def n_counted(self) -> int:
        """Planned answers that say something about a model."""
        return sum(sample.counts for sample in self.rows)

    def remainder(self) -> str:
        """What the same command would do again, in a line; empty when every planned answer counts."""
        if self.status == "interrupted":
            return f"interrupted with {len(self.rows)} of {self.n_planned} samples stored; run the same command again to resume"
        n_missing = self.n_planned - self.n_counted
        return f"{n_missing} of {self.n_planned} answers are missing; the same command asks for them again" if n_missing else ""


@dataclass(slots=True)
class _Seen:
    """What a run has taken on, and what is known of it."""

    ids: dict[str, Cell] = field(default_factory=dict)
    """Cells by sample id, in the order of the plan."""
    known: dict[str, Sample] = field(default_factory=dict)
    """From earlier runs."""
    fresh: dict[str, Sample] = field(default_factory=dict)

    @property
    def n_done(self) -> int:
        return len(self.known) + len(self.fresh)

    def rows(self) -> tuple[Sample, ...]:
        found = {**self.known, **self.fresh}
        return tuple(found[key] for key in self.ids if key in found)


@dataclass(slots=True)
class Run:
    """One run over a plan of cells."""

    solver: Solver
    grader: Grading
    """A `Grader`, or an executor that spreads grading over machines."""
    log: SampleLog
    targets: Mapping[str, Target]
    max_usd: float | None = None
    on_progress: Callable[[Progress], None] = lambda _: None
    run_id: str = field(default_factory=new_run_id)
    config: Mapping[str, Json] = field(default_factory=dict)
    """What the run was asked to do; stored with it."""
    spend: Spend | None = None
    """Hard stops; None = dollars only, anew in each `execute`."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _strikes: Counter[str] = field(default_factory=Counter, init=False)
    _started_at: datetime = field(default_factory=lambda: datetime.now(UTC), init=False)

    def execute(self, plan: Sequence[Cell] | Schedule, *, workers: int = 2) -> RunResult:
        """Answer and grade what is not known yet. Ctrl-C lets running samples finish; a second one abandons them.

        Args:
            plan: What is wanted, in this order; or a schedule that decides it as answers come in.
            workers: Samples at a time. A provider that objects is given fewer, down to one at a time, and never at the others' cost.

        Raises:
            EvalError: the limit cannot be kept, or samples cannot be stored.
        """
        schedule = Everything(plan) if isinstance(plan, Sequence) else plan
        spend, throttle, seen = self.spend or Spend(self.targets, self.max_usd), Throttle(workers, clock=self.clock), _Seen()
        status: Status = "complete"
        with ThreadPoolExecutor(workers, thread_name_prefix="routerkit-eval") as pool:
            try:
                while not spend.stopped_by and (block := schedule.block(seen.rows())):
                    work = Work(self, spend, throttle, self._begin(block, seen))
                    n_total = len(seen.ids) + schedule.n_left
                    for sample in work.stream(pool, workers):
                        seen.fresh[sample.sample_id] = sample
                        self.on_progress(Progress(sample, seen.n_done, n_total, spend.spent_usd))
            except KeyboardInterrupt:
                status = "interrupted"
                _LOG.warning("waiting for the samples under way; Ctrl-C again abandons them")
        # A sample that was running when Ctrl-C came is stored, though its turn was never seen here.
        if status == "interrupted":
            seen.fresh = {s.sample_id: s for s in self.log.newest(run_id=self.run_id) if s.sample_id in seen.ids}
        elif seen.n_done < len(seen.ids) and not self.gave_up():
            status = "budget"
        result = RunResult(
            self.run_id,
            status,
            seen.rows(),
            spend.spent_usd,
            len(seen.ids),
            len(seen.known),
            self.gave_up(),
            stopped_by=spend.stopped_by if status == "budget" else "",
            n_throttled=throttle.n_objections,
            dropped=tuple(schedule.dropped),
        )
        self._record(status, seen.ids, result)
        return result

    def sample_id(self, cell: Cell) -> str:
        """Identity of a planned sample."""
        model = self.targets[cell.target].model
        prompt = digest(self.solver.prompt(cell.task))
        return digest(cell.task.version, cell.target, model, str(cell.epoch), prompt, HARNESS, length=24)

    def answer(self, cell: Cell) -> Answer:
        """Ask the cell's target; failures are values."""
        return self.solver.solve(cell.task, cell.target, epoch=cell.epoch)

    def keep(self, key: str, cell: Cell, answer: Answer, *, started: datetime) -> Sample:
        """Grade an answer and store what it was worth."""
        grade = judge(cell.task, answer, self.grader)
        sample = self._sample(key, cell, answer=answer, grade=grade, started=started)
        self._strikes[cell.target] = self._strikes[cell.target] + 1 if sample.verdict == "infra_provider" else 0
        self.log.append(sample)
        return sample

    def gave_up(self) -> tuple[str, ...]:
        """Targets that failed too often in a row."""
        return tuple(name for name, n in self._strikes.items() if n >= _MAX_STRIKES)

    def _begin(self, block: Sequence[Cell], seen: _Seen) -> dict[str, Cell]:
        """Enter a block; returns what of it is not known yet."""
        ids = {self.sample_id(cell): cell for cell in block}
        known = {s.sample_id: s for s in self.log.known(tuple(ids)) if s.counts}
        self.log.record_tasks({cell.task.version: cell.task for cell in block}.values())
        is_first = not seen.ids
        seen.ids.update(ids)
        seen.known.update(known)
        if is_first:
            self._record("running", seen.ids)
        return {key: cell for key, cell in ids.items() if key not in known}

    def _record(self, status: str, ids: Mapping[str, Cell], result: RunResult | None = None) -> None:
        names = dict.fromkeys(cell.target for cell in ids.values())
        self.log.record_run(
            {
                "run_id": self.run_id,
                "recorded_at": as_text(datetime.now(UTC)),
                "started_at": as_text(self._started_at),
                "status": status,
                "harness": HARNESS,
                "code_commit": code_commit(),
                "executor": str(getattr(self.grader, "name", "local")),
                "max_usd": self.max_usd,
                "n_planned": len(ids),
                "targets": prices_of(self.targets[name] for name in names),
                "config": self.config,
                **(_outcome(result) if result else {}),
            }
        )

    def _sample(self, key: str, cell: Cell, *, answer: Answer, grade: Grade, started: datetime) -> Sample:
        task, target, usage, prompt = cell.task, self.targets[cell.target], answer.usage, self.solver.prompt(cell.task)
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
            prompt_sha256=digest(prompt, length=64),
            harness=HARNESS,
            verdict=grade.verdict,
            why=grade.why,
            latency_s=answer.latency_s,
            input_tokens=usage.input_tokens if usage else None,
            cached_input_tokens=usage.cached_input_tokens if usage else None,
            output_tokens=usage.output_tokens if usage else None,
            usage_estimated=bool(usage and usage.is_estimated),
            cost_usd=plus(answer.cost_usd, grade.cost_usd),
            scorer=task.scorer.kind,
            price_version=target.price.version if target.price else None,
            record_id=answer.record_id,
            finish_reason=answer.finish_reason,
            error_code=answer.error_code,
            tests_passed=grade.tests_passed,
            tests_total=grade.tests_total,
            grade_s=grade.seconds,
            sandbox=grade.sandbox,
            language=features(Request(cell.target, ({"role": "user", "content": prompt},))).signals.language,
            answer=answer.text,
        )


def judge(task: Task, answer: Answer, grader: Grading) -> Grade:
    """Grade an answer, or name the reason why there is none. A wrong answer that was cut off at its length counts as `truncated`."""
    if answer.text is None or answer.verdict is not None:
        return Grade(answer.verdict or "infra_provider", answer.error or "the model refused")
    grade = grader.grade(task, answer.text)
    if answer.finish_reason == "length" and grade.verdict in {"fail", "format", "timeout_tests"}:
        return replace(grade, verdict="truncated", why=f"cut off at its length; {grade.why}")
    return grade


def _outcome(result: RunResult) -> dict[str, Json]:
    return {
        "ended_at": as_text(datetime.now(UTC)),
        "n_known": result.n_resumed,
        "n_done": len(result.rows),
        "n_throttled": result.n_throttled,
        "spent_usd": result.spent_usd,
        "gave_up": list(result.gave_up),
        "dropped": [d._asdict() for d in result.dropped],
    }
