"""Callers that send or read too slowly cannot hold what others need."""

from __future__ import annotations

import asyncio

from routerkit.gateway.connection import Connection
from routerkit.gateway.http_exchange import HttpExchange
from routerkit.gateway.listener import Listener


class Wire(asyncio.Transport):
    """A connection without a network."""

    def __init__(self) -> None:
        super().__init__()
        self.is_cut = self.is_paused = False

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def abort(self) -> None:
        self.is_cut = True

    def is_closing(self) -> bool:
        return self.is_cut

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass


async def never_answers(_: HttpExchange) -> None:
    await asyncio.Event().wait()


def accepted(listener: Listener, data: bytes) -> tuple[Connection, Wire]:
    connection, wire = listener._accept(), Wire()
    connection.connection_made(wire)
    connection.data_received(data)
    return connection, wire


async def test_head_that_does_not_come_to_its_end_is_given_up_after_10_seconds() -> None:
    """However often another byte of it arrives (Slowloris)."""
    listener, now = Listener(never_answers), asyncio.get_running_loop().time()
    connection, wire = accepted(listener, b"GET /healthz HTTP/1.1\r\nx: ")
    listener.close_overdue(now + 9.0)
    connection.data_received(b"y")
    assert not wire.is_cut
    listener.close_overdue(now + 11.0)
    assert wire.is_cut


async def test_caller_that_waits_for_its_answer_is_not_slow() -> None:
    listener, now = Listener(never_answers), asyncio.get_running_loop().time()
    connection, wire = accepted(listener, b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET / HT")
    await asyncio.sleep(0)
    listener.close_overdue(now + 500.0)
    assert not wire.is_cut
    connection.connection_lost(None)


async def test_caller_that_sends_requests_ahead_is_held_back_at_256_kib() -> None:
    """However many they are: each of them alone is short enough."""
    listener = Listener(never_answers)
    one = b"POST /v1/feedback HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    connection, wire = accepted(listener, one)
    paused = []
    for _ in range(3):
        connection.data_received(one)
        paused.append(wire.is_paused)
    assert [False, False, True] == paused
    connection.connection_lost(None)


async def test_quiet_connection_is_kept_for_65_seconds() -> None:
    """Longer than the 60 s of common load balancers, which otherwise send into a closing connection."""
    listener, now = Listener(never_answers), asyncio.get_running_loop().time()
    _, wire = accepted(listener, b"")
    listener.close_overdue(now + 64.0)
    assert not wire.is_cut
    listener.close_overdue(now + 66.0)
    assert wire.is_cut


async def test_caller_that_stops_reading_is_cut_off() -> None:
    """Its upstream would be held, and paid for, as long as it pleases."""
    connection, wire = Connection(never_answers, lambda _: None, stall_s=0.01), Wire()
    connection.connection_made(wire)
    connection.pause_writing()
    await connection.drained()
    assert wire.is_cut


async def test_caller_that_reads_on_is_not_cut_off() -> None:
    connection, wire = Connection(never_answers, lambda _: None, stall_s=5.0), Wire()
    connection.connection_made(wire)
    connection.pause_writing()
    waiting = asyncio.create_task(connection.drained())
    await asyncio.sleep(0)
    connection.resume_writing()
    await waiting
    assert not wire.is_cut
