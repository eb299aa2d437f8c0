"""What became of each candidate, one JSON line each, so that the same command resumes where the last one ended, however it ended."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeAlias

from routerkit import Json
from routerkit_evals.errors import EvalError
from routerkit_evals.mine.candidate import Loss

Task: TypeAlias = Mapping[str, Json]
"""Row of a task file."""
Result: TypeAlias = Task | Loss
"""A task, or why there is none."""


class Journal:
    """Results by key of the candidate; safe to share between threads."""

    def __init__(self, file: IO[str], settings: str) -> None:
        """Read what there is; `settings` names what results depend on besides the candidate, and others are left aside."""
        self._file, self._settings = file, settings
        self._lock = threading.Lock()
        file.seek(0)
        self._known = {key: result for key, result in map(self._parse, file) if key}

    @property
    def tasks(self) -> list[Task]:
        """All tasks, in the order they were found."""
        with self._lock:
            return [result for result in self._known.values() if not isinstance(result, Loss)]

    def known(self, key: str) -> Result | None:
        """Result of an earlier run."""
        return self._known.get(key)

    def append(self, key: str, result: Result) -> None:
        """Keep a result; it survives the end of this process."""
        body = {"loss": [result.reason, result.detail]} if isinstance(result, Loss) else {"task": dict(result)}
        with self._lock:
            self._file.write(json.dumps({"key": key, "settings": self._settings, **body}) + "\n")
            self._file.flush()
            self._known[key] = result

    def _parse(self, line: str) -> tuple[str, Result]:
        """Key and result of one line; no key where it is cut off, damaged or was made otherwise."""
        try:
            row = json.loads(line)
            if row["settings"] != self._settings:
                return "", Loss("")
            return str(row["key"]), dict(row["task"]) if "task" in row else Loss(*map(str, row["loss"]))
        except (ValueError, TypeError, KeyError, RecursionError):
            return "", Loss("")


@contextmanager
def open_journal(path: Path, settings: str) -> Iterator[Journal]:
    """The journal of one output file, for one process at a time.

    Raises:
        EvalError: it cannot be written, or another process writes it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8", errors="replace")
    except OSError as exc:
        raise EvalError(f"{path}: cannot be written ({exc.strerror or exc}); name another file with --out") from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise EvalError(f"{path}: another `routerkit eval mine` writes it; wait for it, or name another file with --out") from exc
        _end_line(file)
        yield Journal(file, settings)


def _end_line(file: IO[str]) -> None:
    """A line that was cut off by a crash must not swallow the next one."""
    size = os.fstat(file.fileno()).st_size
    if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        file.write("\n")
        file.flush()
