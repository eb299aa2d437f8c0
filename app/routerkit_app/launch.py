"""Starting the app: on loopback unless a password is set, without telemetry, errors without details."""

from __future__ import annotations

import ipaddress
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from routerkit_app.environment import CONFIG, DEMO, FOLDER, PASSWORD
from routerkit_app.theme import DARK, LIGHT, PALETTE

LEAST_CHARS: Final = 12
"""Shortest password accepted; at one guess a second even a careless one of that length holds for years."""
_FLAGS: Final = {
    "server.headless": "true",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "viewer",
    "client.disableDataExport": "true",  # its CSV lets formulas through; ours does not
    "runner.magicEnabled": "false",  # it prints every string that stands alone, our docstrings too
    "server.enableAgentApi": "false",
    "server.maxUploadSize": "1",
    "server.fileWatcherType": "none",
    **{f"theme.light.{name}": value for name, value in LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in DARK.items()},
    "theme.metricValueFontSize": "1.5rem",
    "theme.paddingTop": "1rem",
    "theme.paddingBottom": "2rem",
    "theme.chartCategoricalColors": str(list(PALETTE)).replace("'", '"'),
}


class AddressError(ValueError):
    """The app cannot be served there, or would be open to others without a password; one line."""


def check_installed() -> None:
    """Look for what the server imports, which would fail in a process of its own.

    Raises:
        ModuleNotFoundError: names the first package that is missing.
    """
    for package in ("altair", "pandas", "streamlit"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """Command line of the app's server. Flags and not a file, because Streamlit looks for files in the working directory."""
    flags = {**_FLAGS, "server.address": host, "server.port": str(port)}
    main = str(Path(__file__).with_name("main.py"))
    return [sys.executable, "-m", "routerkit_app.server", "run", main, *(f"--{name}={value}" for name, value in flags.items())]


def check_address(host: str, port: int) -> None:
    """Refuse an address that others reach, unless a password is set, and one where nothing can listen.

    Raises:
        AddressError: it is not loopback and the password is missing or short; the port is taken; the host is none of this machine's.
    """
    _check_password(host)
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as exc:
        # Asked here, because Streamlit says nothing and waits.
        raise AddressError(f"cannot listen on {host}:{port} ({exc.strerror}); choose another --port, or stop what listens there") from exc


def _check_password(host: str) -> None:
    password = os.environ.get(PASSWORD, "")
    if _is_loopback(host) or len(password) >= LEAST_CHARS:
        return
    what = f"has {len(password)} characters" if password else "is not set"
    raise AddressError(
        f"{host} can be reached by others and {PASSWORD} {what}; set it to at least {LEAST_CHARS} characters, or leave out --host"
    )


def run(folder: Path, port: int, *, host: str = "127.0.0.1", config: Path, is_demo: bool) -> int:
    """Serve until interrupted; the exit code. The configuration may be written while the app runs.

    Raises:
        AddressError: as `check_address`.
    """
    check_address(host, port)
    with tempfile.TemporaryDirectory(prefix="routerkit-app-") as scratch:
        if is_demo:
            from routerkit_app.demo import generate

            folder = Path(scratch)
            config = generate(folder)
        shown = {FOLDER: str(folder.resolve()), **({DEMO: "1"} if is_demo else {}), CONFIG: str(config.resolve())}
        return _serve(command(port, host), os.environ | shown)


def _serve(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    with subprocess.Popen(arguments, env=env) as server:  # noqa: S603 - our own command
        # Otherwise the server would outlive us, with its port.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:  # the server was interrupted with us
            return 130


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
