"""A strict OpenAI-format server on a loopback port, in a thread of its own, with scripted faults.

    with StrictOpenAI() as server:
        server.script(Fault(status=429, headers={"retry-after": "2"}), Fault(text="hi"))
        ... call server.base_url with server.api_key ...
        assert 2 == server.hits

Requests use up the script in the order of their arrival; after it, or without one, answers are healthy (see `brain`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import deque
from types import TracebackType
from typing import Any, Self

from tests.servers.answering import Answering
from tests.servers.fault import Fault

__all__ = ["Fault", "StrictOpenAI"]


class StrictOpenAI:
    """The server. Lists grow by one element per request that reached it, in the order of arrival."""

    answering: type[Answering] = Answering
    """How requests are answered; a server of another format has another."""

    def __init__(self, *, api_key: str = "sk-strict-canary0123456789abcdef", models: tuple[str, ...] = (), ssl_context: Any = None) -> None:
        """Prepare; `start` or a `with` block opens the port.

        Args:
            api_key: Every request must carry it.
            models: Known model ids; empty = every id but those starting with `unknown`.
            ssl_context: Serve TLS with it.
        """
        self.api_key = api_key
        self.models = models
        self.bodies: list[Any] = []
        self.raw: list[bytes] = []
        """The same as they came."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.connections = 0
        """Connections accepted so far."""
        self.live = 0
        """Requests being answered at this moment."""
        self._script: deque[Fault] = deque()
        self._changed = threading.Condition()
        self._writers: dict[asyncio.StreamWriter, bool] = {}
        self._ssl = ssl_context
        self._port = 0
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Port on 127.0.0.1."""
        return self._port

    @property
    def base_url(self) -> str:
        """What a provider is given."""
        return f"http{'s' if self._ssl else ''}://127.0.0.1:{self._port}/v1"

    @property
    def hits(self) -> int:
        """Requests that arrived."""
        return len(self.bodies)

    def script(self, *faults: Fault) -> None:
        """Answer the next requests like this, one each."""
        self._script.extend(faults)

    def wait_until_idle(self, timeout_s: float = 10.0) -> bool:
        """Wait until no request is being answered; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.live == 0, timeout_s)

    def wait_for_hits(self, n: int, timeout_s: float = 10.0) -> bool:
        """Wait until `n` requests have arrived; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.hits >= n, timeout_s)

    def wait_for_live(self, n: int, timeout_s: float = 10.0) -> bool:
        """Wait until exactly `n` requests are being answered; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self.live == n, timeout_s)

    def close_idle(self) -> None:
        """Close the kept connections that are between requests, as a server does after its idle timeout; returns when done."""

        async def close() -> None:
            idle = [writer for writer, is_busy in self._writers.items() if not is_busy]
            for writer in idle:
                writer.close()
            for writer in idle:
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

        self.wait_until_idle()  # a client may have its answer before the server has counted it as given
        asyncio.run_coroutine_threadsafe(close(), self._loop).result(5)

    def start(self) -> Self:
        """Open the port and serve."""
        is_up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(is_up)), name="strict-openai", daemon=True)
        self._thread.start()
        assert is_up.wait(5), "the server did not start"
        return self

    def stop(self) -> None:
        """Close everything and end the thread."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(5)
            assert not self._thread.is_alive(), "the server did not stop"
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    async def _serve(self, is_up: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=self._ssl, limit=64 * 1024 * 1024)
        self._port = server.sockets[0].getsockname()[1]
        is_up.set()
        await self._stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers[writer] = False
        try:
            first = b""
            while not writer.is_closing():
                head = first + await reader.readuntil(b"\r\n\r\n")
                self._writers[writer] = True
                first = await self._request(head, reader, writer)
                self._writers[writer] = False
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._writers[writer]
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _request(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Answer one request; returns bytes of the next one that were read meanwhile."""
        start, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        fault = self._note(start.split(" ")[1], headers, raw)
        answering = asyncio.ensure_future(self.answering(self, writer, fault).run(start, headers, raw))
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and (gone.exception() or not gone.result()):
                answering.cancel()  # the client hung up
            await asyncio.gather(answering, return_exceptions=True)
            if answering.cancelled() or answering.exception():
                writer.transport.abort()
        finally:
            gone.cancel()
            answering.cancel()
            await asyncio.gather(gone, answering, return_exceptions=True)
            self._set_live(-1)
        return b"" if gone.cancelled() or gone.exception() else gone.result()

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        with self._changed:
            self.paths.append(path)
            self.headers.append(headers)
            self.raw.append(raw)
            try:
                self.bodies.append(json.loads(raw))
            except ValueError:
                self.bodies.append(None)
            self.live += 1
            self._changed.notify_all()
            return self._script.popleft() if self._script else Fault()

    def _set_live(self, change: int) -> None:
        with self._changed:
            self.live += change
            self._changed.notify_all()
