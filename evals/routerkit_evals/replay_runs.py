"""Grading recorded answers of real models again: what the sandbox and the graders are checked against."""

from __future__ import annotations

import gzip
import json
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from routerkit import Json, Pool, Reply, Request, Router, RouterState, Target, Usage

# The replay provider has no name in the front door; this is the one place that needs it.
from routerkit.testing import Recording, Replay
from routerkit_evals.errors import EvalError
from routerkit_evals.fields import shown
from routerkit_evals.grade import Grader
from routerkit_evals.runner import Progress, Run, RunResult
from routerkit_evals.sample import Sample, digest
from routerkit_evals.schedule import Cell
from routerkit_evals.solver import OneShot
from routerkit_evals.store import SampleLog
from routerkit_evals.suite import sandbox_for
from routerkit_evals.task import Task

_POOL: Final = "recorded"
_MOST_S: Final = 1e6
"""Seconds no answer takes."""
_EPOCHS: Final = 10**9
"""Fits the column; no date of a night (`nightly.epochs_of`) is taken for one, nor two of ten runs of a task for each other."""


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One line of a file of recorded runs."""

    model: str
    task_id: str
    prompt: str
    completion: str
    passed: bool | None
    """What the recording says about it; None = nothing."""
    latency_s: float | None
    usage: Usage
    epoch: int
    """From the whole line, so that the same run has the same number in every file."""
    line: int
    """Where it stands in its file, from 1."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one model's recorded answers were graded here."""

    model: str
    n: int
    """Runs that were graded."""
    passed: int
    agreement: float | None
    """Share of runs graded as recorded, 0..1; None when the recording holds no verdicts."""
    disagreements: tuple[str, ...] = ()
    """`task, line: recorded …, here …` of each run graded otherwise."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """A whole file, graded again."""

    models: tuple[Agreement, ...]
    run: RunResult

    def to_dict(self) -> dict[str, Json]:
        """JSON form: per model `n`, `passed`, `agreement`."""
        return {m.model: {"n": m.n, "passed": m.passed, "agreement": m.agreement} for m in self.models}


def replay_runs(
    path: Path,
    tasks: Sequence[Task],
    *,
    folder: Path,
    workers: int = 2,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Replayed:
    """Send every recorded run through router, replay provider, extraction and sandbox, and compare the verdicts.

    Args:
        path: JSON lines, gzipped if the name ends in `.gz`: `model, task_id, prompt, completion` and optionally `passed, latency_s`.
        tasks: The tasks the runs belong to.
        folder: Where samples are stored.
        workers: Runs at a time.
        on_progress: Called after each run.

    Raises:
        EvalError: the file is wrong, or names tasks that are not there.
    """
    runs = read_runs(path)
    plan = _plan(runs, {task.id: task for task in tasks})
    targets = {model: Target(model, "replay", model) for model in dict.fromkeys(run.model for run in runs)}
    sandbox = sandbox_for([cell.task for cell in plan])
    try:
        with _router(runs, tuple(targets.values())) as router, SampleLog(folder) as log:
            # A recorded answer may have taken longer than anybody would wait today; it came, so it is graded.
            slowest_s = max(run.latency_s or 0.0 for run in runs)
            solver = OneShot(router, _POOL, epoch_key="sample", timeout_s=slowest_s + 60.0)
            result = Run(solver, Grader(sandbox), log, targets, on_progress=on_progress).execute(plan, workers=workers)
    finally:
        if sandbox is not None:
            sandbox.close()
    return Replayed(tuple(_agreements(runs, result)), result)


def read_runs(path: Path) -> tuple[RecordedRun, ...]:
    """Recorded runs of a file. Lines that say the same to the last field are one run: a recording that was put together twice.

    Raises:
        EvalError: it cannot be read, or a line is wrong; the message says which.
    """
    number = 1
    runs: dict[str, RecordedRun] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise TypeError("it must be an object")
                run = digest(json.dumps(row, sort_keys=True))
                runs.setdefault(run, _run(row, int(run, 16) % _EPOCHS, number))
    except (OSError, zlib.error) as exc:
        raise EvalError(f"{path}: cannot be read ({getattr(exc, 'strerror', None) or exc})") from exc
    except (ValueError, KeyError, TypeError, EOFError, RecursionError) as exc:
        raise EvalError(f"{path}:{number}: not a recorded run ({type(exc).__name__}: {exc})") from exc
    if not runs:
        raise EvalError(f"{path}: holds no runs")
    return tuple(runs.values())


def _run(row: Mapping[str, Json], epoch: int, line: int) -> RecordedRun:
    passed, latency_s = row.get("passed"), row.get("latency_s")
    n_input, n_output = row.get("prompt_tokens"), row.get("completion_tokens")
    return RecordedRun(
        model=str(row["model"]),
        task_id=str(row["task_id"]),
        prompt=str(row["prompt"]),
        completion=str(row["completion"]),
        passed=passed if isinstance(passed, bool) else None,
        latency_s=_seconds(latency_s),
        usage=Usage(n_input if isinstance(n_input, int) else 0, n_output if isinstance(n_output, int) else 0),
        epoch=epoch,
        line=line,
    )


def _seconds(value: Json) -> float | None:
    if not isinstance(value, int | float):
        return None
    if not 0 <= value < _MOST_S:
        raise ValueError(f"latency_s is {shown(value)}; it must be seconds from 0 up")
    return float(value)


def _plan(runs: Iterable[RecordedRun], tasks: Mapping[str, Task]) -> list[Cell]:
    cells = []
    for run in runs:
        task = tasks.get(run.task_id)
        if task is None:
            raise EvalError(f"recorded run of unknown task {shown(run.task_id)}; name the task source it belongs to with --tasks")
        # The recorded prompt is what was answered; it may be worded otherwise than ours.
        cells.append(Cell(replace(task, prompt=run.prompt, is_raw_prompt=True), run.model, run.epoch))
    return cells


@contextmanager
def _router(runs: Iterable[RecordedRun], targets: tuple[Target, ...]) -> Iterator[Router]:
    """A router whose only provider replays these runs."""
    with tempfile.TemporaryDirectory(prefix="routerkit-replay-") as folder:
        path = Path(folder, "runs.jsonl")
        with Recording(path) as recording:
            for run in runs:
                request = Request(model=run.model, messages=({"role": "user", "content": run.prompt},))
                recording.add(request, Reply(run.completion, usage=run.usage), latency_s=run.latency_s, sample=run.epoch)
        state = RouterState({_POOL: Pool(_POOL, targets)}, {"replay": Replay(path)})
        with Router(state) as router:
            yield router


def _agreements(runs: Sequence[RecordedRun], result: RunResult) -> Iterator[Agreement]:
    samples = {(s.target, s.task_id, s.epoch): s for s in result.rows}
    for model in dict.fromkeys(run.model for run in runs):
        # After Ctrl-C some are not graded, and nothing is said of them.
        graded = [(run, s) for run in runs if run.model == model and (s := samples.get((model, run.task_id, run.epoch)))]
        judged = [(run, s) for run, s in graded if run.passed is not None]
        wrong = [(run, s) for run, s in judged if s.is_solved != run.passed]
        yield Agreement(
            model,
            len(graded),
            sum(s.is_solved for _, s in graded),
            1.0 - len(wrong) / len(judged) if judged else None,
            tuple(_disagreement(run, s) for run, s in wrong),
        )


def _disagreement(run: RecordedRun, sample: Sample) -> str:
    recorded, here = "pass" if run.passed else "fail", f"{sample.verdict} {sample.why}".strip()
    return f"{run.task_id}, line {run.line}: recorded {recorded}, here {here}"
