"""asyncio connections to one upstream, kept open for reuse within one event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from asyncio import AbstractEventLoop, get_running_loop
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from routerkit.errors import ProviderError
from routerkit.providers.dial import Dialler
from routerkit.providers.http1 import Origin, Pieces
from routerkit.providers.http1_connection import Connection
from routerkit.providers.reuse import IDLE_S, tls_context, unreachable
from routerkit.providers.timers import Watch

if TYPE_CHECKING:
    import ssl


class Pools:
    """The connections of each event loop, which nothing here keeps alive."""

    def __init__(self, make: Callable[[], Connections]) -> None:
        self._make, self._lock = make, threading.Lock()  # loops of other threads may come and go meanwhile
        self._of_loop: WeakKeyDictionary[AbstractEventLoop, Connections] = WeakKeyDictionary()
        self._recent: tuple[Callable[[], AbstractEventLoop | None], Connections | None] = (lambda: None), None

    def here(self) -> Connections:
        """Those of the running loop."""
        loop = get_running_loop()
        of, found = self._recent
        return found if of() is loop and found is not None else self._find(loop)

    def _find(self, loop: AbstractEventLoop) -> Connections:
        with self._lock:
            for old in [other for other in self._of_loop if other.is_closed()]:
                del self._of_loop[old]
            found = self._of_loop.get(loop) or self._of_loop.setdefault(loop, self._make())
        self._recent = ref(loop), found
        return found

    def close(self) -> None:
        """Let each loop close its own idle connections; running calls end as usual."""
        with self._lock:
            of_loop = [(loop, connections) for loop, connections in self._of_loop.items() if not loop.is_closed()]
        for loop, connections in of_loop:
            with suppress(RuntimeError):  # the loop was closed meanwhile, and its connections with it
                loop.call_soon_threadsafe(connections.close)


class Connections:
    """Idle connections to one upstream. More are opened when needed; at most `n_idle` wait for reuse."""

    def __init__(self, origin: Origin, *, n_idle: int, max_body_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.where, self.max_body_bytes = origin.name, max_body_bytes
        self._origin, self._clock, self._n_idle = origin, clock, n_idle
        self._dialler = Dialler(origin)
        self._idle: deque[Connection] = deque()
        self._tls: ssl.SSLContext | None = None
        self._guard: AsyncGenerator[None, None] | None = None

    async def open(self, request: Pieces, watch: Watch) -> Connection:
        """Send a request, once, on a kept connection that the peer has not closed, or on a new one; return with the head of its answer."""
        kept = self._take()
        connection = kept or await self._connect(watch)
        try:
            connection.send(request, watch)
            while not connection.exchange.status:
                await connection.progress()
        except BaseException as exc:
            connection.release()
            if kept is not None and isinstance(exc, ProviderError) and exc.code == "connect":
                self._drop_idle()  # as likely to be dead: whoever asks again should not meet the next one
            raise
        return connection

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if self._clock() - connection.idle_at < IDLE_S and connection.is_quiet():
                return connection
            connection.close()
        return None

    def keep(self, connection: Connection) -> None:
        """Take a connection back for reuse, unless there are enough."""
        connection.idle_at = now = self._clock()
        while self._idle and now - self._idle[0].idle_at >= IDLE_S:
            self._idle.popleft().close()
        if len(self._idle) < self._n_idle:
            self._idle.append(connection)
        else:
            connection.close()

    def forget(self, connection: Connection) -> None:
        """Drop an idle connection that the peer closed or spoke on."""
        if connection in self._idle:
            self._idle.remove(connection)
        connection.close()

    def close(self) -> None:
        """Close what is idle and keep nothing from now on; running calls go on."""
        self._n_idle = 0
        self._drop_idle()

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def aclose(self) -> None:
        """As `close`, and wait until the sockets are closed."""
        self.close()
        if self._guard is not None:
            await self._guard.aclose()

    async def _connect(self, watch: Watch) -> Connection:
        watch.connecting()
        if self._guard is None:
            self._guard = self._close_with_loop()
            await anext(self._guard)
        if self._origin.is_tls:
            self._tls = self._tls or tls_context()
        try:
            async with asyncio.timeout(watch.remaining_s()):
                return await self._dialler.dial(lambda: Connection(self), self._tls, watch.remaining_s)
        except TimeoutError as exc:
            raise watch.error(self.where) from exc
        except OSError as exc:
            raise unreachable(self.where, exc) from exc

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        # A suspended async generator is what an event loop finalizes before it closes (`shutdown_asyncgens`, part of `asyncio.run`):
        # the only hook that closes our idle sockets in time when the caller does not.
        try:
            yield
        finally:
            self.close()
            self._guard = None  # it refers to the loop, which nobody should keep alive
            await asyncio.sleep(0)
