"""A gateway in a thread of its own, before strict servers: real sockets on both sides."""

from __future__ import annotations

import asyncio
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

from routerkit.gateway.keys import KeyStore
from routerkit.gateway.listener import listening
from routerkit.gateway.server import Address, build, keys_path, listen
from routerkit.observe import Observer
from routerkit.router import Router
from tests.servers.strict_openai import StrictOpenAI

CONFIG = """
[providers.first]
kind = "openai"
base_url = "{first}"
api_key = "env:FIRST_KEY"

[providers.second]
kind = "openai"
base_url = "{second}"
api_key = "env:SECOND_KEY"

[targets.cheap]
provider = "first"
model = "cheap-1"
usd_per_mtok = {{ input = 0.10, output = 0.20 }}
context_tokens = 128000
can = ["tools", "vision", "json_schema"]

[targets.strong]
provider = "second"
model = "strong-1"
usd_per_mtok = {{ input = 1.00, output = 2.00 }}
context_tokens = 128000
can = ["tools", "vision", "json_schema"]

[pools.coding]
targets = ["cheap", "strong"]
policy = "fallback"

[budgets.poor]
usd_per_day = 0.0

[ledger]
path = "data"
"""


class Served:
    """A running gateway and the servers behind it."""

    def __init__(self, folder: Path, first: StrictOpenAI, second: StrictOpenAI) -> None:
        self.first, self.second = first, second
        self.router: Router
        self.config = folder / "routerkit.toml"
        self.config.write_text(CONFIG.format(first=first.base_url, second=second.base_url))
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told: asyncio.Event | None = None
        self.url = ""
        self.more: tuple[Observer, ...] = ()
        """Who is told of its calls, too."""
        self.store: KeyStore

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def start(self) -> None:
        gateway, self.router = build(self.config, more=self.more)
        sock = listen(Address(port=0))
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        begun = threading.Event()

        async def serve() -> None:
            self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()
            async with listening(gateway.serve, sock) as listener:
                begun.set()
                await self._told.wait()
                await listener.drain(20, asyncio.Event())
            self.router.close()

        # asyncio's own loop: uvloop leaves a policy behind that other tests would see.
        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        assert begun.wait(10)

    def stop(self) -> None:
        if self._loop is None or self._told is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join(20)
        assert not self._thread.is_alive()
        self._loop = None


@contextmanager
def dialled(served: Served) -> Iterator[http.client.HTTPConnection]:
    """One connection to a gateway, for requests one after the other."""
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def serving(folder: Path) -> Iterator[Callable[[], Served]]:
    """Makes gateways over two strict servers and stops them at the end."""
    made: list[Served] = []
    first, second = StrictOpenAI(api_key="sk-first-canary0123456789abcdef"), StrictOpenAI(api_key="sk-second-canary0123456789abcdef")
    with first, second, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRST_KEY", first.api_key)
        patch.setenv("SECOND_KEY", second.api_key)

        def make() -> Served:
            made.append(Served(folder, first, second))
            return made[-1]

        yield make
        for served in made:
            served.stop()


@pytest.fixture
def make_served(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Makes a gateway that has not started yet, so that a test can prepare its files."""
    with serving(tmp_path) as make:
        yield make


@pytest.fixture
def served(make_served: Callable[[], Served]) -> Served:
    """A running gateway without keys."""
    found = make_served()
    found.start()
    return found


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    """The official SDK, which repeats nothing."""
    with openai.OpenAI(base_url=served.base_url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
def keyed(make_served: Callable[[], Served]) -> Served:
    """A gateway that has not started yet, with a store for keys."""
    served = make_served()
    served.store = KeyStore(keys_path(served.config))
    return served
