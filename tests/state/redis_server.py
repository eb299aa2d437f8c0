"""A Redis or Valkey server that lives as long as a test wants it to."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from redis import Redis, exceptions
from redis.backoff import ConstantBackoff
from redis.retry import Retry


def find_program() -> str | None:
    """Where the server is installed."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """Listens on a free port of loopback; keeps nothing on disk."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder))
        self._process = subprocess.Popen([self._program, *options], stdout=subprocess.DEVNULL)
        retry = Retry(ConstantBackoff(0.02), 250)
        with Redis.from_url(self.url, retry=retry, retry_on_error=[exceptions.ConnectionError]) as client:
            client.ping()

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def empty(self) -> None:
        with Redis.from_url(self.url) as client:
            client.flushall()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Muted:
    """Stands before a server and passes on what it is told; while it is mute, no answer to a step comes back."""

    is_mute = False

    def __init__(self, url: str) -> None:
        self._server = ("127.0.0.1", int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server, told = socket.create_connection(self._server), [b""]
                threading.Thread(target=self._ask, args=(client, server, told), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, told), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, told: list[bytes]) -> None:
        with suppress(OSError), client, server:
            while data := client.recv(65_536):
                told[0] = data
                server.sendall(data)

    def _answer(self, client: socket.socket, server: socket.socket, told: list[bytes]) -> None:
        with suppress(OSError), client, server:
            while data := server.recv(65_536):
                if not (self.is_mute and b"EVALSHA" in told[0]):
                    client.sendall(data)
