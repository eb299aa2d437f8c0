"""One run of `routerkit eval mine`, from the environment to the task file."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routerkit_evals.canary import open_sandbox
from routerkit_evals.durable import write_atomically
from routerkit_evals.errors import EvalError
from routerkit_evals.execution import Limits
from routerkit_evals.interpreter import find_interpreter
from routerkit_evals.mine.bench import Bench
from routerkit_evals.mine.candidate import Candidate, Loss, Mode
from routerkit_evals.mine.environment import check_tests, options_of, pytest_options
from routerkit_evals.mine.history import history
from routerkit_evals.mine.journal import Journal, Result, Task, open_journal
from routerkit_evals.mine.mining import Haul, Mine
from routerkit_evals.mine.mutants import mutants
from routerkit_evals.mine.proving import prove
from routerkit_evals.mine.report import Report
from routerkit_evals.mine.repository import Repository
from routerkit_evals.mine.reverse import reverse
from routerkit_evals.mine.written import missing_tests, prove_tests
from routerkit_evals.sample import digest

_VERSION = "1"
"""Of the rules by which candidates become tasks; another one tries all of them again."""


_PROVE: Final[Mapping[Mode, Callable[[Candidate, Repository, Bench], Result]]] = {
    "history": prove,
    "reverse": prove,
    "mutants": prove,
    "tests": prove_tests,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to mine, and how."""

    repo: Path
    python: Path
    """Interpreter or environment with what the tests need."""
    out: Path | None = None
    """Task file; None = named after the repository, in the current folder."""
    modes: Sequence[Mode] = ("history",)
    since: str | None = None
    """As git understands it; None = all commits."""
    wanted: int | None = None
    """Most tasks of each mode; None = all."""
    test_command: str = ""
    test_s: int = 60
    """Processor seconds of one run; wall time may be three times that."""
    workers: int = 2


def mine(plan: Plan, on_progress: Callable[[Haul], None] = lambda haul: None) -> Report:
    """Find tasks and write the task file, even after Ctrl-C. A second run only tries what the first did not.

    Args:
        plan: What to do.
        on_progress: Called after each commit or mutant with what its mode has found so far.

    Raises:
        EvalError: the repository, the environment or the output cannot be used; no test can be imported.
        SandboxUnavailableError: bubblewrap does not work here.
    """
    started_s = time.monotonic()
    if plan.out is not None and (not plan.out.name or (plan.out.exists() and not plan.out.is_file())):
        raise EvalError(f"--out {str(plan.out)!r} is not a file; name one, as in tasks.jsonl")
    extra, interpreter = options_of(plan.test_command), find_interpreter(plan.python)
    with ExitStack() as stack:
        repository = stack.enter_context(Repository(plan.repo))
        out = plan.out or Path(f"{repository.name}-tasks.jsonl")
        options = (*pytest_options(interpreter, repository.tree(repository.head)), *extra)
        settings = digest(_VERSION, interpreter.executable, *options, str(plan.test_s))
        journal = stack.enter_context(open_journal(out.with_name(f"{out.name}.journal"), settings))
        sandbox = stack.enter_context(open_sandbox(interpreter=interpreter))
        bench = Bench(sandbox, options, Limits(wall_s=3.0 * plan.test_s, cpu_s=plan.test_s))
        check_tests(repository, bench, str(plan.python))
        hauls = list(_hauls(plan, repository, bench, journal, on_progress))
        tasks = _all_tasks(hauls, journal)
        write_atomically(out, "".join(f"{json.dumps(dict(task), ensure_ascii=False)}\n" for task in tasks))
    return Report(repository.name, out, str(plan.python), time.monotonic() - started_s, hauls, len(tasks))


def _hauls(plan: Plan, repository: Repository, bench: Bench, journal: Journal, on_progress: Callable[[Haul], None]) -> Iterator[Haul]:
    shovel = Mine(lambda candidate: _PROVE[candidate.mode](candidate, repository, bench), journal, plan.workers, plan.wanted, on_progress)
    for mode in plan.modes:
        haul = Haul(mode, repository.count(plan.since) if mode in {"history", "reverse"} else None)
        yield shovel.dig(haul, _source(mode, plan.since, repository, bench, journal))
        if haul.stopped_by == "interrupt":
            return


def _source(mode: Mode, since: str | None, repository: Repository, bench: Bench, journal: Journal) -> Iterator[Candidate | Loss]:
    if mode == "history":
        return history(repository, since)
    if mode != "reverse":
        return mutants(repository, bench) if mode == "mutants" else missing_tests(repository, bench)
    return reverse(repository, since, taken={commit for task in journal.tasks if (commit := _origin(task, "history"))})


def _all_tasks(hauls: Sequence[Haul], journal: Journal) -> list[Task]:
    """What was found now, and what earlier runs found in other modes."""
    modes: set[Mode] = {haul.mode for haul in hauls}
    earlier = [task for task in journal.tasks if not any(_origin(task, mode) for mode in modes)]
    return [*(task for haul in hauls for task in haul.tasks), *earlier]


def _origin(task: Task, mode: Mode) -> str:
    """Commit a task of this mode is from; empty for other modes."""
    origin = task["origin"]
    assert isinstance(origin, dict)
    return str(origin["commit"]) if origin["mode"] == mode else ""
