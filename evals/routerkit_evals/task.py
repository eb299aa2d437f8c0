"""One task: what a model is shown, what it may change, and how its answer is judged. Read from JSON Lines, schema `rk-task/1`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, cast

from routerkit import TASK_KINDS, Json
from routerkit_evals.errors import TaskError
from routerkit_evals.execution import Program

SCHEMA: Final = "rk-task/1"
ScorerKind = Literal["tests", "literal_equal", "int_in", "ast_equal", "mutation", "rubric"]
GRADED: Final = ("tests", "literal_equal", "int_in")
"""Scorers this version grades; tasks with another are left out of a run and counted."""
_SCORERS: Final = ("tests", "literal_equal", "int_in", "ast_equal", "mutation", "rubric")


@dataclass(frozen=True, slots=True)
class Scorer:
    """What decides whether an answer is right."""

    kind: ScorerKind
    must_print: str | None = None
    """Regular expression the tests' output must match as well."""
    extract: str | None = None
    """Regular expression whose first group is the answer in the text."""
    expected: tuple[str, ...] = ()
    """Ids of the tests that must pass; empty = the script must run to its end."""


@dataclass(frozen=True)
class Task:
    """One task, immutable; `version` changes when anything that could change an answer or its grade does."""

    id: str
    category: str
    """One of `routerkit.TASK_KINDS`."""
    prompt: str
    scorer: Scorer
    program: Program | None = None
    """How the tests are started; None where nothing is run."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Starting state, shown to the model."""
    editable: tuple[str, ...] = ()
    """Paths an answer may change; `dir/*.py` = may add files there."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Laid over the answer after it was applied; not shown."""
    preamble: Mapping[str, str] = field(default_factory=dict)
    """Text put before the answer's file of that path, for tasks whose answers may leave out what the prompt already says."""
    reference: Mapping[str, str] = field(default_factory=dict)
    answer: Json = None
    """Right value for `literal_equal`, right values for `int_in`."""
    timeout_s: float = 20.0
    cluster: str = ""
    """Unit of clustered errors: tasks of one cluster resemble each other."""
    published: str = ""
    source: str = ""
    split: str = ""
    is_raw_prompt: bool = False
    """Whether the prompt is sent exactly as it is, without files and format rules."""

    @cached_property
    def version(self) -> str:
        """Hash of everything the answer and its grade depend on."""
        body = {k: v for k, v in asdict(self).items() if k not in {"reference", "published", "source", "split"}}
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def is_graded(self) -> bool:
        """Whether this version has a grader for it."""
        return self.scorer.kind in GRADED


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Tasks of one JSON Lines file, or of all `*.jsonl` in a folder, in the order of names and lines.

    Raises:
        TaskError: nothing there, or a line is wrong; the message says file, line, field and remedy.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not all(f.is_file() for f in files):
        raise TaskError(f"{path}: no task file there; give a .jsonl file or a folder of them")
    tasks = tuple(task for file in files for task in _read(file))
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise TaskError(f"{path}: task id {task.id!r} occurs twice; ids must be unique")
        seen.add(task.id)
    return tasks


def _read(file: Path) -> Iterator[Task]:
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if line.strip():
            yield parse_task(line, where=f"{file.name}:{number}")


def parse_task(line: str, *, where: str) -> Task:
    """Task of one line.

    Raises:
        TaskError: the line is not a task; the message starts with `where` and names the field.
    """
    try:
        row = json.loads(line)
    except ValueError as exc:
        raise TaskError(f"{where}: not JSON ({exc})") from exc
    if not isinstance(row, dict):
        raise TaskError(f"{where}: a task is a JSON object, not {type(row).__name__}")
    return _Fields(row, where).task()


@dataclass(frozen=True, slots=True)
class _Fields:
    """Typed reading of one row, with errors that name the field."""

    row: Mapping[str, Json]
    where: str

    def task(self) -> Task:
        if self.row.get("schema") != SCHEMA:
            raise self.wrong("schema", f"must be {SCHEMA!r}")
        scorer = self.scorer()
        task = Task(
            id=self.text("id"),
            category=self.choice("category", TASK_KINDS),
            prompt=self.text("prompt"),
            scorer=scorer,
            files=self.texts("files"),
            editable=self.strings("editable"),
            tests=self.texts("tests"),
            preamble=self.texts("preamble"),
            reference=self.texts("reference"),
            answer=self.row.get("answer"),
            timeout_s=self.number("timeout_s", 20.0),
            cluster=self.text("cluster", self.text("id")),
            published=self.text("published", ""),
            source=self.text("source", ""),
            split=self.text("split", ""),
        )
        return replace(task, program=self.program(task)) if scorer.kind == "tests" else task

    def scorer(self) -> Scorer:
        value = self.row.get("scorer")
        if not isinstance(value, Mapping):
            raise self.wrong("scorer", "must be an object with a type")
        inner = _Fields(value, f"{self.where}: scorer")
        kind = cast("ScorerKind", inner.choice("type", _SCORERS))  # choice has checked it
        extract = inner.text("extract", "") or None
        if kind in {"literal_equal", "int_in"} and (extract is None or self.row.get("answer") is None):
            raise self.wrong("scorer", f"{kind} needs scorer.extract and answer")
        return Scorer(kind, inner.text("must_print", "") or None, extract, self.strings("f2p") + self.strings("p2p"))

    def program(self, task: Task) -> Program:
        command = self.strings("cmd")
        pythonpath = self.text("pythonpath", "")
        match command:
            case ["python", file] if file in task.tests:
                return Program("script", (file,), pythonpath=pythonpath)
            case ["python", "-m", "pytest", *arguments]:
                return Program("pytest", tuple(arguments), pythonpath=pythonpath)
        raise self.wrong("cmd", f"is {list(command)}; it must be [python, FILE of tests] or [python, -m, pytest, ...]")

    def text(self, name: str, default: str | None = None) -> str:
        value = self.row.get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise self.wrong(name, "must be a text")
        return value

    def number(self, name: str, default: float) -> float:
        value = self.row.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self.wrong(name, "must be a number above 0")
        return float(value)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise self.wrong(name, f"is {value!r}; it must be one of {', '.join(allowed)}")
        return value

    def strings(self, name: str) -> tuple[str, ...]:
        value = self.row.get(name) or ()
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
            raise self.wrong(name, "must be a list of texts")
        return tuple(str(v) for v in value)

    def texts(self, name: str) -> Mapping[str, str]:
        value = self.row.get(name) or {}
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise self.wrong(name, "must be an object of path and text")
        return {k: str(v) for k, v in value.items()}

    def wrong(self, name: str, why: str) -> TaskError:
        return TaskError(f"{self.where}: field {name!r} {why}")
