"""Refusing tasks that no answer could solve, that no sandbox could lay out, or that share a name: they cost money and measure nothing."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from routerkit import Json
from routerkit_evals.errors import TaskError
from routerkit_evals.extract import is_editable
from routerkit_evals.fields import Fields, shown
from routerkit_evals.layout import layout_fault

if TYPE_CHECKING:
    from routerkit_evals.task import Task


def check_solvable(task: Task, fields: Fields) -> None:
    """Look at a whole task.

    Raises:
        TaskError: names the field.
    """
    for files in ({**task.files, **task.reference, **task.tests}, {**task.files, **task.preamble}, {**task.files, **task.shown_tests}):
        if why := layout_fault(files):
            raise fields.fault(why)
    if task.wants_files:
        _check_editable(task, fields)
    elif task.scorer.kind == "literal_equal" and not _is_literal(task.answer):
        raise fields.wrong("answer", f"is {shown(task.answer)}; it must be a Python literal, a text within quotes of its own")
    elif task.scorer.kind == "int_in" and not _is_whole(task.answer):
        raise fields.wrong("answer", f"is {shown(task.answer)}; it must be a whole number or a list of such")


def unique(tasks: tuple[Task, ...], where: str) -> tuple[Task, ...]:
    """The same tasks.

    Raises:
        TaskError: an id occurs twice.
    """
    seen: set[str] = set()
    for task in tasks:
        if task.id in seen:
            raise TaskError(f"{where}: task id {task.id!r} occurs twice; ids must be unique")
        seen.add(task.id)
    return tasks


def check_pattern(fields: Fields, name: str, pattern: str | None) -> None:
    """Refuse what `re` cannot read.

    Raises:
        TaskError: names the field.
    """
    try:
        re.compile(pattern or "")
    except (re.error, RecursionError, OverflowError) as exc:
        raise fields.wrong(name, f"is {shown(pattern)}; it is not a regular expression: {exc}") from exc


def _check_editable(task: Task, fields: Fields) -> None:
    if not task.editable:
        raise fields.wrong("editable", "is empty, so no answer could be right; list the files it may write")
    closed = [path for path in task.reference if not is_editable(path, task.editable)]
    if closed:
        raise fields.wrong("reference", f"writes {shown(closed[0])}, which no answer may: it is not in editable")


def _is_literal(answer: Json) -> bool:
    try:
        ast.literal_eval(str(answer))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _is_whole(answer: Json) -> bool:
    values = answer if isinstance(answer, list) else [answer]
    return bool(values) and all(isinstance(value, int) and not isinstance(value, bool) for value in values)
