"""The connections of one gateway process: accepted, closed when idle for long, drained at the end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from routerkit.gateway.connection import Connection, Serve

_SWEEP_S: Final = 5.0
"""How often overdue connections are looked for: one timer for all costs a request nothing."""
_LAST_WORDS_S: Final = 1.0
"""How long the callers of ended answers have to read why."""
_BACKLOG: Final = 2048
"""Connections that wait to be accepted; with Python's 100 a burst of callers waits for seconds, because the system drops what is beyond."""


class Listener:
    """Keeps the connections of one listening socket."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._emptied = asyncio.Event()
        """Set while there are no connections, once there were some."""

    async def start(self, sock: socket.socket) -> None:
        """Accept connections on a socket that listens already."""
        self._server = await asyncio.get_running_loop().create_server(self._accept, sock=sock, backlog=_BACKLOG)

    async def sweep(self) -> None:
        """Close overdue connections, for ever."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.close_overdue(asyncio.get_running_loop().time())

    def close_overdue(self, now: float) -> None:
        """Close connections on which nothing was asked for long, or too slowly."""
        for connection in [c for c in self._connections if c.is_overdue(now)]:
            connection.abort()

    async def drain(self, longest_s: float, insisted: asyncio.Event) -> None:
        """Accept nothing new, wait until the answers under way are given or somebody insists, and end what is left with an error."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.shut()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._emptied, insisted)]
        if self._connections:
            await asyncio.wait(waits, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        for connection in list(self._connections):
            connection.end()
        if self._connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), _LAST_WORDS_S)
        for connection in list(self._connections):
            connection.abort()

    def _accept(self) -> Connection:
        connection = Connection(self._serve, self._forget)
        self._connections.add(connection)
        self._emptied.clear()
        return connection

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()


@asynccontextmanager
async def listening(serve: Serve, sock: socket.socket) -> AsyncIterator[Listener]:
    """A listener that accepts connections until it is drained or the block ends."""
    listener = Listener(serve)
    await listener.start(sock)
    sweeping = asyncio.create_task(listener.sweep())
    try:
        yield listener
    finally:
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
