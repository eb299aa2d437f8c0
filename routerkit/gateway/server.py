"""Running the gateway: uvicorn with uvloop, reload of the configuration while it runs, a drained end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from routerkit.config import build_ledger, build_state, read, reload
from routerkit.errors import ConfigError
from routerkit.gateway.app import Gateway
from routerkit.gateway.keys import Gate, KeyStore
from routerkit.gateway.memory import Memory
from routerkit.gateway.metrics import Metrics
from routerkit.router import Router

_LOG: Final = logging.getLogger("routerkit.gateway")
_DRAIN_S: Final = 30
"""Longest wait for running answers after SIGTERM; most load balancers wait as long."""
_KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s of common load balancers, so that they close first."""


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
    path = keys_path(config)
    if not address.is_loopback and not (path.exists() and KeyStore(path).all()):
        remedy = "make one with `routerkit keys create` or listen on 127.0.0.1"
        raise ConfigError(f"{address.host} is open to other machines and there is no key; {remedy}")


def build(config: Path) -> tuple[Gateway, Router]:
    """A gateway for a configuration. Once a key was made, every request needs one.

    Raises:
        ConfigError: the configuration is wrong.
    """
    settings, path = read(config), keys_path(config)
    ledger, memory, metrics = build_ledger(settings, config.parent), Memory(), Metrics()
    state = build_state(settings, config.parent, loading=(config.resolve(),))
    router = Router(state, observers=[memory, metrics, *([] if ledger is None else [ledger])])
    gate = Gate(KeyStore(path)) if path.exists() else None
    return Gateway(router, gate=gate, memory=memory, metrics=metrics), router


def serve(config: Path, sock: socket.socket) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM, then let running answers finish.

    Raises:
        ConfigError: as `build`.
    """
    gateway, router = build(config)
    settings = uvicorn.Config(
        gateway,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_DRAIN_S,
        lifespan="on",
    )
    server = _Server(settings, gateway=gateway, router=router, path=config)
    server.run(sockets=[sock])


class _Server(uvicorn.Server):
    """uvicorn's server with a watched configuration, and a readiness that ends when it is told to stop."""

    def __init__(self, config: uvicorn.Config, *, gateway: Gateway, router: Router, path: Path) -> None:
        super().__init__(config)
        self._gateway, self._router, self._path = gateway, router, path

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """As uvicorn's, which then raises the signal again and so would cut off what comes after the server."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def main_loop(self) -> None:
        """Serve until told to stop."""
        async with watched(self._router, self._path):
            await super().main_loop()
        self._gateway.is_ready = False


@asynccontextmanager
async def watched(router: Router, path: Path) -> AsyncIterator[None]:
    """Reload the configuration whenever its file changes; a wrong one is reported and the old one stays."""
    task = asyncio.create_task(_follow(router, path))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _follow(router: Router, path: Path) -> None:
    from watchfiles import awatch  # its notifier is only needed where something is watched

    # The folder, not the file: editors and deployments replace files by renaming.
    async for changes in awatch(path.parent, recursive=False):
        if any(Path(name).name == path.name for _, name in changes):
            try:
                reload(router, path)
            except ConfigError as exc:
                _LOG.warning("configuration not reloaded, the old one stays: %s", exc)
            else:
                _LOG.warning("configuration reloaded, revision %s", router.state.revision)


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
