"""Servers of local models: one child process per model and settings, started when first needed, shared, and gone when we are."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from routerkit.errors import ProviderError

DEFAULT_COMMAND: Final = (sys.executable, "-m", "routerkit.providers.local_server")
_LOG_BYTES: Final = 4096
_STOP_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What distinguishes one server from another; equal settings share a process."""

    path: str
    is_base: bool
    context_tokens: int
    n_parallel: int
    n_threads: int
    command: tuple[str, ...] = DEFAULT_COMMAND
    """Program that speaks the protocol described in `local_server`."""


class Server:
    """A running child process. Starting does not wait; `url` does."""

    def __init__(self, settings: ServerSettings) -> None:
        self.key = secrets.token_urlsafe(24)
        """Without it the server answers nobody."""
        self._name = Path(settings.path).name
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._owner = os.getpid()
        self._ready = threading.Event()
        self._url = ""
        # In a session of its own, so that Ctrl-C reaches us first; the pipe on its standard input ends it when we are gone.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, or the command the caller chose
            settings.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,
            env=_environment(),
        )
        facts = {name: value for name, value in asdict(settings).items() if name != "command"} | {"key": self.key}
        threading.Thread(target=self._start, args=(facts,), name=f"start-{self._name}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the process is alive; in a fork of the process that started it, it is taken to be."""
        return self._owner != os.getpid() or self._process.poll() is None

    def url(self, timeout_s: float) -> str:
        """Base URL, once the model is loaded.

        Args:
            timeout_s: Longest wait; loading goes on when it is over.

        Raises:
            ProviderError: `timeout`, or `connect` with the end of the server's log if it did not start.
        """
        if not self._ready.wait(timeout_s):
            raise ProviderError(f"local model {self._name!r}: still loading after {timeout_s:.3g} s; ask again", code="timeout")
        if not self._url:
            raise ProviderError(f"local model {self._name!r}: its server did not start: {self._last_words()}", code="connect")
        return self._url

    def stop(self) -> None:
        """End the process, unless it belongs to the process we were forked from."""
        if self._owner != os.getpid():
            return
        self._process.kill()  # it has nothing to save
        self._process.wait(_STOP_S)
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None and not pipe.closed:
                _close_quietly(pipe)

    def _start(self, facts: dict[str, object]) -> None:
        stdin, stdout = self._process.stdin, self._process.stdout
        try:
            if stdin is not None and stdout is not None:
                stdin.write(json.dumps(facts).encode() + b"\n")
                stdin.flush()
                self._url = str(json.loads(stdout.readline())["url"])
        except (OSError, ValueError, KeyError, TypeError):
            self._give_up()  # it ended, or spoke something else; `url` tells, with its log
        finally:
            self._ready.set()

    def _give_up(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)  # it may still be writing down why
        self._process.kill()

    def _last_words(self) -> str:
        try:
            status = self._process.wait(_STOP_S)
            with os.fdopen(os.dup(self._log.fileno()), "rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - _LOG_BYTES))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return "no reason given"
        return lines[-1].strip() if lines else f"exit status {status} without a word"


class Servers:
    """The servers of this process, by settings. A server that died is started again at its next use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[ServerSettings, Server] = {}
        self._users: dict[ServerSettings, int] = {}

    def get(self, settings: ServerSettings) -> Server:
        """The server for these settings, started if there is none."""
        with self._lock:
            server = self._running.get(settings)
            if server is None or not server.is_running():
                if server is not None:
                    server.stop()
                server = self._running[settings] = Server(settings)
            return server

    def join(self, settings: ServerSettings) -> None:
        """Note one more user."""
        with self._lock:
            self._users[settings] = self._users.get(settings, 0) + 1

    def leave(self, settings: ServerSettings) -> None:
        """Note one user less; the server ends with its last one."""
        with self._lock:
            self._users[settings] -= 1
            server = None if self._users[settings] else self._running.pop(settings, None)
        if server is not None:
            server.stop()

    def stop_all(self) -> None:
        """End every server."""
        with self._lock:
            servers, self._running = list(self._running.values()), {}
        for server in servers:
            server.stop()


SERVERS: Final = Servers()
"""Shared by all `Local` providers of this process."""
atexit.register(SERVERS.stop_all)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _is_secret(name)}


def _is_secret(name: str) -> bool:
    return any(word in name.upper() for word in ("KEY", "TOKEN", "SECRET", "PASSWORD"))


def _close_quietly(pipe: object) -> None:
    try:
        pipe.close()  # type: ignore[attr-defined] # one of three kinds of file
    except OSError:  # unsent bytes for a process that is gone
        return


__all__: Sequence[str] = ("DEFAULT_COMMAND", "SERVERS", "Server", "ServerSettings", "Servers")
