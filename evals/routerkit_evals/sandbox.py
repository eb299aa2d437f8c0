"""Runs code a model wrote: bubblewrap namespaces, seccomp, resource limits, a clean environment, no network. Or not at all.

A `Sandbox` keeps a few warm jails. Each holds one supervisor (`jail.py`) that forks a fresh process per run, so a run costs a fork instead
of an interpreter start; between runs every process is killed and every writable folder emptied, and a jail is thrown away after
`_RUNS_PER_JAIL` runs or anything unusual.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import threading
import time
from collections.abc import Iterator, Mapping
from typing import IO, Final, Self

from routerkit import Json
from routerkit_evals.errors import SandboxFailureError
from routerkit_evals.execution import Execution, Limits, Program, RunReport
from routerkit_evals.launch import Launch
from routerkit_evals.layout import path_fault

_RUNS_PER_JAIL: Final = 64
_START_S: Final = 20.0
"""Longest wait for a jail's supervisor beyond the run itself; generous because test machines are loaded."""
_ANSWER_BYTES: Final = 16 << 20


class Sandbox:
    """Runs programs in jails of one sort; safe to share between threads."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._idle: list[_Jail] = []
        self._lock = threading.Lock()

    @property
    def level(self) -> str:
        """What stands between a run and this machine; stored with every sample."""
        return self._launch.level

    def run(self, files: Mapping[str, str], program: Program, limits: Limits | None = None, *, collect: tuple[str, ...] = ()) -> Execution:
        """Run a program over these files (relative path → text) in an empty work folder; `collect` names result files to bring back.

        A jail that breaks is replaced once; a second failure is reported as `infra_sandbox`, never as the answer's fault.

        Raises:
            ValueError: a path is absolute or climbs out of the work folder.
        """
        if why := next(filter(None, map(path_fault, (*files, *collect))), ""):
            raise ValueError(why)
        limits = limits or Limits()
        job = _job(files, program, limits, collect)
        why = ""
        for _ in range(2):
            try:
                with self._jail() as jail:
                    return _execution(jail.run(job, limits.wall_s), limits)
            except SandboxFailureError as exc:
                why = str(exc)
        return Execution("infra_sandbox", why=why)

    def close(self) -> None:
        """End all jails."""
        with self._lock:
            idle, self._idle = self._idle, []
        for jail in idle:
            jail.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _jail(self) -> Iterator[_Jail]:
        jail = self._take()
        try:
            yield jail
        except BaseException:
            jail.close()
            raise
        if jail.n_runs >= _RUNS_PER_JAIL:
            jail.close()
            return
        with self._lock:
            self._idle.append(jail)

    def _take(self) -> _Jail:
        while True:
            with self._lock:
                jail = self._idle.pop() if self._idle else None
            if jail is None:
                return _Jail(self._launch)
            # bwrap dies with the thread that started it, not only with the process.
            if jail.is_usable():
                return jail
            jail.close()


class _Jail:
    """One live supervisor."""

    def __init__(self, launch: Launch) -> None:
        self._owner = threading.current_thread()
        self.n_runs = 0
        self._buffer = bytearray()
        try:
            self._process, self._errors, self._clean = launch.start()
        except OSError as exc:
            raise SandboxFailureError(f"sandbox did not start: {exc}") from exc
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)

    def is_usable(self) -> bool:
        return self._owner.is_alive() and self._process.poll() is None

    def run(self, job: bytes, wall_s: float) -> dict[str, Json]:
        self.n_runs += 1
        deadline = time.monotonic() + wall_s + _START_S
        nonce = secrets.token_hex(16)
        self._send(job)
        if self._receive(deadline).get("forked") is not True:
            raise SandboxFailureError("sandbox: the supervisor did not announce the run")
        self._send(nonce.encode())
        answer = self._receive(deadline)
        if not secrets.compare_digest(str(answer.get("nonce")), nonce):
            raise SandboxFailureError("sandbox: an answer without the nonce of its run")
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        self._clean()

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except OSError as exc:
            raise self._broken() from exc

    def _receive(self, deadline: float) -> dict[str, Json]:
        assert self._process.stdout is not None
        while (end := self._buffer.find(b"\n")) < 0:
            if not self._selector.select(deadline - time.monotonic()):
                raise SandboxFailureError("sandbox: the supervisor did not answer in time")
            chunk = os.read(self._process.stdout.fileno(), 1 << 16)
            if not chunk or len(self._buffer) > _ANSWER_BYTES:
                raise self._broken()
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def _broken(self) -> SandboxFailureError:
        self._process.kill()
        self._process.wait()
        return SandboxFailureError(f"sandbox broke: {_tail(self._errors) or f'exit code {self._process.returncode}'}")


def _tail(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read(1 << 16).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _job(files: Mapping[str, str], program: Program, limits: Limits, collect: tuple[str, ...]) -> bytes:
    body = {
        "files": dict(files),
        "program": {
            "kind": program.kind,
            "paths": list(program.paths),
            "name": program.name,
            "untrusted": list(program.untrusted),
            "pythonpath": program.pythonpath,
        },
        "wall_s": limits.wall_s,
        "rlimits": limits.rlimits(),
        "output_bytes": limits.output_bytes,
        "collect": list(collect),
        "collect_bytes": limits.collect_bytes,
    }
    return json.dumps(body).encode()


def _execution(answer: Mapping[str, Json], limits: Limits) -> Execution:
    code, seconds, collected = answer["exit_code"], answer["seconds"], answer["collected"]
    assert isinstance(seconds, float)
    assert isinstance(collected, dict)
    exit_code = code if isinstance(code, int) else None
    cpu_ended = exit_code == -24 or (exit_code == -9 and seconds >= limits.cpu_s * 0.9)  # SIGXCPU, then SIGKILL
    return Execution(
        "timeout_tests" if exit_code is None or cpu_ended else "ran",
        exit_code,
        str(answer["output"]),
        _report(str(answer["report"])),
        seconds,
        {path: str(text) for path, text in collected.items()},
    )


def _report(text: str) -> RunReport | None:
    try:
        body = json.loads(text)
        passed, failed = (tuple(str(test) for test in body[name]) for name in ("passed", "failed"))
        return RunReport(body["is_complete"] is True, passed, failed, str(body.get("error", "")))
    except (ValueError, TypeError, KeyError):
        return None
