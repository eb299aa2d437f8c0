"""More at once than a process holds: the rest is refused before its body is read, and asked to come again."""

from __future__ import annotations

import asyncio
import json
import resource
from contextlib import asynccontextmanager

import httpx
import pytest

from routerkit.gateway import Gateway
from routerkit.gateway.limits import Limits
from routerkit.gateway.listener import listening
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.room import Room, fitting_room
from routerkit.gateway.server import Address, listen
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target

MB = 1_000_000
ASK = {"model": "pool", "messages": [{"role": "user", "content": "hi"}]}


@asynccontextmanager
async def serving(room: Room):
    """A gateway of so much room, and its port."""
    router = make_router({"a": ScriptedProvider([make_reply()])}, targets=[make_target("a")])
    sock = listen(Address(port=0))
    async with listening(Gateway(router, room=room).serve, sock) as listener:
        yield sock.getsockname()[1]
        await listener.drain(0.0, asyncio.Event())  # which closes the socket


async def begun(port: int, head: bytes, path: bytes = b"/v1/chat/completions"):
    """A connection on which the head of a request was sent, and no body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST " + path + b" HTTP/1.1\r\nhost: localhost\r\n" + head + b"\r\n\r\n")
    return reader, writer


async def answered(reader: asyncio.StreamReader) -> tuple[bytes, dict]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    return head, json.loads(await reader.readexactly(length))


@pytest.mark.parametrize(
    ("path", "shape"), [(b"/v1/chat/completions", {"error"}), (b"/v1/messages", {"type", "error"}), (b"/v1/embeddings", {"error"})]
)
async def test_200_callers_with_large_bodies_get_as_many_places_as_there_are_and_the_rest_is_refused_unread(path, shape):
    room = Room(40 * MB, 1_000)
    async with serving(room) as port:
        sockets = [await begun(port, b"expect: 100-continue\r\ncontent-length: 1000000", path) for _ in range(200)]
        first = await asyncio.gather(*(reader.readline() for reader, _ in sockets))
        assert {b"HTTP/1.1 100 Continue\r\n": 7, b"HTTP/1.1 503 Service Unavailable\r\n": 193} == {
            line: first.count(line) for line in first
        }
        refused = next(reader for (reader, _), line in zip(sockets, first, strict=True) if b"503" in line)
        head, body = await answered(refused)
        assert shape == body.keys()
        assert (True, True) == (b"retry-after: 2" in head, b"x-should-retry: true" in head)
        assert (7, True) == (room.under_way, room.used_bytes <= room.n_bytes)
        for _, writer in sockets:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(10):
            while room.under_way:
                await asyncio.sleep(0)
        assert 0 == room.used_bytes


async def test_what_shows_how_it_goes_is_answered_when_it_is_full():
    room = Room(40 * MB, 1)
    async with serving(room) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        reader, writer = await begun(port, b"expect: 100-continue\r\ncontent-length: 9")
        await reader.readline()
        assert 503 == (await client.post("/v1/chat/completions", json=ASK)).status_code
        assert [200] * 3 == [(await client.get(path)).status_code for path in ("/healthz", "/v1/models", "/metrics")]
        text = (await client.get("/metrics")).text
        assert ("routerkit_under_way 1.0" in text, 'routerkit_refusals_total{status="503"} 1.0' in text) == (True, True)
        writer.close()


async def test_body_without_a_length_takes_the_largest_place_until_it_is_there():
    room = Room(80 * MB, 10)
    weight = room.enter(None, Limits())
    with pytest.raises(Refusal):
        room.enter(None, Limits())
    room.leave(room.weigh(weight, 100))
    room.leave(room.enter(None, Limits()))
    assert (0, 0) == (room.under_way, room.used_bytes)


async def test_one_request_is_taken_however_little_room_there_is():
    async with serving(Room(1, 1)) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert [200, 200] == [(await client.post("/v1/chat/completions", json=ASK)).status_code for _ in range(2)]


def test_room_is_what_limits_leave_and_processes_share_it(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (2_000, 2_000) if kind == resource.RLIMIT_NOFILE else (2**30, 2**30))
    found = fitting_room(4)
    assert (2**27, 1_000) == (found.n_bytes, found.n_requests)
