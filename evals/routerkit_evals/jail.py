"""Runs inside the sandbox: a supervisor that forks one fresh process per run and says how it ended. Standard library only.

Protocol on standard input and output, one JSON object a line: host `job` → `{"forked": true}` → host `nonce` → `answer` with that nonce.
The nonce is read after the fork, so the memory a run inherits has never held it, and the run has no descriptor that leads to the host:
what it prints goes into a pipe of the supervisor, and its structured report into another. In the sandbox the supervisor has another
user id than the run (or, where only one id exists, is not dumpable), so a run can neither read its memory nor use its descriptors.
"""

# pathlib costs time in every run.
# ruff: noqa: PTH102, PTH103, PTH108, PTH115, PTH117, PTH118, PTH123

from __future__ import annotations

import ctypes
import fcntl
import gc
import json
import os
import resource
import selectors
import shutil
import signal
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import TypedDict

import routerkit_child  # type: ignore[import-not-found]  # child.py, bound beside this file under that name

_DUMPABLE = 4
"""PR_SET_DUMPABLE of prctl(2)."""


class Job(TypedDict):
    """One run, as the host sends it."""

    files: dict[str, str]
    program: dict[str, object]
    wall_s: float
    rlimits: dict[str, int]
    output_bytes: int
    collect: list[str]
    collect_bytes: int


class Setup(TypedDict):
    """Command line of the supervisor, as JSON."""

    work: str
    """Folder for the work folders of the runs."""
    scratch: list[str]
    """Folders emptied after each run, but for what was mounted in them before the first."""
    uid: int | None
    """First user id for runs; each run gets the next one. None = stay who we are."""
    host_pid_ns: str
    """The host's pid namespace; when ours is another one, everything in it may be killed."""


class Pump:
    """Reads what a run writes until it ends or its time is up."""

    def __init__(self, pid: int, output: int, report: int, output_bytes: int) -> None:
        self.output, self.report = bytearray(), bytearray()
        self._limits = {output: (self.output, output_bytes), report: (self.report, 1 << 20)}
        self._pidfd = os.pidfd_open(pid)
        self._selector = selectors.DefaultSelector()
        for fd in (output, report, self._pidfd):
            self._selector.register(fd, selectors.EVENT_READ)

    def until_exit(self, deadline: float) -> bool:
        """Read until the process ends (True) or the monotonic deadline passes (False)."""
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.fd == self._pidfd:
                    return True
                self._read(key.fd)
        return False

    def drain(self) -> None:
        """Take what is left in the pipes; every writer is dead by now, so this ends."""
        self._selector.unregister(self._pidfd)
        os.close(self._pidfd)
        deadline = time.monotonic() + 2.0
        while self._selector.get_map() and time.monotonic() < deadline:
            for key, _ in self._selector.select(0.1):
                self._read(key.fd)
        self._selector.close()
        for fd in self._limits:
            os.close(fd)

    def _read(self, fd: int) -> None:
        chunk = os.read(fd, 65536)
        if not chunk:
            self._selector.unregister(fd)
        kept, limit = self._limits[fd]
        kept += chunk[: max(0, limit - len(kept))]


def main() -> None:
    """Serve jobs until standard input ends."""
    setup: Setup = json.loads(sys.argv[1])
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)
    os.umask(0)
    gc.freeze()
    mounted = {entry.path for scratch in setup["scratch"] for entry in os.scandir(scratch)}
    with os.fdopen(os.dup(0), "rb") as requests:
        for number, line in enumerate(requests):
            answer, folder = run(json.loads(line), setup, number=number, read_nonce=lambda: requests.readline().decode().strip())
            clean(folder, setup["scratch"], mounted)
            reap()
            say(answer)


def say(message: dict[str, object]) -> None:
    """One line to the host."""
    line = json.dumps(message).encode() + b"\n"
    while line:
        line = line[os.write(1, line) :]


def run(job: Job, setup: Setup, *, number: int, read_nonce: Callable[[], str]) -> tuple[dict[str, object], str]:
    """Run one job in a fresh process and a fresh folder; returns the answer and the folder."""
    folder = os.path.join(setup["work"], str(number))
    write_files(folder, job["files"])
    output, report, pid, go = spawn(job, setup, folder=folder, number=number)
    pump = Pump(pid, output, report, job["output_bytes"])
    say({"forked": True})
    nonce = read_nonce()
    started = time.monotonic()
    os.write(go, b"g")
    os.close(go)
    in_time = pump.until_exit(started + job["wall_s"])
    seconds = time.monotonic() - started
    kill_all(pid, setup["host_pid_ns"])
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    pump.drain()
    collected = dict(collect(folder, job["collect"], job["collect_bytes"]))
    answer: dict[str, object] = {
        "nonce": nonce,
        "exit_code": code if in_time else None,
        "output": pump.output.decode("utf-8", "replace"),
        "report": pump.report.decode("utf-8", "replace"),
        "seconds": seconds,
        "collected": collected,
    }
    return answer, folder


def spawn(job: Job, setup: Setup, *, folder: str, number: int) -> tuple[int, int, int, int]:
    """Fork the run; it waits for a byte on the last descriptor returned: (output, report, pid, go)."""
    output, output_w = os.pipe()
    report, report_w = os.pipe()
    go_r, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.read(go_r, 1) == b"g":
                rewire(output_w, report_w)
                confine(job["rlimits"], None if setup["uid"] is None else setup["uid"] + number)
                os.chdir(folder)
                routerkit_child.run(job["program"], folder, 3)
        finally:
            os._exit(70)
    for fd in (output_w, report_w, go_r):
        os.close(fd)
    return output, report, pid, go


def rewire(output: int, report: int) -> None:
    """Standard streams to /dev/null and the output pipe, the report on 3, nothing else open."""
    null = os.open("/dev/null", os.O_RDONLY)
    # The four ends are moved out of the way first: any of them may already be one of 0 to 3.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (null, output, report)]
    for target, fd in ((0, high[0]), (1, high[1]), (2, high[1]), (3, high[2])):
        os.dup2(fd, target)
    os.closerange(4, 4096)


def confine(rlimits: dict[str, int], uid: int | None) -> None:
    """Limits first, then another user: the number of processes is counted per user and never binds root."""
    for name, value in rlimits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    # Without this a run could not read its own /proc/self.
    ctypes.CDLL(None).prctl(_DUMPABLE, 1, 0, 0, 0)


def kill_all(pid: int, host_pid_ns: str) -> None:
    """End everything a run started. In a pid namespace of our own that is everybody but us; else only its process group."""
    if os.readlink("/proc/self/ns/pid") != host_pid_ns:
        os.kill(-1, signal.SIGKILL)
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def reap() -> None:
    """Collect orphans; where we are process 1 nobody else does, and each would count against the limit on processes.

    All of them were killed. Waiting for their end keeps the next run from seeing one that is still on its way out.
    """
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        return


def write_files(folder: str, files: dict[str, str]) -> None:
    """Lay out the work folder; every path has been checked by the host and is checked again."""
    os.mkdir(folder, 0o777)
    for path, text in files.items():
        parts = path.split("/")
        if os.path.isabs(path) or ".." in parts:
            raise ValueError(path)
        os.makedirs(os.path.join(folder, *parts[:-1]), 0o777, exist_ok=True)
        with open(os.path.join(folder, *parts), "w", encoding="utf-8", newline="") as out:
            out.write(text)


def collect(folder: str, paths: list[str], limit: int) -> Iterator[tuple[str, str]]:
    """Files a run left: regular ones only, no link anywhere on the way, cut at `limit` bytes."""
    for path in paths:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in path.split("/"):
                inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
                os.close(fd)
                fd = inner
            if stat.S_ISREG(os.fstat(fd).st_mode):
                yield path, os.read(fd, limit).decode("utf-8", "replace")
        except OSError:
            continue
        finally:
            os.close(fd)


def clean(folder: str, scratch_folders: list[str], mounted: set[str]) -> None:
    """Empty the work folder and the scratch folders; a run's files never meet the next run."""
    shutil.rmtree(folder)
    for scratch in scratch_folders:
        for entry in os.scandir(scratch):
            if entry.path in mounted:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)


if __name__ == "__main__":
    main()
