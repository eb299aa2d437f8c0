"""One request on a connection of our own, and its answer in HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from routerkit.gateway.exchange import EVENTS, JSON, NO_HEADERS, Headers, T, check_plain, check_size, encode, too_slow
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal, bad

if TYPE_CHECKING:
    from routerkit.gateway.connection import Connection

_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


class HttpExchange:
    """An `Exchange` on a connection of our own."""

    __slots__ = (
        "_connection",
        "_parts",
        "_waiter",
        "announced",
        "head",
        "is_answered",
        "is_asked_for",
        "is_broken",
        "is_chunked",
        "is_keep_alive",
        "is_started",
        "is_whole",
        "n_bytes",
    )

    def __init__(self, connection: Connection, head: Head, announced: int | None, body: bytes | None = None) -> None:
        """Prepare.

        Args:
            connection: Where it came from.
            head: What it begins with.
            announced: See `Exchange`.
            body: The whole of it, if it is there.
        """
        self._connection, self.head, self.announced = connection, head, announced
        self.is_keep_alive = self.is_chunked = True
        self.is_started = self.is_answered = self.is_asked_for = self.is_broken = False
        self.is_whole = body is not None
        self._parts = [] if body is None else [body]
        self.n_bytes = 0 if body is None else len(body)
        """Of its body so far."""
        self._waiter: asyncio.Future[None] | None = None

    async def body(self, limits: Limits) -> bytes:
        """See `Exchange`."""
        check_size(self.announced or 0, limits)
        self.head.fact(check_plain)
        if not self.is_whole:
            await self._rest(limits)
        check_size(self.n_bytes, limits)
        parts, self._parts = self._parts, []  # or they would stay beside the whole until it has been answered
        return b"".join(parts)

    async def _rest(self, limits: Limits) -> None:
        self._connection.ask_for_body(self)
        try:
            async with asyncio.timeout(limits.body_s):
                await self._arrival(limits)
        except TimeoutError:
            raise too_slow(limits) from None

    async def until_gone(self, work: Awaitable[T]) -> T:
        """See `Exchange`; the connection cancels our task when it is lost, or when the gateway ends.

        Raises:
            Refusal: the gateway ends.
        """
        try:
            return await work
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self._connection.is_ending or task is None:
                raise
            task.uncancel()
            text = "the gateway is shutting down and waited for this answer as long as it may; ask again"
            raise Refusal(503, text, code="shutting_down", retry_after_s=1.0) from None

    async def answer(self, status: int, body: bytes, headers: Headers = NO_HEADERS, content_type: bytes = JSON) -> None:
        """See `Exchange`."""
        sent = b"" if self.head.method == "HEAD" else body
        head = _head(status, content_type, headers, body)
        self._send(b"%b%b\r\n%b" % (head, self._closing(), sent), is_last=True)
        if self._connection.drain is not None:
            await self._connection.drained()

    async def begin_events(self) -> None:
        """See `Exchange`."""
        framing = b"transfer-encoding: chunked\r\n" if self.is_chunked else b""
        self.is_keep_alive = self.is_keep_alive and self.is_chunked
        self._send(b"%b%b%b\r\n" % (_EVENTS, framing, self._closing()), is_last=False)

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """See `Exchange`."""
        if self.is_chunked:
            end = b"" if more else b"0\r\n\r\n"
            data = b"%x\r\n%b\r\n%b" % (len(data), data, end) if data else end
        self.is_answered = not more
        self._connection.send(data)
        if self._connection.drain is not None:
            await self._connection.drained()

    def arrived(self, piece: bytes) -> int:
        """Keep a piece of the body, unless it is too late to matter; returns how many bytes are kept."""
        self.n_bytes += len(piece)
        if not self.is_answered:
            self._parts.append(piece)
        self._wake()
        return self.n_bytes

    def ended(self) -> None:
        """The body is whole."""
        self.is_whole = True
        self._wake()

    def break_off(self) -> None:
        """The rest of the body is none."""
        self.is_broken = True
        self._wake()

    async def _arrival(self, limits: Limits) -> None:
        while not self.is_whole:
            if self.is_broken:
                raise bad("the body breaks the rules of HTTP; send its length, or well-formed chunks", code="invalid_http")
            check_size(self.n_bytes, limits)
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _closing(self) -> bytes:
        return b"" if self.is_keep_alive and not self._connection.is_closing else b"connection: close\r\n"

    def _send(self, data: bytes, *, is_last: bool) -> None:
        self.is_started = True
        self.is_answered = is_last
        self._connection.send(data)


def whole_answer(refused: Refusal, path: str) -> bytes:
    """Bytes of an answer after which the connection closes."""
    body = encode(refused.body_at(path))
    return b"%bconnection: close\r\n\r\n%b" % (_head(refused.status, JSON, refused.headers(), body), body)


def _head(status: int, content_type: bytes, headers: Headers, body: bytes) -> bytes:
    """Everything before the body but for the end."""
    return b"%bcontent-type: %b\r\n%bcontent-length: %d\r\n" % (_LINES[status], content_type, _lines(headers), len(body))


def _lines(headers: Headers) -> bytes:
    return b"".join(map(_line, headers))


_line: Final = b"%b: %b\r\n".__mod__
_EVENTS: Final = _LINES[200] + _lines(EVENTS)
