"""One request on a connection of our own, and its answer in HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from routerkit.gateway.exchange import EVENTS, JSON, T, check_plain, check_size, encode, too_slow
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal, bad

if TYPE_CHECKING:
    from routerkit.gateway.connection import Connection

_ANSWER: Final = b"%bcontent-type: %b\r\n%bcontent-length: %d\r\n%b\r\n%b"
_CLOSE: Final = b"connection: close\r\n"
_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}


class HttpExchange:
    """An `Exchange` on a connection of our own."""

    is_keep_alive = is_chunked = True
    is_started = is_answered = is_asked_for = is_broken = is_whole = False
    n_bytes = 0
    """Of the body so far."""
    _waiter: asyncio.Future[None] | None = None

    def __init__(self, connection: Connection, head: Head, announced: int | None, body: bytes | None = None) -> None:
        """Prepare.

        Args:
            connection: Where it came from.
            head: What it begins with.
            announced: See `Exchange`.
            body: The whole of it, if it is there and not coded.
        """
        self._connection, self.head, self.announced, self.whole = connection, head, announced, body
        self._parts: list[bytes] = []
        if body is not None:
            self.is_whole, self.n_bytes = True, len(body)

    async def body(self, limits: Limits) -> bytes:
        """See `Exchange`."""
        check_size(self.announced or 0, limits)
        check_plain(self.head)
        if not self.is_whole:
            await self._rest(limits)
        check_size(self.n_bytes, limits)
        parts, self._parts = self._parts, []  # or they would stay beside the whole
        return self.whole or b"".join(parts)

    async def _rest(self, limits: Limits) -> None:
        self._connection.ask_for_body(self)
        try:
            async with asyncio.timeout(limits.body_s):
                await self._arrival(limits)
        except TimeoutError:
            raise too_slow(limits) from None

    def until_gone(self, work: Awaitable[T]) -> Awaitable[T]:
        """See `Exchange`; the connection cancels our task when it is lost, or when the gateway ends."""
        return work

    def ending(self) -> Refusal | None:
        """See `Exchange`."""
        task = asyncio.current_task()
        if not self._connection.is_ending or task is None:
            return None
        task.uncancel()
        text = "the gateway is shutting down and waited for this answer as long as it may; ask again"
        return Refusal(503, text, code="shutting_down", retry_after_s=1.0)

    async def answer(self, status: int, body: bytes, lines: bytes = b"", content_type: bytes = JSON) -> None:
        """See `Exchange`."""
        self.is_started = self.is_answered = True
        sent = b"" if self.head.method == "HEAD" else body
        connection = self._connection
        connection.send(_ANSWER % (_LINES[status], content_type, lines, len(body), self._closing(), sent))
        if connection.drain is not None:
            await connection.drained()

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """See `Exchange`."""
        if self.is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
            data = data if more else data + b"0\r\n\r\n"
        if not self.is_started:
            data = self._begun() + data
        self.is_answered = not more
        connection = self._connection
        connection.send(data)
        if connection.drain is not None:
            await connection.drained()

    def pass_on(self, _: int, events: bytes) -> bool:
        """See `Exchange`."""
        if is_flowing := self.is_flowing():
            self._connection.send(b"%x\r\n%b\r\n" % (len(events), events) if self.is_chunked else events)
        return is_flowing

    def is_flowing(self) -> bool:
        """See `Exchange`."""
        return self.is_started and self._connection.drain is None

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

    def _begun(self) -> bytes:
        """What a stream begins with."""
        self.is_started = True
        self.is_keep_alive = self.is_keep_alive and self.is_chunked
        return b"%b%b%b%b\r\n" % (_LINES[200], EVENTS, b"transfer-encoding: chunked\r\n" if self.is_chunked else b"", self._closing())

    def _closing(self) -> bytes:
        return b"" if self.is_keep_alive and not self._connection.is_closing else _CLOSE


def whole_answer(refused: Refusal, path: str) -> bytes:
    """Bytes of an answer after which the connection closes."""
    body = encode(refused.body_at(path))
    return _ANSWER % (_LINES[refused.status], JSON, refused.headers(), len(body), _CLOSE, body)
