"""Answers that are paid for but not yet graded: one small file each, so that a crash between answer and grade costs nothing twice."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from routerkit import Target, Usage
from routerkit_evals.durable import write_atomically
from routerkit_evals.sample import Sample, digest
from routerkit_evals.solver import Answer, Solver
from routerkit_evals.task import Task

_FOLDER: Final = "pending"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remembering:
    """A solver that writes each answer down before anybody grades it, and asks nothing whose answer is written down.

    A call that is under way when the process is killed leaves no answer; only such calls are made again.
    """

    inner: Solver
    folder: Path
    """Of the store; files lie in its folder `pending` until their sample is stored."""
    targets: Mapping[str, Target]

    def prompt(self, task: Task) -> str:
        """What is sent."""
        return self.inner.prompt(task)

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """The answer that is written down, else a new one."""
        prompt_sha256 = digest(self.prompt(task), length=64)
        path = self._path(task.version, target, self.targets[target].model, epoch, prompt_sha256)
        known = _read(path)
        if known is not None:
            return known
        answer = self.inner.solve(task, target, epoch=epoch)
        if answer.text is not None:
            _write(path, answer)
        return answer

    def forget(self, sample: Sample) -> None:
        """Drop the file of an answer whose sample is stored."""
        self._path(sample.task_version, sample.target, sample.model, sample.epoch, sample.prompt_sha256).unlink(missing_ok=True)

    def _path(self, version: str, target: str, model: str, epoch: int, prompt_sha256: str) -> Path:
        return self.folder / _FOLDER / f"{digest(version, target, model, str(epoch), prompt_sha256, length=24)}.json"


def _write(path: Path, answer: Answer) -> None:
    try:
        write_atomically(path, json.dumps(asdict(answer)))
    except OSError as exc:
        # The sample itself is stored with a check of its own; without this file only a crash in the next seconds costs money.
        _log.warning("%s: an answer cannot be written down (%s); free the disk", path.parent, exc.strerror or exc)


def _read(path: Path) -> Answer | None:
    try:
        row = json.loads(path.read_text("utf-8"))
        usage = row.pop("usage")
        return Answer(**row, usage=Usage(**usage) if usage else None)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None  # never written, or torn by a crash or another version: the question is asked again
