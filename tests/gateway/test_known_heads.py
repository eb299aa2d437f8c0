"""A head that is compared with the last one says what the parser says of it."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from routerkit.gateway.connection import Connection
from routerkit.gateway.http_exchange import HttpExchange
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal

LIMITS = Limits(body_bytes=50)
HEADERS = (
    b"Host: localhost\r\nAuthorization: Bearer rk-1\r\nContent-Length: %b\r\nContent-Type: application/json\r\n",
    b"host: localhost\r\nX-API-Key:rk-2\r\nx-api-key: rk-3\r\ncontent-length:%b\r\n",
    b"host: localhost\r\nCONTENT-LENGTH: \t%b \r\nx-session-id: 7\r\n",
    b"content-length: %b\r\nconnection: close\r\n",
    b"content-length: %b\r\nconnection: keep-alive\r\nexpect: 100-continue\r\n",
    b"content-length: %b\r\nx-note: content-length: 5\r\n",
    b"x-folded: a\r\n content-length: 3\r\ncontent-length: %b\r\n",
    b"content-length: %b\r\ncontent-length: %b\r\n",
    b"content-length: %b\r\ntransfer-encoding: chunked\r\n",
    b"content-length: %b\r\nconnection: upgrade\r\nupgrade: h2c\r\n",
    b"content-length: %b\r\ncontent-encoding: gzip\r\n",
    b"x-length: %b\r\n",
)
LINES = (
    b"POST /v1/chat/completions HTTP/1.1\r\n",
    b"POST /v1/chat/completions?a=b HTTP/1.1\r\n",
    b"HEAD / HTTP/1.1\r\n",
    b"POST / HTTP/1.0\r\n",
)


class _Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written, self.closed = b"", False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def write_eof(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _seen(pieces: list[bytes], *, is_forgetful: bool) -> tuple[object, ...]:
    """What a connection makes of some bytes, and how often it did so without its parser."""
    seen, n_known = [], 0

    async def serve(exchange: HttpExchange) -> None:
        head = exchange.head
        try:
            body: object = exchange.whole
            if exchange.whole is None or len(exchange.whole) > LIMITS.body_bytes:
                body = await exchange.body(LIMITS)
        except Refusal as refused:
            body = refused.body()
        seen.append((head.method, head.path, dict(head.headers), head.repeated, exchange.announced, body, exchange.is_keep_alive))
        await exchange.answer(200, b"{}")

    connection, transport = Connection(serve, lambda _: None), _Transport()
    connection.connection_made(transport)
    for piece in pieces:
        if transport.closed:
            break
        if is_forgetful:
            connection._known = None
        n_known += connection._known is not None and connection._known.body(piece) is not None
        connection.data_received(piece)
        for _ in range(6):  # long enough to answer all that is whole; what waits for the rest of its body goes on waiting
            await asyncio.sleep(0)
    connection.connection_lost(None)
    return seen, transport.written, transport.closed, n_known


def _request(line: bytes, headers: bytes, body: bytes, length: bytes | None = None) -> bytes:
    said = b"%d" % len(body) if length is None else length
    return line + headers.replace(b"%b", said) + b"\r\n" + body


CASES = list(itertools.product(LINES, HEADERS))


@pytest.mark.parametrize(("line", "headers"), CASES)
async def test_remembered_head_and_parser_say_the_same(line, headers):
    """Bodies of all lengths, wrong lengths, what looks like a length, several requests at once, and requests in parts."""
    first, lengths = (
        _request(line, headers, b"{}"),
        (b"", b"0", b"3", b"04", b"5", b"+4", b"-4", b"4 ", b" 4", b"4_0", b"4,4", b"0x4", b"9" * 30),
    )
    second = [_request(line, headers, b"abcd", length) for length in lengths]
    second += [_request(line, headers, b"x" * n) for n in (0, 1, 9, 10, 51)] + [b"\r\n" + first, first[:-1], first + first, first + b"GET"]
    second += [first.replace(b"host", b"hosT"), first.replace(b"HTTP/1.1", b"HTTP/1.0"), first.replace(b"\r\n\r\n", b"\r\nx: y\r\n\r\n")]
    for again in second:
        pieces = [first, again, first, again[:20], again[20:], first]
        found = await _seen(pieces, is_forgetful=False)
        assert (await _seen(pieces, is_forgetful=True))[:3] == found[:3], again


async def test_usual_heads_are_remembered_whatever_the_length_of_the_body():
    pieces = [_request(LINES[0], HEADERS[0], b"x" * n) for n in (1, 5, 20, 3)]
    seen, _, _, n_known = await _seen(pieces, is_forgetful=False)
    assert (4, 3) == (len(seen), n_known)


@pytest.mark.parametrize("seed", range(20))
async def test_bytes_changed_by_chance_are_read_alike(seed):
    rng = random.Random(seed)
    for line, headers in rng.sample(CASES, 10):
        first = _request(line, headers, b"{}")
        changed = bytearray(_request(line, headers, b"abcdefgh"[: rng.randrange(9)]))
        for _ in range(rng.randrange(3)):
            changed[rng.randrange(len(changed))] = rng.choice(b"0123456789 \r\n:,acx")
        pieces = [first, bytes(changed), first]
        assert (await _seen(pieces, is_forgetful=True))[:3] == (await _seen(pieces, is_forgetful=False))[:3]
