"""One night: ask anchors and fresh tasks, compare each target with itself, publish within the guardrails."""

from __future__ import annotations

import random
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Final

from routerkit import Router
from routerkit.store import Due
from routerkit_evals.baselines import Proof
from routerkit_evals.due import due_cells, without_due
from routerkit_evals.durable import only_run
from routerkit_evals.errors import EvalError, WithheldError
from routerkit_evals.picking import only_pool, pick_targets, pick_tasks
from routerkit_evals.preflight import Preflight
from routerkit_evals.publish import Published, publish_guarded
from routerkit_evals.regression import Verdict, regressions
from routerkit_evals.runner import Progress, RunResult
from routerkit_evals.sample import HARNESS, Sample
from routerkit_evals.schedule import decided_kinds
from routerkit_evals.sources import SOURCES, tasks_of
from routerkit_evals.store import read_samples, record_scorecard, sql
from routerkit_evals.suite import Suite, open_suite
from routerkit_evals.suite_file import SuiteFile
from routerkit_evals.task import Task

_EPOCHS: Final = 100
"""Repetition numbers a night has for itself: the night of 2026-11-24 has 2026112400 and the next 99."""
_LAST_YEAR: Final = 2146
"""The last whole one whose numbers fit into 32 bits."""
_SAME_NIGHT: Final = timedelta(hours=20)
"""A run that broke off less than this ago is resumed, even after midnight; the next evening is another night."""
_LAST: Final = """
SELECT config->>'night' AS night, status, started_at FROM runs
WHERE config->>'suite' = ? AND config->>'night' IS NOT NULL AND started_at IS NOT NULL
ORDER BY started_at DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told how a night goes."""

    on_check: Callable[[int, int], None] = lambda done, total: None
    on_sample: Callable[[Progress], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Night:
    """All that is known when a night is over."""

    file: SuiteFile
    night: date
    targets: tuple[str, ...]
    anchor_ids: frozenset[str]
    preflight: Preflight
    result: RunResult
    invalid: tuple[Proof, ...] = ()
    history: tuple[Sample, ...] = ()
    """Samples of the window, this night's included: these targets, this harness, this night's sandbox level."""
    verdicts: tuple[Verdict, ...] = ()
    published: Published | None = None
    unpublished: str = ""
    """Why the scorecard stayed as it was; empty when it did not."""
    decided: frozenset[str] = frozenset()
    """Kinds that got no further tasks, because what is stored decides them."""
    due: tuple[Due, ...] = ()
    """Cells that drifted in production, whose kinds were asked about first."""

    @property
    def has_regression(self) -> bool:
        """Whether any target became credibly worse."""
        return any(v.is_regression for v in self.verdicts)

    @property
    def n_counted(self) -> int:
        """Answers of this night that say something about a model."""
        return sum(s.counts for s in self.result.rows)


@dataclass(frozen=True, slots=True)
class NightPlan:
    """A night before it starts."""

    file: SuiteFile
    folder: Path
    scorecard: Path
    night: date
    suite: Suite
    anchor_ids: frozenset[str]
    """Tasks that every target is asked every night."""
    decided: frozenset[str] = frozenset()
    due: tuple[Due, ...] = ()
    """Cells that drifted in production."""

    def run(self, watchers: Watchers = Watchers()) -> Night:
        """Run it to its end and publish what it may. Run again, the same night resumes where it stopped.

        Raises:
            EvalError: limits without prices, another run on the same store, or something that cannot be stored.
        """
        suite = self.suite
        with only_run(self.folder):
            preflight = suite.preflight()
            suite.prove(watchers.on_check)
            result = suite.run(watchers.on_sample)
            history = self._history(result)
            tonight = epochs_of(self.night)
            verdicts = regressions(
                [s for s in history if s.epoch in tonight],
                [s for s in history if s.epoch not in tonight],
                margin=self.file.regression.margin,
                credible=self.file.regression.credible,
            )
            published, why = self._publish(history, result)
        return Night(
            self.file,
            self.night,
            tuple(suite.targets),
            self.anchor_ids,
            preflight,
            result,
            invalid=suite.invalid,
            history=history,
            verdicts=verdicts,
            published=published,
            unpublished=why,
            decided=self.decided,
            due=self.due,
        )

    def _history(self, result: RunResult) -> tuple[Sample, ...]:
        levels = {s.sandbox for s in result.rows if s.sandbox}
        return tuple(s for s in evidence(self.folder, self.file, self.suite.targets) if not s.sandbox or s.sandbox in levels)

    def _publish(self, history: Sequence[Sample], result: RunResult) -> tuple[Published | None, str]:
        """What was published, or why nothing was."""
        if why := _why_not(self.file, result):
            return None, why
        try:
            published = publish_guarded(history, self.scorecard, self.file.guardrails)
        except WithheldError as exc:
            return None, str(exc)
        record_scorecard(self.folder, published.card)
        return published, ""


@contextmanager
def plan_night(
    router: Router,
    file: SuiteFile,
    folder: Path,
    *,
    scorecard: Path,
    ledger: Path | None = None,
    night: date | None = None,
    is_unsafe: bool = False,
) -> Iterator[NightPlan]:
    """Choose the tasks of a night; nothing is asked and nothing is written yet.

    Args:
        router: Where requests go.
        file: The suite.
        folder: Where samples are stored.
        scorecard: What the router reads.
        ledger: Where production's drift alarms are stored; None = in `folder`.
        night: Its date; None = today in UTC, or the night that broke off less than 20 hours ago.
        is_unsafe: Run answers without a sandbox.

    Raises:
        EvalError: unknown pool, target or source, or no task to run.
    """
    chosen = night or night_of(folder, file.suite.name, datetime.now(UTC))
    pool = file.suite.pool or only_pool(router, "under [suite] pool")
    targets = {target.name: target for target in pick_targets(router, pool, file.suite.targets)}
    tasks = tasks_of_suite(file)
    tonight = epochs_of(chosen)
    is_race = file.suite.allocate == "race"
    # Without tonight's: a night that is resumed must choose the tasks it chose before.
    past = (s for s in evidence(folder, file, targets) if s.model == targets[s.target].model and s.epoch not in tonight) if is_race else ()
    due = due_cells(folder, file.suite.name, chosen, ledger=ledger or folder, revision=router.state.scorecard.revision)
    doubted = {cell.kind for cell in due if cell.target in targets}
    history = tuple(without_due(past, due))
    kinds = {task.category for task in tasks} - doubted if is_race else ()
    decided = decided_kinds(kinds, targets, worth=file.suite.worth, history=history)
    anchors, fresh = choose_tasks(tasks, file, _last_asked(folder, tonight), decided, doubted)
    options = file.options(first_epoch=tonight[0], is_unsafe=is_unsafe)
    with open_suite(router, pool, (*anchors, *fresh), folder=folder, options=options) as suite:
        suite.note = {"suite": file.suite.name, "night": chosen.isoformat(), "n_anchors": len(anchors), "n_fresh": len(fresh)}
        suite.note = {**suite.note, "due": [list(cell) for cell in due]}
        suite.tasks = tuple(sorted(suite.tasks, key=lambda task: task.category not in doubted))
        anchor_ids = frozenset(task.id for task in anchors)
        suite.always, suite.history = anchor_ids | {task.id for task in fresh if task.category in doubted}, history
        yield NightPlan(file, folder, scorecard, chosen, suite, anchor_ids, decided, due)


def evidence(folder: Path, file: SuiteFile, targets: Container[str]) -> tuple[Sample, ...]:
    """Stored samples that still say something about these targets: of this harness and within the window."""
    oldest = datetime.now(UTC) - timedelta(days=file.publish.window_days)
    return tuple(s for s in read_samples(folder) if s.target in targets and s.harness == HARNESS and s.started_at >= oldest)


def epochs_of(night: date) -> range:
    """Repetition numbers of a night: they make the same task on another night another sample.

    Raises:
        EvalError: the numbers would be too large to be stored.
    """
    if not 1970 <= night.year <= _LAST_YEAR:
        raise EvalError(f"night {night} is out of reach; name one from 1970-01-01 to {_LAST_YEAR}-12-31, or look at the clock")
    first = (night.year * 10_000 + night.month * 100 + night.day) * _EPOCHS
    return range(first, first + _EPOCHS)


def night_of(folder: Path, suite: str, now: datetime) -> date:
    """Date of the night to run: one that broke off lately, else today's in UTC."""
    rows = sql(folder, _LAST, [suite]).as_dicts()
    if rows and rows[0]["status"] in {"running", "interrupted"}:
        started = rows[0]["started_at"]
        assert isinstance(started, datetime)
        if abs(now - started.replace(tzinfo=UTC)) < _SAME_NIGHT:
            return date.fromisoformat(str(rows[0]["night"]))
    return now.date()


def tasks_of_suite(file: SuiteFile) -> tuple[Task, ...]:
    """Tasks of all sources that can be graded and are of the wanted kinds.

    Raises:
        EvalError: a source is wrong, two sources use one id for different tasks, or no task is left.
    """
    found: dict[str, Task] = {}
    for task in chain.from_iterable(tasks_of(_source(file, name)) for name in file.suite.sources):
        if found.setdefault(task.id, task).version != task.version:
            raise EvalError(f"{file.path}: two sources hold different tasks with the id {task.id!r}; rename one")
    kinds = file.suite.kinds
    chosen = [task for task in found.values() if not kinds or task.category in kinds]
    if not chosen:
        raise EvalError(f"{file.path}: [suite] sources hold no task of the kinds {', '.join(kinds)}")
    return pick_tasks(chosen, None)


def choose_tasks(
    tasks: Sequence[Task], file: SuiteFile, asked: dict[str, datetime], decided: Container[str] = (), doubted: Container[str | None] = ()
) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """Anchors and fresh tasks of a night.

    Anchors are the same every night as long as the tasks are; the rest comes in turn, those first that were asked longest ago or never, and
    before them those of kinds in doubt.

    Args:
        tasks: All tasks.
        file: How many of each.
        asked: When a task version was last asked before this night.
        decided: Kinds that get no further tasks.
        doubted: Kinds of which some target has drifted.
    """
    order = list(tasks)
    random.Random(file.suite.name).shuffle(order)
    ranked = pick_tasks(order, None)
    anchors, rest = ranked[: file.suite.anchors], ranked[file.suite.anchors :]
    never = datetime.min.replace(tzinfo=UTC)
    rest = tuple(task for task in rest if task.category not in decided)
    rest = tuple(sorted(rest, key=lambda task: (task.category not in doubted, asked.get(task.version, never))))
    return anchors, rest[: file.suite.fresh]


def _last_asked(folder: Path, tonight: range) -> dict[str, datetime]:
    rows = sql(
        folder,
        "SELECT task_version, max(started_at) AS at FROM samples WHERE epoch NOT BETWEEN ? AND ? GROUP BY ALL",
        [tonight[0], tonight[-1]],
    ).as_dicts()
    return {str(row["task_version"]): row["at"].replace(tzinfo=UTC) for row in rows if isinstance(row["at"], datetime)}


def _why_not(file: SuiteFile, result: RunResult) -> str:
    """Why a night may not publish; empty when it may."""
    if result.status == "interrupted":
        return "the night was interrupted; run the same command again to resume"
    n_counted = sum(s.counts for s in result.rows)
    if not n_counted:
        return "no answer of this night says anything about a model"
    least = file.publish.min_counted_share
    if n_counted < least * len(result.rows):
        return f"only {n_counted} of {len(result.rows)} answers count, less than min_counted_share = {least:g}"
    return ""


def _source(file: SuiteFile, name: str) -> str:
    beside = file.path.parent / name
    return str(beside) if name not in SOURCES and not Path(name).exists() and beside.exists() else name
