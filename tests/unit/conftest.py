"""One behaviour in all four forms of a call, and a configuration to try things on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from routerkit import Chunk, Reply, Request
from routerkit.config import prices
from routerkit.config.prices import find_facts
from routerkit.provider import Provider
from tests.unit.config_text import GOOD, KEY


@dataclass(frozen=True)
class Answer:
    """What a caller has in hand after a call, whichever form it took."""

    text: str
    finish_reason: str | None
    target: str
    record_id: str
    cost_usd: float | None
    cached_from: str | None
    cached_likeness: float | None


Call = Callable[[Provider, Request], Answer]


@pytest.fixture(params=["complete", "acomplete", "stream", "astream"])
def call(request: pytest.FixtureRequest) -> Call:
    """Run a request as `complete`, `acomplete`, `stream` and `astream`; the same assertions must hold."""
    return {"complete": _complete, "acomplete": _acomplete, "stream": _stream, "astream": _astream}[request.param]


def _complete(provider: Provider, request: Request) -> Answer:
    return _whole(provider.complete(request))


def _acomplete(provider: Provider, request: Request) -> Answer:
    return _whole(asyncio.run(_awaited(provider, request)))


def _stream(provider: Provider, request: Request) -> Answer:
    return _pieces(list(provider.stream(request)))


def _astream(provider: Provider, request: Request) -> Answer:
    return _pieces(asyncio.run(_collected(provider, request)))


async def _awaited(provider: Provider, request: Request) -> Reply:
    return await provider.acomplete(request)


async def _collected(provider: Provider, request: Request) -> list[Chunk]:
    return [chunk async for chunk in provider.astream(request)]


def _whole(reply: Reply) -> Answer:
    return Answer(reply.text, reply.finish_reason, *_facts(reply))


def _pieces(chunks: list[Chunk]) -> Answer:
    reasons = [c.finish_reason for c in chunks if c.finish_reason]
    return Answer("".join(c.text for c in chunks), reasons[-1] if reasons else None, *_facts(chunks[-1]))


def _facts(end: Reply | Chunk) -> tuple[str, str, float | None, str | None, float | None]:
    return end.target, end.record_id, end.cost_usd, end.cached_from, end.cached_likeness


@pytest.fixture
def no_price_map(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Prices of the configuration alone, and the key that `config_text.GOOD` refers to."""
    monkeypatch.setattr(prices, "map_path", lambda: None)
    monkeypatch.setenv("RK_TEST_KEY", KEY)
    find_facts.cache_clear()
    yield
    find_facts.cache_clear()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with `config_text.GOOD`."""
    path = tmp_path / "routerkit.toml"
    path.write_text(GOOD)
    return path
