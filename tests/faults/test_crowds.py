"""Five hundred streams at once (row R1): nobody is lost, and the event loop never works for others for long."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest

from routerkit import Policy, Pool, Request, Router, RouterState
from routerkit.messages import Chunk, Reply, Usage
from routerkit.testing import make_target
from tests.faults.fronts import served

N_STREAMS: Final = 500
N_WORDS: Final = 20


class Talking:
    """A provider that streams words, and measures how long its event loop works for others before each."""

    keeps_deadline = True

    def __init__(self) -> None:
        self.lags_s: list[float] = []

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        for n in range(N_WORDS):
            before = time.thread_time()  # of the loop's thread, so that a busy machine does not count
            await asyncio.sleep(0.005)
            self.lags_s.append(time.thread_time() - before)
            yield Chunk(text=f"word{n} ")
        yield Chunk(finish_reason="stop")
        yield Chunk(usage=Usage(5, N_WORDS))

    async def acomplete(self, request: Request) -> Reply:
        raise NotImplementedError

    def complete(self, request: Request) -> Reply:
        raise NotImplementedError

    def stream(self, request: Request) -> Iterator[Chunk]:
        raise NotImplementedError


@pytest.fixture
def _many_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.usefixtures("_many_files")
def test_r1_500_streams_at_once_are_whole_and_the_loop_stays_quick() -> None:
    talking = Talking()
    pool = Pool("pool", (make_target("t"),), "fallback")
    router = Router(RouterState({"pool": pool}, {"t": talking}, {"fallback": Policy("fallback", "fallback")}))
    with served(router) as port:
        texts = asyncio.run(_all_at_once(port))
    assert N_STREAMS == sum("data: [DONE]" in text and f"word{N_WORDS - 1} " in text for text in texts)
    # The median: that all of them begin at the same moment takes a while, and is no fault.
    assert sorted(talking.lags_s)[len(talking.lags_s) // 2] < 0.1


async def _all_at_once(port: int) -> list[str]:
    return await asyncio.gather(*[_streamed(port) for _ in range(N_STREAMS)])


async def _streamed(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"model": "pool", "messages": [{"role": "user", "content": "hi"}], "stream": True}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
    writer.write(head + body)
    said = await reader.read(-1)
    writer.close()
    return said.decode()
