"""One HTTP request and its answer, as ASGI hands them over."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal, bad
from routerkit.messages import Json

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_JSON: Final = (b"content-type", b"application/json")
_SSE: Final[Headers] = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


class GoneError(Exception):
    """The caller went away."""


class Exchange:
    """Reads one request and writes one answer."""

    __slots__ = ("_receive", "_send", "headers", "is_started", "method", "path", "repeated")

    def __init__(self, scope: Event, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[str, str] = {}
        """By lower-case name."""
        self.repeated: set[str] = set()
        """Names that came more than once."""
        for name, value in scope["headers"]:
            key = name.decode("latin-1")
            if key in self.headers:
                self.repeated.add(key)
            self.headers[key] = value.decode("latin-1")
        self.is_started = False

    async def body(self, limits: Limits) -> bytes:
        """The whole body.

        Raises:
            Refusal: too large or too slow.
            GoneError: the caller went away within it.
        """
        said = self.headers.get("content-length", "0")
        if said.isdigit() and int(said) > limits.body_bytes:
            raise _too_large(limits)
        event = await self._receive()
        if event["type"] == "http.request" and not event.get("more_body"):
            return self._checked(event.get("body", b""), limits)
        try:
            async with asyncio.timeout(limits.body_s):
                return await self._rest(event, limits)
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {limits.body_s:g} s", code="request_timeout") from None

    async def gone(self) -> None:
        """Return when the caller has gone away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """Write a whole answer; JSON unless the headers say otherwise."""
        shown = [_JSON, *(headers or ())] if not any(k == b"content-type" for k, _ in headers or ()) else list(headers or ())
        self.is_started = True
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*shown, (b"content-length", str(len(body)).encode())]}
        )
        await self._send({"type": "http.response.body", "body": body})

    async def begin_events(self) -> None:
        """Start a stream of server-sent events."""
        self.is_started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": _SSE})

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Write a piece of a stream."""
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    async def _rest(self, event: Event, limits: Limits) -> bytes:
        parts: list[bytes] = []
        n_bytes = 0
        while True:
            if event["type"] == "http.disconnect":
                raise GoneError
            parts.append(event.get("body", b""))
            n_bytes += len(parts[-1])
            if n_bytes > limits.body_bytes:
                raise _too_large(limits)
            if not event.get("more_body"):
                return b"".join(parts)
            event = await self._receive()

    @staticmethod
    def _checked(data: bytes, limits: Limits) -> bytes:
        if len(data) > limits.body_bytes:
            raise _too_large(limits)
        return data


def parsed(data: bytes) -> Json:
    """A body's JSON.

    Raises:
        Refusal: it is none.
    """
    try:
        value: Json = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise bad(f"the body is not JSON ({type(exc).__name__}, {len(data):,} bytes)", code="invalid_body") from None
    return value


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is larger than {limits.body_bytes:,} bytes", code="request_too_large")
