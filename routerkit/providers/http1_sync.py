"""Blocking connections to one upstream, kept open for reuse and safe to share between threads."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from select import POLLIN, poll
from typing import TYPE_CHECKING, TypeAlias

from routerkit.errors import ProviderError
from routerkit.providers.http1 import Exchange, Origin, Pieces
from routerkit.providers.reach import check_reach, is_literal
from routerkit.providers.reuse import IDLE_S, RECV_BYTES, cut, tls_context, unreachable
from routerkit.providers.timers import Watch

if TYPE_CHECKING:
    import ssl

_Address: TypeAlias = "tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]"
_AddressInfo: TypeAlias = "tuple[int, int, int, str, _Address]"
_LINGER_S = 0.05
"""How long a finished stream's end mark may take before its connection is given up instead of reused."""


class Connection:
    """One socket and the exchange on it."""

    __slots__ = ("_pool", "_sock", "_watch", "exchange", "idle_at")

    def __init__(self, pool: Connections, sock: socket.socket) -> None:
        self._pool, self._sock = pool, sock
        self.idle_at = 0.0
        self.exchange = Exchange(max_body_bytes=pool.max_body_bytes)
        self._watch: Watch

    def ask(self, request: Pieces, watch: Watch) -> None:
        """Send a request and wait for the head of its answer."""
        self.exchange.begin()
        self._watch = watch
        watch.sending()
        self._send(memoryview(b"".join(request)))
        while not self.exchange.status:
            self._receive()

    def _send(self, rest: memoryview) -> None:
        try:
            while rest:
                self._arm()
                rest = rest[self._sock.send(rest) :]
        except TimeoutError as exc:
            raise self._watch.error(self._pool.where) from exc
        except OSError:
            # The upstream may have answered (413, say) and closed without reading everything: look at the answer first.
            return

    def _arm(self) -> None:
        left_s = self._watch.remaining_s()
        if left_s <= 0:
            raise self._watch.error(self._pool.where)
        self._sock.settimeout(left_s)

    def _receive(self) -> None:
        self._arm()
        try:
            data = self._sock.recv(RECV_BYTES)
        except TimeoutError as exc:
            raise self._watch.error(self._pool.where) from exc
        except OSError as exc:
            raise cut(self._pool.where, self.exchange, exc) from exc
        if data:
            self.exchange.feed(data)
        elif not self.exchange.feed_eof():
            raise cut(self._pool.where, self.exchange, None)
        if self.exchange.waiting or self.exchange.n_taken:
            self._watch.heard()

    def piece(self) -> bytes:
        """Next bytes of the body as they arrive; empty at its end."""
        while True:
            data = self.exchange.take()
            if data or self.exchange.is_complete:
                return data
            self._receive()

    def body(self) -> bytes:
        """Rest of the body; of a failure, what comes of it soon."""
        if is_failure := self.exchange.is_failure:
            self._watch.failed()
        pieces = []
        try:
            while data := self.piece():
                pieces.append(data)
        except ProviderError:
            if not is_failure:
                raise
        return b"".join(pieces)

    def ending(self) -> None:
        """Expect no more than an end mark."""
        self._watch.ending()

    def settle(self) -> None:
        """Wait a moment for the end mark of an answer that is already whole, so that the connection can be used again."""
        if self.exchange.is_complete:
            return
        try:
            self._sock.settimeout(_LINGER_S)
            self.exchange.feed(self._sock.recv(RECV_BYTES))
        except (OSError, ProviderError):
            return

    def release(self) -> None:
        """Keep the connection if its answer is complete; close it at once if not."""
        if self.exchange.is_complete and self.exchange.is_keep_alive:
            self._pool.keep(self)
        else:
            self.close()

    def close(self) -> None:
        """Close the socket; harmless when closed before."""
        self.exchange.is_keep_alive = False
        self._sock.close()

    def is_quiet(self) -> bool:
        """Whether the peer has neither closed an idle connection nor sent anything on it."""
        poller = poll()
        poller.register(self._sock, POLLIN)
        return not poller.poll(0)


class Connections:
    """Idle connections to one upstream. More are opened when needed; at most `n_idle` wait for reuse."""

    def __init__(self, origin: Origin, *, n_idle: int, max_body_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.where, self.max_body_bytes = origin.name, max_body_bytes
        self._origin, self._clock = origin, clock
        self._lock, self._pid = threading.Lock(), os.getpid()
        self._idle: deque[Connection] = deque()
        self._n_idle = n_idle
        self._tls: ssl.SSLContext | None = None

    def open(self, request: Pieces, watch: Watch) -> Connection:
        """Send a request, once, on a kept connection that the peer has not closed, or on a new one; return with the head of its answer."""
        kept = self._take()
        try:
            return _asked(kept or Connection(self, self._connect(watch)), request, watch)
        except ProviderError as exc:
            if kept is not None and exc.code == "connect":
                self._drop_idle()  # as likely to be dead: whoever asks again should not meet the next one
            raise

    def _take(self) -> Connection | None:
        if self._pid != os.getpid():  # after a fork the sockets belong to the parent
            self._lock, self._pid = threading.Lock(), os.getpid()
            self._drop_idle()
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if self._clock() - connection.idle_at < IDLE_S and connection.is_quiet():
                return connection
            connection.close()

    def keep(self, connection: Connection) -> None:
        """Take a connection back for reuse, unless there are enough."""
        connection.idle_at = now = self._clock()
        with self._lock:
            too_old = [self._idle.popleft() for _ in range(sum(now - c.idle_at >= IDLE_S for c in self._idle))]
            has_room = len(self._idle) < self._n_idle
            if has_room:
                self._idle.append(connection)
        for old in too_old if has_room else [*too_old, connection]:
            old.close()

    def close(self) -> None:
        """Close what is idle and keep nothing from now on; running calls go on."""
        self._n_idle = 0
        self._drop_idle()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _connect(self, watch: Watch) -> socket.socket:
        watch.connecting()
        failure: OSError | None = None
        addresses = self._resolve(watch)
        is_named = not is_literal(self._origin.host)
        for n, (family, kind, protocol, _, address) in enumerate(addresses):
            if is_named:
                check_reach(self.where, str(address[0]))
            sock = socket.socket(family, kind, protocol)
            try:
                return self._dial(sock, address, watch, share=1 / (len(addresses) - n))
            except OSError as exc:
                sock.close()
                failure = exc
        if isinstance(failure, TimeoutError):
            raise watch.error(self.where) from failure
        raise unreachable(self.where, failure) from failure

    def _dial(self, sock: socket.socket, address: _Address, watch: Watch, *, share: float) -> socket.socket:
        sock.settimeout(_left(watch) * share)
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._origin.is_tls:
            return sock
        self._tls = self._tls or tls_context()
        sock.settimeout(_left(watch))
        return self._tls.wrap_socket(sock, server_hostname=self._origin.host)

    def _resolve(self, watch: Watch) -> list[_AddressInfo]:
        """Addresses of the host. The lookup has no timeout of its own, so it runs in a thread that we can stop waiting for."""
        found: list[_AddressInfo] = []
        failure: list[OSError] = []

        def look_up() -> None:
            try:
                found.extend(socket.getaddrinfo(self._origin.host, self._origin.port, type=socket.SOCK_STREAM))
            except OSError as exc:
                failure.append(exc)

        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(max(watch.remaining_s(), 0))
        if failure:
            raise unreachable(self.where, failure[0]) from failure[0]
        if not found:
            raise watch.error(self.where)
        return found


def _asked(connection: Connection, request: Pieces, watch: Watch) -> Connection:
    try:
        connection.ask(request, watch)
    except BaseException:
        connection.close()
        raise
    return connection


def _left(watch: Watch) -> float:
    left_s = watch.remaining_s()
    if left_s <= 0:
        raise TimeoutError
    return left_s
