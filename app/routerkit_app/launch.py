"""Starting the app: on loopback, without telemetry, errors without details."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from routerkit_app.data import DEMO, FOLDER

_FLAGS: Final = {
    "server.headless": "true",
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.toolbarMode": "viewer",
    "server.maxUploadSize": "1",
    "server.fileWatcherType": "none",
    "theme.primaryColor": "#0072B2",
}


def command(port: int) -> list[str]:
    """Command line of the app's server. Flags and not a file, because Streamlit looks for files in the working directory."""
    flags = {**_FLAGS, "server.address": "127.0.0.1", "server.port": str(port)}
    main = str(Path(__file__).with_name("main.py"))
    return [sys.executable, "-m", "streamlit", "run", main, *(f"--{name}={value}" for name, value in flags.items())]


def run(folder: Path, port: int, *, is_demo: bool) -> int:
    """Serve until interrupted; the exit code."""
    with tempfile.TemporaryDirectory(prefix="routerkit-app-") as scratch:
        if is_demo:
            from routerkit_app.demo import generate

            folder = Path(scratch)
            generate(folder)
        shown = {FOLDER: str(folder.resolve()), **({DEMO: "1"} if is_demo else {})}
        try:
            return subprocess.call(command(port), env=os.environ | shown)  # noqa: S603 - our own command
        except KeyboardInterrupt:
            return 130
