"""Grading on a Ray cluster that is already running. Needs the extra `ray`.

Each worker is an actor with a sandbox of its own, opened and tried out on the machine it runs on; what a model wrote runs nowhere else.
A task goes there and a grade comes back as plain values, no callables, no handles.
"""

from __future__ import annotations

import importlib.util
import logging
import queue
import socket
import threading
import time
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, Final, Self

from routerkit_evals.canary import open_sandbox
from routerkit_evals.errors import EvalError, SandboxUnavailableError
from routerkit_evals.executors import Grading
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.sample import HARNESS
from routerkit_evals.task import Task

_START_S: Final = 120.0
"""Longest wait for the first worker: a cluster may have to start a process, and to import us, on a busy machine."""
_SLACK_S: Final = 120.0
"""On top of the longest a task's tests may take, before a worker counts as lost."""
_LOOK_S: Final = 0.2
"""How often somebody who waits for a worker looks whether a new one has started."""
_TRIES: Final = 3
"""Workers one answer may lose before the cluster is what is broken."""
_KNOCK_S: Final = 10.0
"""Longest wait for the door of a cluster."""
_REMEDY: Final = "start one with `ray start --head`, or use --executor local"
_log = logging.getLogger(__name__)
_INSTALL: Final = "pip install 'routerkit[evals,ray]'"


@dataclass(frozen=True, slots=True)
class Hello:
    """What a worker says about itself."""

    harness: str
    problem: str = ""
    """One line why it cannot grade; empty when it can."""


class RayWorker:
    """Runs in an actor on the cluster: one sandbox, one answer at a time."""

    def __init__(self, *, is_unsafe: bool) -> None:
        self._problem = ""
        try:
            self._grader = Grader(open_sandbox(is_unsafe=is_unsafe))
        except SandboxUnavailableError as exc:
            self._problem = str(exc)

    def hello(self) -> Hello:
        """Whether it can grade."""
        return Hello(HARNESS, self._problem)

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one answer."""
        return self._grader.grade(task, text)


class RayExecutor:
    """Spreads grading over actors of a cluster. What runs nothing is graded here, and so is nothing sent that needs a model's key."""

    name = "ray"

    def __init__(self, address: str, workers: int, *, grader: Grading, is_unsafe: bool = False) -> None:
        """Attach to a cluster and wait for its first worker; more join as the cluster has room.

        Raises:
            EvalError: Ray is missing, no cluster answers at `address`, it has no room, or its workers have another version of the harness.
            SandboxUnavailableError: a worker has no sandbox.
        """
        if address == "local":
            raise EvalError("ray:local would start a cluster; start one with `ray start --head` and use --executor ray")
        self._ray, self._is_ours = _attach(address)
        self._grader, self._is_unsafe = grader, is_unsafe
        self._actor = self._ray.remote(num_cpus=1, max_restarts=0)(RayWorker)
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()  # actor handles; ray has no type for them
        self._starting: dict[Any, Any] = {}
        self._lock = threading.Lock()
        self._problems: list[str] = []
        try:
            for _ in range(workers):
                self._hire()
            self._await_first()
        except BaseException:
            self.close()
            raise

    def grade(self, task: Task, text: str) -> Grade:
        """Grade one answer on the next idle worker; a worker that dies is replaced and the answer graded again."""
        if task.program is None:
            return self._grader.grade(task, text)
        why = ""
        for _ in range(_TRIES):
            worker = self._next()
            if worker is None:
                return Grade("infra_sandbox", f"ray: no worker came back ({why or 'the cluster has no room'})")
            try:
                grade = self._ray.get(worker.grade.remote(task, text), timeout=task.timeout_s * 3 + _SLACK_S)
            except (self._ray.exceptions.RayActorError, self._ray.exceptions.GetTimeoutError) as exc:
                why = type(exc).__name__
                self._replace(worker)
            except self._ray.exceptions.RayTaskError as exc:
                self._idle.put(worker)
                return Grade("infra_sandbox", f"ray worker: {' '.join(str(exc.cause or exc).split())[-200:]}")
            else:
                self._idle.put(worker)
                assert isinstance(grade, Grade)
                return grade
        return Grade("infra_sandbox", f"ray: {_TRIES} workers were lost over one answer ({why})")

    def close(self) -> None:
        """End our workers, and leave the cluster if it was us who attached."""
        for worker in [*self._drain(), *self._starting.values()]:
            self._ray.kill(worker)
        self._starting = {}
        if self._is_ours:
            self._ray.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /) -> None:
        self.close()

    def _hire(self) -> None:
        worker = self._actor.remote(is_unsafe=self._is_unsafe)
        with self._lock:
            self._starting[worker.hello.remote()] = worker

    def _replace(self, worker: Any) -> None:
        self._ray.kill(worker)
        self._hire()

    def _next(self) -> Any | None:
        """An idle worker, welcoming those that have started meanwhile; None when there is none for too long."""
        until = time.monotonic() + _START_S + _SLACK_S
        while time.monotonic() < until:
            self._welcome(0.0)
            try:
                return self._idle.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
        return None

    def _await_first(self) -> None:
        until = time.monotonic() + _START_S
        while self._idle.empty() and self._starting and (left := until - time.monotonic()) > 0:
            self._welcome(left)
        if self._idle.empty() and self._problems:
            raise SandboxUnavailableError(f"Ray worker: {self._problems[0]}")
        if self._idle.empty():
            raise EvalError(f"the Ray cluster gave no worker within {_START_S:.0f} s; it needs one free CPU, see `ray status`")

    def _welcome(self, timeout_s: float) -> None:
        """Take workers that have started into service; one that cannot grade is let go."""
        with self._lock:
            ready, _ = self._ray.wait(list(self._starting), timeout=timeout_s) if self._starting else ([], [])
            for hello in ready:
                worker = self._starting.pop(hello)
                if problem := self._problem_of(hello):
                    _log.warning("a Ray worker cannot grade: %s", problem)
                    self._problems.append(problem)
                    self._ray.kill(worker)
                else:
                    self._idle.put(worker)

    def _problem_of(self, hello: Any) -> str:
        try:
            said = self._ray.get(hello)
        except self._ray.exceptions.RayError as exc:
            return f"it died at its start ({_line(exc)}); is routerkit[evals] installed on every machine?"
        assert isinstance(said, Hello)
        if said.harness != HARNESS:
            return f"it has harness {said.harness}, this is {HARNESS}; install the same routerkit on every machine"
        return said.problem

    def _drain(self) -> list[Any]:
        workers = []
        while not self._idle.empty():
            workers.append(self._idle.get())
        return workers


def _attach(address: str) -> tuple[ModuleType, bool]:
    """Ray, connected; and whether it was us who connected."""
    if importlib.util.find_spec("ray") is None:
        raise EvalError(f"--executor ray needs the package 'ray'; {_INSTALL}, the same on every machine of the cluster")
    # Seconds of import that only this executor should cost.
    import ray

    if ray.is_initialized():
        return ray, False
    _knock(address)
    try:
        # With an address, init only ever connects.
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
    except (ConnectionError, RuntimeError, ValueError, OSError) as exc:
        where = "" if address == "auto" else f" at {address}"
        raise EvalError(f"no Ray cluster answers{where} ({_line(exc)}); {_REMEDY}, or check RAY_AUTH_TOKEN") from exc
    return ray, True


def _knock(address: str) -> None:
    """Refuse an address where nobody listens at once: Ray itself tries for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), _KNOCK_S).close()
    except OSError as exc:
        raise EvalError(f"no Ray cluster answers at {address} ({_line(exc)}); {_REMEDY}") from exc


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
