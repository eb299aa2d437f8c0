"""Stores of every kind, each empty, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from routerkit.state.interface import StateStore
from routerkit.state.memory import MemoryStore
from routerkit.state.redis import RedisStore
from routerkit.state.sqlite import SqliteStore
from tests.state.redis_server import RedisServer, find_program

UNIX = 1_800_000_000.0


class Hands:
    """A clock of Unix seconds that stands still."""

    def __init__(self) -> None:
        self.now = UNIX

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(scope="session")
def redis_program() -> str:
    """Program of Redis or Valkey."""
    program = find_program()
    if program is None:
        pytest.skip("neither redis-server nor valkey-server is installed; apt-get install redis-server runs these tests, too")
    return program


@pytest.fixture(scope="session")
def redis_server(redis_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A real server on loopback, for this run alone."""
    with RedisServer(redis_program, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def mortal(redis_program: str, tmp_path: Path) -> RedisServer:
    """A server that a test may kill or stop."""
    return RedisServer(redis_program, tmp_path)


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """An empty database."""
    redis_server.empty()
    return redis_server.url


@pytest.fixture(params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, hands: Hands) -> Iterator[StateStore]:
    """An empty store of each kind."""
    make: dict[str, Callable[[], StateStore]] = {
        "memory": lambda: MemoryStore(hands),
        "sqlite": lambda: SqliteStore(tmp_path / "state.sqlite", hands),
        "redis": lambda: RedisStore(request.getfixturevalue("redis_url"), now=hands),
    }
    made = make[request.param]()
    yield made
    made.close()


@pytest.fixture
def opened(tmp_path: Path, hands: Hands) -> Iterator[Callable[[], SqliteStore]]:
    """Opens the same file as often as asked, as so many processes would."""
    with ExitStack() as stack:

        def make() -> SqliteStore:
            made = SqliteStore(tmp_path / "state.sqlite", hands)
            stack.callback(made.close)
            return made

        yield make
