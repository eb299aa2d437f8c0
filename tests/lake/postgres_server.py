"""A PostgreSQL server that lives as long as a test wants it to."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

PASSWORD: Final = "canary-6b1f-of-postgres"
"""Only of this server; tests look for it where no password may show."""
_OPTIONS: Final = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=100",
    "shared_buffers=16MB",
    "log_min_messages=warning",
)


def find_programs() -> Path | None:
    """Folder of the newest installed server; Debian keeps each version in its own."""
    folders = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return max(folders, key=lambda p: p.as_posix(), default=None)


class PostgresServer:
    """Listens on a free port of loopback, with a password, in a new folder that goes with it."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not pytest's folders: those are closed to the user that the server has to run as when the tests run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="routerkit-postgres-"))
        self._user = _other_user()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    def url(self, database: str) -> str:
        return f"postgres://routerkit@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        login = ("-U", "routerkit", f"--pwfile={secret}", "-A", "scram-sha-256")
        self._run("initdb", "-D", str(self._data), *login, "--no-sync", "-E", "UTF8")
        places = (f"port={self.port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._folder}")
        options = " ".join(f"-c {option}" for option in (*_OPTIONS, *places))
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-l", str(self._folder / "log"), "-o", options, "start")

    def create(self, database: str) -> str:
        """Make an empty database; returns its URL."""
        self.ask("postgres", f'CREATE DATABASE "{database}"')
        return self.url(database)

    def ask(self, database: str, sql: str) -> str:
        """What psql prints, without headers."""
        done = subprocess.run(
            [self._programs / "psql", "-qtAX", "-v", "ON_ERROR_STOP=1", "-c", sql, self.url(database)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PGPASSWORD": PASSWORD},
        )
        return done.stdout.strip()

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # To a file: the server inherits the descriptors, and a pipe would stay open as long as it runs.
        with (self._folder / "setup.log").open("ab") as log:
            subprocess.run([self._programs / program, *arguments], check=True, stdout=log, stderr=log, user=self._user, cwd=self._folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _other_user() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
