"""HTTP/1.1 as the gateway's callers speak it: one connection, one request after the other, no task but the one that answers.

Only what a JSON API needs: whole bodies, keep-alive and pipelining, streams in chunks, back-pressure both ways. `httptools` parses.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, cast

import httptools

from routerkit.gateway.head import Known, known, read_head, without_offer
from routerkit.gateway.http_exchange import HttpExchange, whole_answer
from routerkit.gateway.refusal import Refusal, bad

_MAX_HEAD_BYTES: Final = 64 * 1024
"""Largest request line and headers together."""
_MAX_AHEAD_BYTES: Final = 256 * 1024
"""How much is read of bodies that nobody has asked for yet, so that callers cannot fill our memory."""
_MAX_QUEUED: Final = 8
"""Requests of one connection that wait for their turn before no more are read."""
_KEEP_ALIVE_S: Final = 65.0
"""Longer than the 60 s of common load balancers, so that they close first. It bounds an unread body, too."""
_HEAD_S: Final = 10.0
"""Longest wait for the rest of a head: callers that send it byte by byte would otherwise hold connections for nothing (Slowloris)."""
_STALL_S: Final = 30.0
"""Longest wait for a caller to read on, while its answer's upstream is held open and paid for."""
_FOREIGN: Final = bad("this is no request of HTTP/1.1; see RFC 9112", code="invalid_http")
_TOO_LARGE: Final = bad(
    f"the request line and headers are larger than {_MAX_HEAD_BYTES // 1024} KiB; send less", code="headers_too_large", status=431
)


class _ForeignError(Exception):
    """It is another protocol, or one that nobody asked us to speak."""


Serve = Callable[[HttpExchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One caller's connection."""

    def __init__(self, serve: Serve, on_end: Callable[[Connection], None], *, stall_s: float = _STALL_S) -> None:
        """Prepare.

        Args:
            serve: Answers one exchange; must not raise but when it is cancelled.
            on_end: Called when the connection is lost.
            stall_s: Longest wait for the caller to read on.
        """
        self._serve, self._on_end, self._stall_s = serve, on_end, stall_s
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()
        self._url, self._n_head = b"", 0
        self._is_between = True
        """Whether the next byte is the first of a request."""
        self._known: Known | None = None
        """The head of the last request if nothing came after it, so that the parser need not read the same one again."""
        self._fresh: list[HttpExchange] = []
        """The requests whose heads were in the last bytes."""
        self._head_at: float | None = None
        """When a head began that is not complete."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._reading: HttpExchange | None = None
        """The request whose body is arriving."""
        self._queue: deque[HttpExchange] = deque()
        self._task: asyncio.Task[None] | None = None
        self.drain: asyncio.Future[None] | None = None
        """What is done once the caller has read enough of what was written; None while it does."""
        self._is_paused = self._is_deaf = False
        self._transport: asyncio.Transport
        self.is_closing = False
        """Whether the next answer is the last one."""
        self.is_ending = False
        """Whether even that one is given up."""
        self.idle_at = self._loop.time()
        """When the last answer ended."""

    def is_overdue(self, now: float) -> bool:
        """Whether nothing was asked for long, or the rest of a head does not come."""
        if self._task is not None:
            return False
        return now - self.idle_at > _KEEP_ALIVE_S or (self._head_at is not None and now - self._head_at > _HEAD_S)

    def shut(self) -> None:
        """Close, after the answer that is under way."""
        self.is_closing = True
        if self._task is None:
            self._transport.close()

    def end(self) -> None:
        """Give up the answer that is under way, and tell the caller so in its own format."""
        self.is_ending = self.is_closing = True
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()

    # Called by the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class, though it is by its methods

    def data_received(self, data: bytes) -> None:
        """Parse, and hold the caller back while it sends more than we can use."""
        known = self._known
        if known is not None and (body := known.body(data)) is not None:
            self._begin(HttpExchange(self, known.head, len(body), body))
        elif not self._is_deaf:
            self._parse(data)
        if self._queue and (len(self._queue) > _MAX_QUEUED or sum(e.n_bytes for e in self._queue) > _MAX_AHEAD_BYTES):
            self._pause()

    def _parse(self, data: bytes) -> None:
        is_alone, self._known, self._fresh = self._is_between, None, []
        if self._reading is None:
            self._n_head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self._decline(data[offer.args[0] :])
            return
        except httptools.HttpParserError:
            self._refuse_all(_TOO_LARGE if self._has_large_head() else _FOREIGN)
            return
        if self._n_head and self._head_at is None:
            self._head_at = self._loop.time()
        if self._n_head > _MAX_HEAD_BYTES and self._reading is None and self._task is None:
            self._refuse_all(_TOO_LARGE)
        elif is_alone and self._is_between and len(self._fresh) == 1:
            self._learn(data, self._fresh[0])

    def _learn(self, data: bytes, exchange: HttpExchange) -> None:
        """Keep the head of a request that was all there was in some bytes, if another may follow."""
        if exchange.is_keep_alive:
            self._known = known(data[: len(data) - exchange.n_bytes], exchange.head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give up what nobody waits for any more."""
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()
        self.resume_writing()
        self._on_end(self)

    def pause_writing(self) -> None:
        """The caller reads more slowly than we write."""
        self.drain = self.drain or self._loop.create_future()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        drain, self.drain = self.drain, None
        if drain is not None and not drain.done():
            drain.set_result(None)

    # Called by the parser.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url, self._headers, self._is_between = b"", [], False

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the address."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header."""
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The request can be looked at; its turn comes when those before it are answered."""
        parser = self._parser
        version = parser.get_http_version()
        is_current = version == "1.1"
        if (not is_current and version != "1.0") or parser.get_method() == b"CONNECT" or self._has_large_head():
            raise _ForeignError
        if parser.should_upgrade():
            return
        head, announced = read_head(parser.get_method(), self._url, self._headers)
        exchange = self._reading = HttpExchange(self, head, announced)
        exchange.is_keep_alive, exchange.is_chunked = parser.should_keep_alive() and is_current, is_current
        self._n_head, self._head_at = 0, None
        self._fresh.append(exchange)
        self._begin(exchange)

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        exchange = self._reading
        assert exchange is not None
        if exchange.arrived(piece) > _MAX_AHEAD_BYTES and not exchange.is_asked_for:
            self._pause()

    def on_message_complete(self) -> None:
        """The request is whole."""
        exchange, self._reading, self._is_between = self._reading, None, True
        if exchange is not None:  # None where it offers another protocol
            exchange.ended()

    # Called by exchanges.

    def ask_for_body(self, exchange: HttpExchange) -> None:
        """Read on, and tell a caller that waits for it to send."""
        exchange.is_asked_for = True
        if exchange.head.headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._resume()

    def send(self, data: bytes) -> None:
        """Write, unless the caller is gone; then our task is about to be cancelled."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the caller has read enough of what was written; one that reads nothing for too long is cut off."""
        if self.drain is None:
            return
        try:
            async with asyncio.timeout(self._stall_s):
                await asyncio.shield(self.drain)
        except TimeoutError:
            self.abort()  # and with the connection our task ends

    def _begin(self, exchange: HttpExchange) -> None:
        """Answer a request, once those before it are answered."""
        if self._task is None:
            self._task = self._loop.create_task(self._answer(exchange))
        else:
            self._queue.append(exchange)

    async def _answer(self, exchange: HttpExchange) -> None:
        try:
            await self._serve(exchange)
        finally:
            self._after(exchange)

    def _after(self, exchange: HttpExchange) -> None:
        self._task, self.idle_at = None, self._loop.time()
        if not exchange.is_answered or (exchange.is_whole and not exchange.is_keep_alive) or self.is_closing:
            self._transport.close()
            return
        if not exchange.is_whole:
            exchange.is_asked_for = True  # what is left of its body is read and dropped, so that the caller gets to read the answer
        if self._is_paused:
            self._resume()
        if self._queue:
            self._begin(self._queue.popleft())

    def _has_large_head(self) -> bool:
        """Whether the head is too large; the bytes read tell it only when there was no body behind it."""
        if self._n_head <= _MAX_HEAD_BYTES:
            return False
        return len(self._url) + sum(len(name) + len(value) for name, value in self._headers) > _MAX_HEAD_BYTES

    def _refuse_all(self, why: Refusal) -> None:
        """Answer what is no HTTP, and read no more: nobody knows where the next request would begin."""
        self.is_closing = self._is_deaf = True
        if self._reading is not None:
            self._reading.break_off()
        if self._task is None:
            self.send(whole_answer(why, self._url.decode("latin-1")))
            self._transport.write_eof()  # a socket closed with bytes unread would take the answer back

    def _decline(self, rest: bytes) -> None:
        """Pass over an offer of HTTP/2 (Java's client, `curl --http2`): read the request again as if it had not been made."""
        again = without_offer(self._parser.get_method(), self._url, self._headers)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(again + rest)

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()
