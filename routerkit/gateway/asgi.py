"""The gateway under any ASGI server, for those who run one anyway; `routerkit serve` uses the connections of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from routerkit.gateway.exchange import EVENTS, JSON, GoneError, T, check_plain, check_size, too_slow
from routerkit.gateway.head import with_length
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class AsgiExchange:
    """An `Exchange` as ASGI hands it over."""

    __slots__ = ("_receive", "_send", "announced", "head", "is_started", "whole")
    pass_on = None

    def __init__(self, scope: Event, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.head, self.announced = with_length(scope["method"], scope["path"], scope["headers"])
        self.is_started = False
        self.whole: bytes | None = None

    def is_flowing(self) -> bool:
        """See `Exchange`."""
        return False

    async def body(self, limits: Limits) -> bytes:
        """See `Exchange`."""
        check_size(self.announced or 0, limits)
        check_plain(self.head)
        try:
            async with asyncio.timeout(limits.body_s):
                return await self._whole_body(limits)
        except TimeoutError:
            raise too_slow(limits) from None

    async def until_gone(self, work: Awaitable[T]) -> T:
        """See `Exchange`."""
        task = asyncio.current_task()
        assert task is not None
        gone = asyncio.ensure_future(self._gone())

        def cancel(_: object) -> None:
            task.cancel()

        gone.add_done_callback(cancel)
        try:
            return await work
        except asyncio.CancelledError:
            if not gone.done() or gone.cancelled():
                raise
            task.uncancel()
            raise GoneError from None
        finally:
            gone.remove_done_callback(cancel)
            gone.cancel()

    def ending(self) -> Refusal | None:
        """See `Exchange`; the server that called us says so itself."""
        return None

    async def answer(self, status: int, body: bytes, lines: bytes = b"", content_type: bytes = JSON) -> None:
        """See `Exchange`."""
        await self._begin(status, b"content-type: %b\r\n%bcontent-length: %d\r\n" % (content_type, lines, len(body)))
        await self._send({"type": "http.response.body", "body": body})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """See `Exchange`."""
        if not self.is_started:
            await self._begin(200, EVENTS)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _begin(self, status: int, lines: bytes) -> None:
        self.is_started = True
        headers = [tuple(line.split(b": ", 1)) for line in lines.removesuffix(b"\r\n").split(b"\r\n")]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _whole_body(self, limits: Limits) -> bytes:
        parts: list[bytes] = []
        n_bytes, is_more = 0, True
        while is_more:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                raise GoneError
            parts.append(event.get("body", b""))
            n_bytes += len(parts[-1])
            check_size(n_bytes, limits)
            is_more = bool(event.get("more_body"))
        return b"".join(parts)


async def lifespan(receive: Receive, send: Send, end: Callable[[], None]) -> None:
    """Follow a server through its life; `end` is called when it stops."""
    while (event := await receive())["type"] != "lifespan.shutdown":
        if event["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
    end()
    await send({"type": "lifespan.shutdown.complete"})
