"""Starting the app: on loopback unless a password is set, without telemetry, errors without details."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from routerkit_app.data import DEMO, FOLDER
from routerkit_app.password import LEAST_CHARS, PASSWORD
from routerkit_app.setup import CONFIG
from routerkit_app.theme import DARK, LIGHT, PALETTE

_FLAGS: Final = {
    "server.headless": "true",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "viewer",
    "client.disableDataExport": "true",  # its CSV lets formulas through; ours does not
    "server.enableAgentApi": "false",
    "server.maxUploadSize": "1",
    "server.fileWatcherType": "none",
    "runner.magicEnabled": "false",  # it would print the docstrings of a page's constants
    **{f"theme.light.{name}": value for name, value in LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in DARK.items()},
    "theme.chartCategoricalColors": str(list(PALETTE)).replace("'", '"'),
}


class UnsafeAddressError(ValueError):
    """The app would be open to others without a password."""


def command(port: int, host: str = "127.0.0.1") -> list[str]:
    """Command line of the app's server. Flags and not a file, because Streamlit looks for files in the working directory."""
    flags = {**_FLAGS, "server.address": host, "server.port": str(port)}
    main = str(Path(__file__).with_name("main.py"))
    return [sys.executable, "-m", "streamlit", "run", main, *(f"--{name}={value}" for name, value in flags.items())]


def check_address(host: str) -> None:
    """Refuse an address that others reach, unless a password is set.

    Raises:
        UnsafeAddressError: it is not loopback and the password is missing or short; one line.
    """
    password = os.environ.get(PASSWORD, "")
    if _is_loopback(host) or len(password) >= LEAST_CHARS:
        return
    what = f"has {len(password)} characters" if password else "is not set"
    raise UnsafeAddressError(
        f"{host} can be reached by others and {PASSWORD} {what}; set it to at least {LEAST_CHARS} characters, or leave out --host"
    )


def run(folder: Path, port: int, *, host: str = "127.0.0.1", config: Path | None = None, is_demo: bool) -> int:
    """Serve until interrupted; the exit code.

    Raises:
        UnsafeAddressError: as `check_address`.
    """
    check_address(host)
    with tempfile.TemporaryDirectory(prefix="routerkit-app-") as scratch:
        if is_demo:
            from routerkit_app.demo import generate

            folder = Path(scratch)
            config = generate(folder)
        shown = {FOLDER: str(folder.resolve()), **({DEMO: "1"} if is_demo else {}), **({CONFIG: str(config.resolve())} if config else {})}
        try:
            return subprocess.call(command(port, host), env=os.environ | shown)  # noqa: S603 - our own command
        except KeyboardInterrupt:
            return 130


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
