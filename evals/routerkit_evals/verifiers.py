"""Checks of a router's answers that run code: the user's own tests, and static types. Everything runs in the sandbox or not at all."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from routerkit import Reply, Request
from routerkit.verifier import Verdict
from routerkit_evals.canary import open_sandbox
from routerkit_evals.errors import SandboxUnavailableError
from routerkit_evals.execution import Execution, Limits, Program
from routerkit_evals.extract import extract
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.type_checks import type_errors

_MAX_FILES: Final = 2_000
_MAX_BYTES: Final = 20 << 20
"""What is copied into the sandbox for every check; a project larger than this needs a narrower `include`."""
_TAIL_CHARS: Final = 3_000
"""How much of what the tests printed goes to the next model."""


class SandboxTests:
    """Accepts an answer whose files, laid over the project, pass the project's own tests.

    Files are found in the answer as in evals: fenced blocks labelled with a path, or one block when one path is editable.
    Tests lie over the answer, so that an answer cannot bring its own.
    """

    def __init__(
        self,
        *,
        base: Path,
        editable: Sequence[str],
        command: str,
        folder: str = ".",
        include: Sequence[str] = ("**/*.py",),
        timeout_s: float = 60.0,
        pythonpath: str = "",
    ) -> None:
        """Read the project and find the sandbox.

        Args:
            base: Folder that `folder` starts from.
            editable: Paths an answer may write, relative to `folder`; `*` stands for a name.
            command: `pytest ARGUMENTS` or `python FILE`.
            folder: The project.
            include: Patterns of the files to copy into the sandbox.
            timeout_s: Longest run, in seconds; the deadline of the call may cut it shorter.
            pythonpath: Folder below the project that is importable as well.

        Raises:
            ValueError: a setting makes no sense, or there is no sandbox.
        """
        if not editable:
            raise ValueError("editable is empty; name the files an answer may write")
        self._editable, self._timeout_s = tuple(editable), timeout_s
        self._program = replace(_program(command), pythonpath=pythonpath)
        self._files = _read(base / folder, include)
        self._sandbox = _sandbox()

    def verify(self, request: Request, reply: Reply) -> Verdict:
        """Run the tests over the answer's files."""
        found = extract(reply.text, self._editable)
        if not found.is_ok:
            return Verdict.reject(f"there is no usable file in the answer (it may write: {', '.join(self._editable)})")
        program = replace(self._program, untrusted=tuple(found.files))
        wall_s = min(self._timeout_s, max(request.timeout_s, 0.1))
        limits = Limits(wall_s=wall_s, cpu_s=max(1, round(wall_s)))
        return _verdict(self._sandbox.run({**self._files, **found.files}, program, limits), wall_s)

    def close(self) -> None:
        """End idle jails; checks under way go on."""
        self._sandbox.close()


class SandboxTypes:
    """Accepts an answer in whose files mypy finds no errors; mypy runs in the sandbox, the answer does not run."""

    def __init__(self, *, base: Path, editable: Sequence[str] = ("answer.py",), folder: str | None = None) -> None:
        """Read the project, if there is one, and find the sandbox.

        Args:
            base: Folder that `folder` starts from.
            editable: Paths an answer may write; one path takes an answer's only block.
            folder: The project that imports are looked up in.

        Raises:
            ValueError: there is no sandbox, or the project is too large.
        """
        self._editable = tuple(editable)
        self._files = _read(base / folder, ("**/*.py", "**/*.pyi")) if folder is not None else {}
        self._sandbox = _sandbox()

    def verify(self, request: Request, reply: Reply) -> Verdict:
        """Look at the types of the answer's files."""
        found = extract(reply.text, self._editable)
        if not found.is_ok:
            return Verdict.reject(f"there is no usable file in the answer (it may write: {', '.join(self._editable)})")
        errors = type_errors(self._sandbox, {**self._files, **found.files}, tuple(found.files))
        if errors is None:
            return Verdict.unable("types could not be checked; pip install mypy")
        return Verdict(not errors, "\n".join(errors)[:_TAIL_CHARS])

    def close(self) -> None:
        """End idle jails; checks under way go on."""
        self._sandbox.close()


def _verdict(execution: Execution, wall_s: float) -> Verdict:
    """What a run says; never an exit code alone."""
    if execution.verdict_class == "infra_sandbox":
        return Verdict.unable(execution.why)
    if execution.verdict_class == "timeout_tests":
        return Verdict.reject(f"the tests did not end within {wall_s:g} s")
    report, tail = execution.report, execution.stdout[-_TAIL_CHARS:].strip()
    if report is None:
        return Verdict.reject(f"the run ended before its tests did\n{tail}")
    if report.is_complete and report.passed and not report.failed:
        return Verdict.accept()
    return Verdict.reject(f"{report.error or 'failed: ' + (', '.join(report.failed[:5]) or 'no test ran')}\n{tail}")


def _program(command: str) -> Program:
    first, *paths = shlex.split(command) or [""]
    if first == "pytest":
        return Program("pytest", tuple(paths))
    if first == "python" and len(paths) == 1:
        return Program("script", tuple(paths))
    raise ValueError(f"command is {command!r}; write 'pytest ARGUMENTS' or 'python FILE'")


def _read(folder: Path, include: Sequence[str]) -> Mapping[str, str]:
    """Text files of a project by relative path; hidden folders are left out."""
    if not folder.is_dir():
        raise ValueError(f"folder {str(folder)!r} does not exist")
    files: dict[str, str] = {}
    n_bytes = 0
    for path in sorted({p for pattern in include for p in folder.glob(pattern) if p.is_file()}):
        name = path.relative_to(folder)
        if any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            continue
        n_bytes += path.stat().st_size
        if len(files) == _MAX_FILES or n_bytes > _MAX_BYTES:
            raise ValueError(f"folder {str(folder)!r} holds more than {_MAX_FILES} files or {_MAX_BYTES >> 20} MiB; narrow include")
        files[name.as_posix()] = path.read_text("utf-8", errors="replace")
    return files


@functools.cache
def _sandbox() -> Sandbox:
    """One for all checks of this process, so that a reloaded configuration starts no second one."""
    try:
        return open_sandbox()
    except SandboxUnavailableError as exc:
        raise ValueError(str(exc)) from exc
