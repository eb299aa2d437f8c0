"""Looking for a task's pattern in what a model wrote, for a bounded time.

`re` knows no limit and holds every thread while it looks: one nested repetition would stop a whole run. So whatever may take long is
looked for in a process of its own, which the system ends.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from typing import Final

from routerkit_evals.errors import SandboxFailureError, TaskError

_FLAGS: Final = re.compile(r"\(\?[a-zA-Z]*[:)]")
_QUICK: Final = re.compile(r"[^*+?{|]*[*+]?\)*")
"""A pattern that repeats nothing, or only what it ends with, never goes back; it is looked for here, without 20 ms for an interpreter."""
_LOOK: Final = """
import json, re, resource, sys
pattern, text, cpu_s = json.load(sys.stdin)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
found = re.findall(pattern, text)
json.dump(str(found[-1]) if found else None, sys.stdout)
"""


def last_match(pattern: str, text: str, *, cpu_s: int) -> str | None:
    """What the group of `pattern` took in where it was last found, or the whole match if it has none; None = it is nowhere.

    Raises:
        TaskError: looking took more than `cpu_s` seconds of processor time.
        SandboxFailureError: there was no process to look in.
    """
    if _QUICK.fullmatch(_FLAGS.sub("", pattern)):
        found = re.findall(pattern, text)
        return str(found[-1]) if found else None
    command, job = [sys.executable, "-ISc", _LOOK], json.dumps([pattern, text, cpu_s]).encode()
    try:
        # A session of its own: Ctrl-C is for the run, which waits for its grades.
        looked = subprocess.run(command, input=job, capture_output=True, start_new_session=True, check=True)  # noqa: S603
    except subprocess.CalledProcessError as exc:
        if exc.returncode == -signal.SIGXCPU:
            raise TaskError(
                f"looking for {pattern!r} in the answer takes more than {cpu_s} s; write a pattern that goes back less"
            ) from exc
        raise SandboxFailureError(f"looking for {pattern!r} in the answer: {exc}") from exc
    except OSError as exc:
        raise SandboxFailureError(f"looking for {pattern!r} in the answer: {exc}") from exc
    value: str | None = json.loads(looked.stdout)
    return value
