"""Which Python runs tests in the sandbox: the one that runs us, or that of the project whose tests they are."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from routerkit_evals.errors import EvalError

_PROBE: Final = """
import json, sys
from importlib.metadata import distributions
found = list(distributions())
names = [d.metadata["Name"] for d in found]
plugins = {point.name: d.metadata["Name"] for d in found for point in d.entry_points if point.group == "pytest11"}
print(json.dumps([sys.executable, [sys.base_prefix, sys.prefix], list(sys.version_info[:2]), "pytest" in names, sorted(plugins.items())]))
"""
_OLDEST: Final = (3, 9)
"""Our supervisor in the sandbox needs `os.pidfd_open`."""
_PROBE_S: Final = 60.0


class Plugin(NamedTuple):
    """A pytest plugin that is installed."""

    name: str
    """Of its entry point in `pytest11`, as `-p` takes it."""
    package: str
    """That brings it."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python and what must be readable for it to work."""

    executable: str
    prefixes: tuple[str, ...]
    """Folders that hold it and its packages."""
    plugins: tuple[Plugin, ...] = ()
    """Its pytest plugins; not looked for in our own."""


CURRENT: Final = Interpreter(sys.executable, (sys.base_prefix, sys.prefix))
"""The interpreter we run on."""


def find_interpreter(path: Path) -> Interpreter:
    """Interpreter of a virtual environment, asked about itself.

    Args:
        path: The program, or the folder of the environment.

    Raises:
        EvalError: it does not run, is too old, or has no pytest; the message says what to do.
    """
    program = path / "bin" / "python" if path.is_dir() else path
    try:
        # Not resolved: the link in an environment is what makes it that environment.
        done = subprocess.run([program.absolute(), "-s", "-c", _PROBE], capture_output=True, timeout=_PROBE_S, check=True, text=True)  # noqa: S603
        executable, prefixes, found, has_pytest, plugins = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        raise EvalError(f"--python {path}: that is not a Python we can run ({_line(exc)}); name an environment or its bin/python") from exc
    if tuple(found) < _OLDEST:
        raise EvalError(f"--python {path}: Python {found[0]}.{found[1]} is too old for the sandbox; it needs 3.9 or newer")
    if not has_pytest:
        raise EvalError(f"--python {path}: it has no pytest; install it there: {executable} -m pip install pytest")
    # A link may lead through another name of the same installation, and that name must exist inside too.
    links = [str(hop.parent.parent) for hop in _hops(Path(executable))]
    return Interpreter(executable, tuple(dict.fromkeys([*prefixes, *links])), tuple(Plugin(*each) for each in plugins))


def _hops(path: Path) -> list[Path]:
    """A program and every link on the way to it."""
    hops = [path]
    while path.is_symlink():
        path = path.parent / path.readlink()
        hops.append(path)
    return [*hops, path.resolve()]


def _line(error: Exception) -> str:
    said = (error.stderr or "").strip() if isinstance(error, subprocess.CalledProcessError) else ""
    why = error.strerror if isinstance(error, OSError) else str(error)
    return (said.splitlines() or [why or type(error).__name__])[-1][:200]
