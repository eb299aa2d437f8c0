"""Running tasks against the targets of a pool: what the command line and programs call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from routerkit import Json, Router, Target
from routerkit_evals.baselines import Proof, known_proofs, prove, summed_up
from routerkit_evals.canary import open_sandbox
from routerkit_evals.durable import only_run
from routerkit_evals.errors import EvalError
from routerkit_evals.executors import make_executor
from routerkit_evals.grade import Grader
from routerkit_evals.interpreter import CURRENT, find_interpreter
from routerkit_evals.patch import AnswerFormat
from routerkit_evals.pending import Remembering
from routerkit_evals.picking import pick_targets, pick_tasks
from routerkit_evals.preflight import Preflight, forecast
from routerkit_evals.runner import Progress, Run, RunResult
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.schedule import Allocation, Cell, Schedule, check_allocation, plan_allocation, plan_cells
from routerkit_evals.solver import make_solver
from routerkit_evals.sources import tasks_of
from routerkit_evals.spend import Spend, Stops, refuse_unpriced
from routerkit_evals.store import SampleLog, read_samples
from routerkit_evals.task import Task
from routerkit_evals.worth import Worth


@dataclass(frozen=True, slots=True)
class Options:
    """How a suite is run."""

    targets: tuple[str, ...] = ()
    """Targets of the pool to measure; empty = all."""
    epochs: int = 1
    first_epoch: int = 0
    """Number of the first repetition; a night has its own, so that it asks anew."""
    limit: int | None = None
    """Most tasks; None = all."""
    workers: int = 2
    max_usd: float | None = None
    """Dollars at which the run stops; None = no limit."""
    budget_tokens: int | None = None
    """Input and output tokens of all calls at which the run stops."""
    max_s: float | None = None
    """Seconds after which no new call starts."""
    timeout_s: float = 180.0
    """Longest wait for one answer."""
    max_tokens: int = 4096
    """Longest answer."""
    solver: str = "one-shot"
    """How an answer is got: `one-shot`, `two-tries` or `agent`."""
    answer_format: AnswerFormat = "whole"
    """Form of answers that are files."""
    executor: str = "local"
    """Where answers are graded: `local`, `ray` or `ray:ADDRESS`."""
    allocate: Allocation = "uniform"
    """Which targets are asked how much: `uniform`, `race` or `halve`."""
    worth: Worth = field(default_factory=Worth)
    """What races weigh answers by."""
    is_unsafe: bool = False
    """Run answers without a sandbox."""
    python: str = ""
    """Interpreter or environment that runs answers; empty = ours."""
    has_baselines: bool = True
    """Whether tasks must prove themselves first: their reference passes, an empty answer does not."""

    def __post_init__(self) -> None:
        check_allocation(self.allocate, self.max_usd)


_DEFAULT: Final = Options()


@dataclass
class Suite:
    """A plan over one store: look at its cost, prove its tasks, run it."""

    router: Router
    pool: str
    targets: Mapping[str, Target]
    tasks: tuple[Task, ...]
    folder: Path
    options: Options = _DEFAULT
    invalid: tuple[Proof, ...] = ()
    """Tasks that `prove` has taken out, with the reason."""
    always: frozenset[str] = frozenset()
    """Ids of tasks that every target is asked, whatever the allocation."""
    history: tuple[Sample, ...] = ()
    """Samples from before that a race may rest on."""
    note: Mapping[str, Json] = field(default_factory=dict)
    """Stored with the run, e.g. name and night of a suite."""
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)

    @cached_property
    def solver(self) -> Remembering:
        """What answers: through the router, each answer written down before it is graded."""
        options = self.options
        inner = make_solver(
            options.solver,
            self.router,
            self.pool,
            answer_format=options.answer_format,
            timeout_s=options.timeout_s,
            max_tokens=options.max_tokens,
            # Opening it takes a while, and looking at a plan needs none.
            sandbox=None if options.solver == "one-shot" else self.sandbox,
        )
        return Remembering(inner, self.folder, self.targets)

    @cached_property
    def sandbox(self) -> Sandbox | None:
        """Where answers run; None when no task runs anything.

        Raises:
            SandboxUnavailableError: one is needed and none works here.
        """
        sandbox = sandbox_for(self.tasks, is_unsafe=self.options.is_unsafe, python=self.options.python)
        if sandbox is not None:
            self._stack.callback(sandbox.close)
        return sandbox

    def cells(self) -> tuple[Cell, ...]:
        """Every planned sample."""
        cells = plan_cells(self.tasks, list(self.targets), epochs=self.options.epochs)
        return tuple(cell._replace(epoch=cell.epoch + self.options.first_epoch) for cell in cells)

    def schedule(self) -> Schedule:
        """The planned samples in the order, and as far as, they are asked."""
        o = self.options
        return plan_allocation(
            o.allocate, self.cells(), self.targets, worth=o.worth, always=self.always, history=self.history, max_usd=o.max_usd
        )

    def preflight(self) -> Preflight:
        """What is left to ask and what that will cost; tasks that are known to be broken will not be asked.

        Raises:
            EvalError: there is a limit on dollars and a price is unknown.
        """
        if self.options.max_usd is not None:
            refuse_unpriced(self.targets, self.options.max_usd)
        stored = read_samples(self.folder)
        answered = {_identity(s) for s in stored if s.counts}
        broken = {p.task_id for p in known_proofs(self.tasks, self.folder, python=self.options.python) if not p.is_valid}
        cells = [cell for cell in self.cells() if cell.task.id not in broken or not self.options.has_baselines]
        prompts = {task.version: self.solver.prompt(task) for task in self.tasks}
        todo = [c for c in cells if self._identity(c, prompts[c.task.version]) not in answered]
        return forecast(todo, self.targets, stored, lambda cell: prompts[cell.task.version], n_known=len(cells) - len(todo))

    def prove(self, on_progress: Callable[[int, int], None] = lambda done, total: None) -> tuple[Proof, ...]:
        """Check every task before a model sees it, and take out those that prove nothing. Returns the proofs of those."""
        proofs = prove(self.tasks, Grader(self.sandbox), self.folder, python=self.options.python, on_progress=on_progress)
        self.invalid = tuple(p for p in proofs.values() if not p.is_valid)
        broken = {p.task_id for p in self.invalid}
        self.tasks = tuple(task for task in self.tasks if task.id not in broken)
        return self.invalid

    def run(self, on_progress: Callable[[Progress], None] = lambda _: None) -> RunResult:
        """Answer, grade and store what is not known yet.

        Raises:
            EvalError: a limit cannot be kept, samples cannot be stored, or no task is left.
        """
        if not self.tasks:
            raise EvalError(f"no task is left to run: {summed_up(self.invalid)}")
        options, solver = self.options, self.solver

        def progressed(progress: Progress) -> None:
            solver.forget(progress.sample)
            on_progress(progress)

        with (
            SampleLog(self.folder) as log,
            make_executor(
                options.executor, options.workers, grader=Grader(self.sandbox), is_unsafe=options.is_unsafe, python=options.python
            ) as grader,
        ):
            run = Run(solver, grader, log, self.targets, options.max_usd, config=self.config())
            run.spend = Spend(self.targets, Stops(options.max_usd, options.budget_tokens, options.max_s))
            run.on_progress = progressed
            result = run.execute(self.schedule(), workers=options.workers)
        for sample in result.rows:
            solver.forget(sample)
        return result

    def config(self) -> Mapping[str, Json]:
        """What is stored with the run."""
        o = self.options
        return {
            "pool": self.pool,
            "n_tasks": len(self.tasks),
            "invalid_tasks": [p.task_id for p in self.invalid],
            "epochs": o.epochs,
            "allocate": o.allocate,
            "solver": o.solver,
            "answer_format": o.answer_format,
            "max_tokens": o.max_tokens,
            "timeout_s": o.timeout_s,
            "budget_tokens": o.budget_tokens,
            "max_s": o.max_s,
            **self.note,
        }

    def _identity(self, cell: Cell, prompt: str) -> tuple[object, ...]:
        model = self.targets[cell.target].model
        return cell.task.version, cell.target, model, cell.epoch, digest(prompt, length=64), HARNESS


def run_suite(
    router: Router,
    pool: str,
    tasks: str | Sequence[Task],
    *,
    folder: Path | str,
    on_progress: Callable[[Progress], None] | None = None,
    options: Options = _DEFAULT,
) -> RunResult:
    """Answer, grade and store tasks with the targets of a pool. Run it again and it resumes where it stopped.

    Tasks whose own reference fails, or that an empty answer solves, are left out; see `Suite.invalid` to learn which.

    Args:
        router: Where requests go, each pinned to one target.
        pool: Name of the pool.
        tasks: Name of a source (`own`, `demo`, `human-eval`), a path, or tasks.
        folder: Where samples are stored; the ledger's folder will do.
        on_progress: Called after each new sample, in the calling thread.
        options: Everything else.

    Raises:
        EvalError: unknown pool or target, no task to grade, a limit without prices, samples that cannot be stored, or another run that
            writes to the same folder.
        SandboxUnavailableError: tasks run code and no sandbox works here.
    """
    with open_suite(router, pool, tasks, folder=folder, options=options) as suite, only_run(suite.folder):
        if options.max_usd is not None:
            refuse_unpriced(suite.targets, options.max_usd)
        if options.has_baselines:
            suite.prove()
        return suite.run(on_progress or (lambda _: None))


@contextmanager
def open_suite(
    router: Router, pool: str, tasks: str | Sequence[Task], *, folder: Path | str, options: Options = _DEFAULT
) -> Iterator[Suite]:
    """Plan a run step by step; closes the sandbox afterwards.

    Raises:
        EvalError: unknown pool or target, or no task to grade.
    """
    targets = {target.name: target for target in pick_targets(router, pool, options.targets)}
    chosen = pick_tasks(tasks_of(tasks) if isinstance(tasks, str) else tasks, options.limit)
    suite = Suite(router, pool, targets, chosen, Path(folder), options)
    with suite._stack:
        yield suite


def sandbox_for(tasks: Sequence[Task], *, is_unsafe: bool = False, python: str = "") -> Sandbox | None:
    """A sandbox if any of the tasks runs something; `python` names the interpreter or environment in it, empty = ours.

    Raises:
        SandboxUnavailableError: one is needed and none works here.
        EvalError: that interpreter cannot be used.
    """
    interpreter = find_interpreter(Path(python)) if python else CURRENT
    return open_sandbox(is_unsafe=is_unsafe, interpreter=interpreter) if any(t.program is not None for t in tasks) else None


def _identity(sample: Sample) -> tuple[object, ...]:
    return sample.task_version, sample.target, sample.model, sample.epoch, sample.prompt_sha256, sample.harness
