"""What an agent works on: the task's files in memory, with the four tools that reach them. Nothing of it touches this machine's disk."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from routerkit_evals.extract import is_editable
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.shown import check_shown
from routerkit_evals.task import Task

_READ_CHARS: Final = 16_000
_FILE_CHARS: Final = 1 << 20
"""Longest file a tool writes; a task's files are kilobytes."""


class Workspace:
    """Files of one attempt. Tools answer with text, mistakes included: the model reads them. Safe to use from several threads."""

    def __init__(self, task: Task, sandbox: Sandbox | None) -> None:
        """Start with the task's files; hidden tests are not among them."""
        self._task, self._sandbox = task, sandbox
        self._files = {**task.files, **task.shown_tests}
        self._lock = threading.Lock()

    @property
    def changed(self) -> Mapping[str, str]:
        """Files that are new or other than at the start."""
        with self._lock:
            start = {**self._task.files, **self._task.shown_tests}
            return {path: text for path, text in self._files.items() if text != start.get(path)}

    def list_files(self) -> str:
        """List all files with their number of lines."""
        with self._lock:
            lines = [f"{path} ({len(text.splitlines())} lines{self._note(path)})" for path, text in sorted(self._files.items())]
        return "\n".join(lines) or "There are no files yet."

    def read_file(self, path: str, first_line: int = 1) -> str:
        """Read a file, from a line on."""
        with self._lock:
            text = self._files.get(path)
        if text is None:
            return f"error: there is no file {path!r}; there is {', '.join(sorted(self._files)) or 'none'}"
        part = "".join(text.splitlines(keepends=True)[max(0, first_line - 1) :])
        if len(part) <= _READ_CHARS:
            return part
        shown = part[:_READ_CHARS].rpartition("\n")[0]
        return f"{shown}\n[cut; go on with first_line={first_line + len(shown.splitlines())}]"

    def edit_file(self, path: str, old: str, new: str) -> str:
        """Replace the one place in a file where `old` stands by `new`. An empty `old` writes the whole file anew."""
        if not is_editable(path, self._task.editable):
            return f"error: {path!r} may not be changed; you may change {', '.join(self._task.editable)}"
        with self._lock:
            text = self._files.get(path)
            if old and text is None:
                return f"error: there is no file {path!r}; leave old empty to create it"
            n_found = text.count(old) if text is not None and old else 0
            if old and n_found != 1:
                return f"error: old occurs {n_found} times in {path}; it must occur once, with its indentation"
            result = text.replace(old, new) if text is not None and old else new
            if len(result) > _FILE_CHARS:
                return f"error: {path} would have {len(result)} characters, at most {_FILE_CHARS} may be"
            self._files[path] = result
        return f"{path} now has {len(result.splitlines())} lines."

    def run_tests(self) -> str:
        """Run the tests that are shown for this task, in a sandbox, and see what they print."""
        return check_shown(self._sandbox, self._task, self.changed).output

    def _note(self, path: str) -> str:
        return "" if is_editable(path, self._task.editable) else ", read only"
