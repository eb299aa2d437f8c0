"""One asyncio connection to an upstream: a request at a time, its answer piece by piece, and a timer that both share.

Callbacks instead of streams: a small whole answer costs one future, no task, and one timer handle.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from select import POLLIN, poll
from typing import TYPE_CHECKING, cast

from routerkit.errors import ProviderError
from routerkit.providers.http1 import Exchange, Pieces
from routerkit.providers.reuse import cut
from routerkit.providers.timers import Timers, Watch

if TYPE_CHECKING:
    from routerkit.providers.http1_async import Connections

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
        "_taker",
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
        self._taker: Callable[[bytes], bool] | None = None
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
        if not exchange.is_complete and (exchange.waiting or exchange.n_taken) and self._watch.heard():  # in the middle of the body
            self._set_timer()
        if (waiter := self._waiter) is not None and not waiter.done():
            if self._taker is None or not exchange.pass_on(self._taker):
                waiter.set_result(None)
        elif len(exchange.waiting) >= _MAX_WAITING and not exchange.is_complete:  # whoever reads them is busy
            self._is_paused = True
            self._transport.pause_reading()

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

    def send(self, request: Pieces, watch: Watch) -> None:
        """Send a request."""
        self.exchange.begin()
        if self._is_lost:
            raise cut(self._pool.where, self.exchange, None)
        self._is_asked, self._watch = True, watch
        if watch.sending() < self._rings_at:
            self._set_timer()
        self._transport.writelines(request)

    def progress(self, taker: Callable[[bytes], bool] | None = None) -> asyncio.Future[None]:
        """What is done once more of the answer is there, or there will be no more; then it raises ProviderError.

        Args:
            taker: May take pieces that arrive meanwhile, which then need nobody else.
        """
        self._taker, self._waiter = taker, self._loop.create_future()
        if self._failure is not None:
            self._waiter.set_exception(self._failure)
        return self._waiter

    def taken(self) -> bytes:
        """What has arrived of the body; then there is room for more."""
        data = self.exchange.take()
        if self._is_paused:
            self._is_paused = False
            self._watch.heard()
            self._transport.resume_reading()
        return data

    async def body(self) -> bytes:
        """Rest of the body; of a failure, what comes of it soon."""
        pieces: list[bytes] = []
        if not self.exchange.is_failure:
            await self._read(pieces)
        else:
            self._watch.failed()
            self._set_timer()
            with suppress(ProviderError):
                await self._read(pieces)
        return b"".join(pieces)

    async def _read(self, pieces: list[bytes]) -> None:
        pieces.append(self.taken())
        while not self.exchange.is_complete:
            await self.progress()
            pieces.append(self.taken())

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
        self._is_asked, self._taker = False, None
        if self.exchange.is_keep_alive:
            self._pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        """Close the socket without waiting for anything; harmless when closed before."""
        self._stop_timer()
        self._transport.abort()

    def is_quiet(self) -> bool:
        """Whether the peer has neither closed an idle connection nor sent anything on it, even if the loop had no time to notice."""
        return not (self._transport.is_closing() or self._poller.poll(0))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: ProviderError) -> None:
        if self._failure is None:
            self._failure = failure
        self._transport.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(failure)
