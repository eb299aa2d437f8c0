"""Stores of every kind, each empty, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from routerkit.state.interface import StateStore
from routerkit.state.memory import MemoryStore
from routerkit.state.sqlite import SqliteStore

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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path, hands: Hands) -> Iterator[StateStore]:
    """An empty store of each kind."""
    made = MemoryStore(hands) if request.param == "memory" else SqliteStore(tmp_path / "state.sqlite", hands)
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
