"""One worker of several that get the same question at once, run as a process of its own: `flying.py URL CALLS`.

Prints the texts of the answers and how many of them repeat another call's. Its provider says in Redis that it was asked (list `asked`) and
answers when there is something in the list `gate`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from redis import Redis

from routerkit import Chunk, Reply, Request, load

CONFIG = """
[providers.gated]
kind = "tests.state.flying:Gated"
url = "{url}"
[targets.a]
provider = "gated"
model = "m"
[pools.pool]
targets = ["a"]
policy = "fallback"
[cache]
url = "{url}"
"""
ASK = Request(model="pool", messages=({"role": "user", "content": "hello"},), temperature=0.0)


class Gated:
    """Answers once the gate is open."""

    def __init__(self, url: str) -> None:
        self._url = url

    def complete(self, request: Request) -> Reply:
        with Redis.from_url(self._url, socket_timeout=60) as redis:
            redis.rpush("asked", os.getpid())
            redis.brpoplpush("gate", "gate", 30)
        return Reply("shared", finish_reason="stop")

    async def acomplete(self, request: Request) -> Reply:
        return await asyncio.to_thread(self.complete, request)

    def stream(self, request: Request) -> Iterator[Chunk]:
        raise NotImplementedError

    def astream(self, request: Request) -> AsyncIterator[Chunk]:
        raise NotImplementedError


async def main(url: str, n_calls: int) -> None:
    """Ask the same so often at once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "routerkit.toml"
        path.write_text(CONFIG.format(url=url))
        with load(path) as router:
            replies = await asyncio.gather(*(router.acomplete(ASK) for _ in range(n_calls)))
    sys.stdout.write(f"{' '.join({r.text for r in replies})} {sum(r.cached_from is not None for r in replies)}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
