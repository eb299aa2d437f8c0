"""asyncio connections to one upstream, kept open for reuse within one event loop.

Callbacks instead of streams: a small whole answer costs one future, no task, and one timer handle.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from select import POLLIN, poll
from typing import TYPE_CHECKING, cast

from routerkit.errors import ProviderError
from routerkit.providers.dial import dial
from routerkit.providers.http1 import Exchange, Origin
from routerkit.providers.reuse import IDLE_S, cut, tls_context, unreachable
from routerkit.providers.timers import Timers, Watch

if TYPE_CHECKING:
    import ssl

_MAX_WAITING = 64
"""Pieces read ahead of a slow caller before the upstream is held back; each is one read of the socket or one chunk within it."""
_LINGER_S = 0.05
"""How long a finished stream's end mark may take before its connection is given up instead of reused."""


class Connection(asyncio.Protocol):
    """One transport and the exchange on it."""

    __slots__ = (
        "_failure",
        "_is_asked",
        "_is_lost",
        "_is_paused",
        "_loop",
        "_poller",
        "_pool",
        "_rings_at",
        "_timer",
        "_transport",
        "_waiter",
        "_watch",
        "exchange",
        "idle_at",
    )

    def __init__(self, pool: Connections) -> None:
        self._pool = pool
        self.idle_at = 0.0
        self.exchange = Exchange(max_body_bytes=pool.max_body_bytes)
        self._watch = Watch(Timers(), timeout_s=0, first_token_s=None)
        self._failure: ProviderError | None = None
        self._is_asked = self._is_lost = self._is_paused = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        """When the timer looks at the watch. It is left alone while that is soon enough, be it for a later request."""
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport
        self._poller = poll()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class, though it is by its methods
        self._poller.register(transport.get_extra_info("socket").fileno(), POLLIN)

    def data_received(self, data: bytes) -> None:
        """Feed the exchange and wake whoever waits for it."""
        exchange = self.exchange
        if not self._is_asked:  # nobody asked for these bytes
            self._pool.forget(self)
            return
        try:
            exchange.feed(data)
        except ProviderError as exc:
            self._fail(exc)
            return
        if exchange.has_body and not exchange.is_complete:
            if self._watch.heard():
                self._set_timer()
            if len(exchange.waiting) >= _MAX_WAITING:
                self._is_paused = True
                self._transport.pause_reading()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the exchange, properly or not."""
        self._is_lost = True
        if not self._is_asked:
            self._pool.forget(self)
        elif self.exchange.feed_eof():
            self._wake()
        else:
            self._fail(cut(self._pool.where, self.exchange, exc))

    def _check(self) -> None:
        self._timer, self._rings_at = None, math.inf
        if not self._is_asked:
            return
        if self._is_paused:
            self._watch.heard()  # the silence is ours; only the total deadline goes on
        if self._watch.remaining_s() <= 0:
            self._fail(self._watch.error(self._pool.where))
        else:
            self._set_timer()

    def _set_timer(self) -> None:
        """Have the watch looked at in time; the timer does so again when it fires, so it must move only when the time is up sooner."""
        due = self._watch.due()
        if due < self._rings_at:
            self._stop_timer()
            self._timer, self._rings_at = self._loop.call_later(max(self._watch.remaining_s(), 0), self._check), due

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._rings_at = None, math.inf

    # Called by the pool and by the caller.

    def send(self, request: bytes, watch: Watch) -> None:
        """Send a request."""
        self.exchange.begin()
        if self._is_lost:
            raise cut(self._pool.where, self.exchange, None)
        self._is_asked, self._watch = True, watch
        watch.sending()
        self._set_timer()
        self._transport.write(request)

    def progress(self) -> asyncio.Future[None]:
        """What is done once more of the answer is there, or there will be no more; then it raises ProviderError."""
        self._waiter = self._loop.create_future()
        if self._failure is not None:
            self._waiter.set_exception(self._failure)
        return self._waiter

    async def piece(self) -> bytes:
        """Next bytes of the body as they arrive; empty at its end."""
        exchange = self.exchange
        while True:
            if not (exchange.waiting or exchange.is_complete):
                await self.progress()
            if (data := self._taken()) or exchange.is_complete:
                return data

    async def body(self) -> bytes:
        """Rest of the body; of a failure, what comes of it soon."""
        if self.exchange.is_failure:
            return await self._failed_body()
        data = self._taken()
        if self.exchange.is_complete:  # as nearly always
            return data
        pieces = [data]
        while data := await self.piece():
            pieces.append(data)
        return b"".join(pieces)

    async def _failed_body(self) -> bytes:
        self._watch.failed()
        self._set_timer()
        pieces = []
        with suppress(ProviderError):
            while data := await self.piece():
                pieces.append(data)
        return b"".join(pieces)

    def _taken(self) -> bytes:
        """What has arrived of the body; then there is room for more."""
        data = self.exchange.take()
        if self._is_paused:
            self._is_paused = False
            self._watch.heard()
            self._transport.resume_reading()
        return data

    def ending(self) -> None:
        """Expect no more than an end mark."""
        self._watch.ending()
        self._set_timer()

    async def settle(self) -> None:
        """Wait a moment for the end mark of an answer that is already whole, so that the connection can be used again."""
        if self.exchange.is_complete or self._failure is not None:
            return
        handle = self._loop.call_later(_LINGER_S, self._wake)
        try:
            await self.progress()
        except ProviderError:
            return
        finally:
            handle.cancel()

    def release(self) -> None:
        """Keep the connection if its answer is complete; close it at once if not."""
        self._is_asked = False
        if self.exchange.is_complete and self.exchange.is_keep_alive and not self._is_lost:
            self._pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        """Close the socket without waiting for anything; harmless when closed before."""
        self._stop_timer()
        self._transport.abort()

    def is_quiet(self) -> bool:
        """Whether the peer has neither closed an idle connection nor sent anything on it, even if the loop had no time to notice."""
        if self._is_lost or self._transport.is_closing():
            return False
        return not self._poller.poll(0)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: ProviderError) -> None:
        if self._failure is None:
            self._failure = failure
        self._transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(failure)


class Connections:
    """Idle connections to one upstream. More are opened when needed; at most `n_idle` wait for reuse."""

    def __init__(self, origin: Origin, *, n_idle: int, max_body_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.where, self.max_body_bytes = origin.name, max_body_bytes
        self._origin, self._clock, self._n_idle = origin, clock, n_idle
        self._idle: deque[Connection] = deque()
        self._tls: ssl.SSLContext | None = None
        self._guard: AsyncGenerator[None, None] | None = None

    async def open(self, request: bytes, watch: Watch) -> Connection:
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
                return await dial(self._origin, lambda: Connection(self), self._tls)
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
