"""One task: what a model is shown, what it may change, and how its answer is judged. Read from JSON Lines, schema `rk-task/1`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, cast, get_args

from routerkit import TASK_KINDS, Json
from routerkit_evals.ast_checks import Check, parse_checks
from routerkit_evals.errors import TaskError
from routerkit_evals.execution import Program
from routerkit_evals.fields import Fields, shown
from routerkit_evals.json_line import read_object
from routerkit_evals.scope import Scope, parse_scope
from routerkit_evals.solvable import check_pattern, check_solvable, unique

SCHEMA: Final = "rk-task/1"
ScorerKind = Literal["tests", "literal_equal", "int_in", "ast_equal", "mutation", "rubric"]
GRADED: Final = ("tests", "literal_equal", "int_in", "ast_equal", "mutation")
"""Scorers that need no judge; tasks with another are left out of a run that has none, and counted."""


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
    module: str | None = None
    """File whose mutants the answer's tests must notice."""
    threshold: float = 1.0
    """Share of mutants to kill, or of rubric points to make, for a pass; above 0, at most 1."""
    points: tuple[str, ...] = ()
    """What a judge looks for in an answer."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one fault that right tests notice."""

    description: str
    code: str
    """The whole module."""


@dataclass(frozen=True, slots=True)
class Example:
    """An answer that is known to be right or wrong; a judge is measured on it."""

    answer: str
    is_right: bool
    flaw: str = ""
    """What is wrong with it, in the author's words; never shown to a judge."""


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
    """Starting state, shown to the model but for `background`."""
    background: tuple[str, ...] = ()
    """Files of the starting state that a prompt only names: the tests load them, the task is not about them."""
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
    mutants: tuple[Mutant, ...] = ()
    structure: tuple[Check, ...] = ()
    """Assertions about the syntax tree of the state after the answer."""
    scope: Scope | None = None
    """What the answer may touch, beyond `editable`."""
    max_type_errors: int | None = None
    """Most type errors mypy may find in the files the answer wrote; None = types do not decide."""
    shown_tests: Mapping[str, str] = field(default_factory=dict)
    """Tests a model may see and run: path → text. Hidden ones never show, nor what they print."""
    examples: tuple[Example, ...] = ()
    """Right and wrong answers on which a judge is calibrated."""

    @cached_property
    def version(self) -> str:
        """Hash of everything the answer and its grade depend on."""
        body = {k: v for k, v in asdict(self).items() if k not in _PROVENANCE and (v or k not in _LATER)}
        body["scorer"] = {k: v for k, v in body["scorer"].items() if k not in _LATER_SCORER or v != _LATER_SCORER[k]}
        if self.scorer.kind == "ast_equal":
            body["reference"] = dict(self.reference)
        if self.max_type_errors is not None:
            body["max_type_errors"] = self.max_type_errors  # 0 is a bound, not an absence
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def is_graded(self) -> bool:
        """Whether it can be graded without a judge."""
        return self.scorer.kind in GRADED

    @property
    def needs_judge(self) -> bool:
        """Whether only a judge can grade it."""
        return self.scorer.kind == "rubric"

    @property
    def wants_files(self) -> bool:
        """Whether an answer is files, not a value or a text."""
        return self.scorer.kind in {"tests", "ast_equal", "mutation"}


_PROVENANCE: Final = frozenset({"reference", "published", "source", "split", "examples"})
"""Nothing an answer or its grade depends on."""
_LATER: Final = frozenset({"mutants", "structure", "scope", "max_type_errors", "shown_tests", "background"})
"""Fields that came after samples had been stored; where a task does not use them, its version stays what it was."""
_LONGEST_S: Final = 3_600
"""Tests that take longer are a mistake of units."""
_LATER_SCORER: Final[Mapping[str, object]] = {"module": None, "threshold": 1.0, "points": ()}


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Tasks of one JSON Lines file, or of all `*.jsonl` in a folder, in the order of names and lines.

    Raises:
        TaskError: nothing there, or a line is wrong; the message says file, line, field and remedy.
    """
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    if not files or not all(f.is_file() for f in files):
        raise TaskError(f"{path}: no task file there; give a .jsonl file or a folder of them")
    tasks = tuple(task for file in files for task in _read(file))
    if not tasks:
        raise TaskError(f"{path}: no task in it; give a .jsonl file with one per line")
    return unique(tasks, str(path))


def _read(file: Path) -> Iterator[Task]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as exc:
        raise TaskError(f"{file}: cannot be read ({exc.strerror or exc})") from exc
    except UnicodeDecodeError as exc:
        raise TaskError(f"{file}: not UTF-8 text (byte {exc.start}); save it as UTF-8") from exc
    for number, line in enumerate(text.split("\n"), 1):  # splitlines would also split at what JSON texts may hold
        if line.strip():
            yield parse_task(line, where=f"{file.name}:{number}")


def parse_task(line: str, *, where: str) -> Task:
    """Task of one line.

    Raises:
        TaskError: the line is not a task; the message starts with `where` and names the field.
    """
    fields = read_object(line, where=where)
    task = _task(fields)
    check_solvable(task, fields)
    return task


def _task(fields: Fields) -> Task:
    if fields.row.get("schema") != SCHEMA:
        raise fields.wrong("schema", f"must be {SCHEMA!r}")
    scorer = _scorer(fields)
    tests = fields.texts("tests")
    task = Task(
        id=fields.line("id"),
        category=fields.choice("category", TASK_KINDS),
        prompt=fields.text("prompt"),
        scorer=scorer,
        files=fields.texts("files"),
        background=fields.strings("background"),
        editable=fields.strings("editable"),
        tests=tests,
        preamble=fields.texts("preamble"),
        reference=fields.texts("reference"),
        answer=fields.row.get("answer"),
        timeout_s=_timeout_s(fields),
        cluster=fields.line("cluster", fields.line("id")),
        published=fields.line("published", ""),
        source=fields.line("source", ""),
        split=fields.line("split", ""),
        shown_tests=tests if fields.flag("tests_visible") else fields.texts("shown_tests"),
    )
    return _with_program(_with_judging(fields, _with_bounds(fields, task)), fields)


def _timeout_s(fields: Fields) -> float:
    value = fields.number("timeout_s", 20.0)
    if value > _LONGEST_S:
        raise fields.wrong("timeout_s", f"is {value:g}; it must be at most {_LONGEST_S} seconds")
    return value


def _with_bounds(fields: Fields, task: Task) -> Task:
    """What an answer must keep to besides its tests."""
    scope, types = fields.row.get("scope"), fields.row.get("types")
    for name, value in (("scope", scope), ("types", types)):
        if value is not None and not isinstance(value, Mapping):
            raise fields.wrong(name, "must be an object")
    limits = Fields(types, f"{fields.where}: types") if isinstance(types, Mapping) else None
    if limits:
        limits.only("max_errors")
    return replace(
        task,
        structure=parse_checks(fields, "structure"),
        scope=parse_scope(Fields(scope, f"{fields.where}: scope")) if isinstance(scope, Mapping) else None,
        max_type_errors=limits.count("max_errors") if limits else None,
    )


def _with_judging(fields: Fields, task: Task) -> Task:
    """Mutants of a mutation task; the calibration of a rubric."""
    mutants = tuple(Mutant(each.text("desc", ""), each.text("code")) for each in fields.each("mutants"))
    if task.scorer.kind == "mutation" and (not mutants or task.scorer.module not in task.files):
        raise fields.wrong("mutants", "must hold at least one module, and scorer.module must be one of files")
    examples = tuple(_example(each) for each in fields.each("judge_calibration"))
    return replace(task, mutants=mutants, examples=examples)


def _example(fields: Fields) -> Example:
    label, flaw = fields.row.get("label"), fields.row.get("flaw")
    if label not in (0, 1):  # no set: an entry may be a list
        raise fields.wrong("label", f"is {shown(label)}; it must be 1 for a right answer or 0 for a wrong one")
    return Example(fields.text("answer"), bool(label), flaw if isinstance(flaw, str) else "")


def _scorer(fields: Fields) -> Scorer:
    value = fields.row.get("scorer")
    if not isinstance(value, Mapping):
        raise fields.wrong("scorer", "must be an object with a type")
    inner = Fields(value, f"{fields.where}: scorer")
    inner.only("type", "must_print", "extract", "module", "threshold", "points")
    kind = cast("ScorerKind", inner.choice("type", get_args(ScorerKind)))  # choice has checked it
    extract, must_print, points = inner.text("extract", "") or None, inner.text("must_print", "") or None, inner.strings("points")
    check_pattern(inner, "extract", extract)
    check_pattern(inner, "must_print", must_print)
    if kind in {"literal_equal", "int_in"} and (extract is None or fields.row.get("answer") is None):
        raise fields.wrong("scorer", f"{kind} needs scorer.extract and answer")
    if kind == "rubric" and not points:
        raise fields.wrong("scorer", "rubric needs scorer.points")
    return Scorer(
        kind,
        must_print,
        extract,
        fields.strings("f2p") + fields.strings("p2p"),
        inner.text("module", "") or None,
        inner.share("threshold", 1.0),
        points,
    )


def _with_program(task: Task, fields: Fields) -> Task:
    kind = task.scorer.kind
    if kind == "ast_equal" and not task.tests:
        if not task.reference:
            raise fields.wrong("reference", "must hold the right files; ast_equal without tests compares with them")
        return task
    return replace(task, program=_program(task, fields)) if task.wants_files else task


def _program(task: Task, fields: Fields) -> Program:
    command = fields.strings("cmd")
    pythonpath = fields.text("pythonpath", "")
    match command:
        case ["python", file] if file in task.tests:
            return Program("script", (file,), pythonpath=pythonpath)
        case ["python", "-m", "pytest", *arguments]:
            return Program("pytest", tuple(arguments), pythonpath=pythonpath)
    raise fields.wrong("cmd", f"is {shown(list(command))}; it must be [python, FILE of tests] or [python, -m, pytest, ...]")
