"""Running the gateway: a listening socket on uvloop, reload of the configuration while it runs, a drained end."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from routerkit.config import check_providers, load, read, reload
from routerkit.config.rounds import Rounds
from routerkit.config.watch import file_mark
from routerkit.errors import ConfigError
from routerkit.gateway.app import Gateway
from routerkit.gateway.keys import Gate, KeyStore
from routerkit.gateway.listener import listening
from routerkit.gateway.memory import Memory
from routerkit.gateway.metrics import Metrics
from routerkit.gateway.room import fitting_room, raise_file_limit
from routerkit.gateway.turnstile import Turnstile
from routerkit.observe import Observer
from routerkit.router import Router

_LOG: Final = logging.getLogger("routerkit.gateway")
_LOOK_S: Final = 0.5
"""How often the configuration's file is looked at, in a thread: reading a changed one takes 30 ms, which no request should wait."""
_DRAIN_S: Final = 30
"""Longest wait for running answers after SIGTERM; most load balancers wait as long."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str = "127.0.0.1"
    port: int = 8080

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def keys_path(config: Path) -> Path:
    """File of the keys: in the ledger's folder, else beside the configuration."""
    ledger = read(config).ledger
    return config.parent / (ledger.path if ledger is not None else "routerkit-data") / "keys.sqlite"


def check(config: Path, address: Address) -> None:
    """Find what would keep a gateway from serving, before anything listens.

    Raises:
        ConfigError: the configuration is wrong, or the address is open to others and there is no key.
    """
    check_providers(read(config), config.parent, loading=(config.resolve(),))
    path = keys_path(config)
    if not address.is_loopback and not (path.exists() and KeyStore(path).all()):
        remedy = "make one with `routerkit keys create` or listen on 127.0.0.1"
        raise ConfigError(f"{address.host} is open to other machines and there is no key; {remedy}")


def build(config: Path, *, more: Sequence[Observer] = (), n_processes: int = 1) -> tuple[Gateway, Router]:
    """A gateway for a configuration, one of `n_processes`; `more` are told of its calls. Once a key was made, every request needs one.

    Raises:
        ConfigError: the configuration is wrong.
    """
    memory, metrics, turnstile = Memory(), Metrics(), Turnstile()
    router = load(config, observers=[memory, metrics, turnstile, *more])
    _load_libraries(router)
    turnstile.store = router.store
    gate, room = Gate(keys_path(config), turnstile), fitting_room(n_processes)
    return Gateway(router, gate=gate, memory=memory, metrics=metrics, room=room), router


def _load_libraries(router: Router) -> None:
    """Import what providers would else import within their first call, at the cost of its deadline."""
    for provider in router.state.providers.values():
        if load_library := getattr(provider, "load_library", None):
            load_library()


def serve(config: Path, sock: socket.socket, *, more: Sequence[Observer] = (), n_processes: int = 1) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM, then let running answers finish; a second signal ends them.

    One of several processes gets copies of signals from its parent, its terminal and its service manager, so only SIGQUIT ends its answers.

    Raises:
        ConfigError: as `build`.
    """
    raise_file_limit()
    gateway, router = build(config, more=more, n_processes=n_processes)
    _tune()
    uvloop.run(_serve(gateway, router, config, sock, is_alone=n_processes == 1))


def _tune() -> None:
    """Set up the interpreter, which is ours alone, for many short requests."""
    # What is loaded by now stays. With Python's own thresholds looking for cycles took a fifth of the time of a request, and found none.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 50, 50)
    # The thread that writes the ledger would keep a request waiting for Python's 5 ms.
    sys.setswitchinterval(0.0005)


async def _serve(gateway: Gateway, router: Router, path: Path, sock: socket.socket, *, is_alone: bool) -> None:
    loop, told, insisted = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def stop() -> None:
        (insisted if told.is_set() and is_alone else told).set()

    def hurry() -> None:
        told.set()
        insisted.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGQUIT, hurry)
    async with listening(gateway.serve, sock) as listener:
        with watched(router, path):
            await told.wait()
        gateway.is_ready = False
        await listener.drain(_DRAIN_S, insisted)
    router.close()


@contextmanager
def watched(router: Router, path: Path) -> Iterator[None]:
    """Reload the configuration soon after its file changed; a wrong one is reported and the old one stays."""
    seen = file_mark(path)

    def look() -> None:
        nonlocal seen
        found = file_mark(path)
        if found is None or found == seen:
            return
        seen = found  # noted before reading: a file that is replaced meanwhile is read again
        try:
            reload(router, path)
            _load_libraries(router)
        except ConfigError as exc:
            _LOG.warning("configuration not reloaded, the old one stays: %s", exc)
        else:
            _LOG.warning("configuration reloaded, revision %s", router.state.revision)

    rounds = Rounds("routerkit-config", look, every_s=_LOOK_S)
    rounds.start(router)
    try:
        yield
    finally:
        rounds.end()


def listen(address: Address) -> socket.socket:
    """A listening socket, which forked workers share.

    Raises:
        ConfigError: the port is taken or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it; without it every small event of a stream waits 40 ms for an acknowledgement.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        made.bind((address.host, address.port))
    except OSError as exc:
        made.close()
        raise ConfigError(f"{address.host}:{address.port}: cannot listen there ({exc.strerror}); choose another --host or --port") from exc
    made.listen(2048)
    return made
