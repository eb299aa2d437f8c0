"""What workers on one Redis wait for: news of a conversation before a call, the claim before an answer is made, the answer of another one.

Run `python benchmarks/shared_state.py [--calls N] [--rounds N]`; needs redis-server or valkey-server, which it starts on loopback. The
provider answers at once, so that all of the time is ours. Calls begin at random, 50 a second, whatever became of those before.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from routerkit import Policy, Pool, Price, Reply, Request, Router, RouterState, Target, Usage
from routerkit.cache import AnswerCache, CachingRouter
from routerkit.cache.redis import RedisShelf
from routerkit.cache.shelf import ShelfThread
from routerkit.cache.tower import Tower
from routerkit.state.redis import RedisStore
from tests.state.redis_server import RedisServer, find_program

Call = Callable[[], Awaitable[object]]
MESSAGES = tuple({"role": "user", "content": f"turn {i}: " + "please go on " * 40} for i in range(20))
ASK = Request(model="pool", messages=MESSAGES, temperature=0.0, max_tokens=100)
PRICES = (Price(3.0, 15.0, cached_input=0.3), Price(1.0, 5.0, cached_input=0.1))
PER_S = 50
SLOW_S = 1.0
"""Of the answer that others wait for."""


class Instant:
    """Answers at once, or after this many seconds."""

    keeps_deadline = True

    def __init__(self, after_s: float = 0.0) -> None:
        self.after_s = after_s

    async def acomplete(self, request: Request) -> Reply:
        """The same each time."""
        if self.after_s:
            await asyncio.sleep(self.after_s)
        return Reply("fine", finish_reason="stop", usage=Usage(5_000, 100, cached_input_tokens=4_500))

    def complete(self, request: Request) -> Reply:
        """Not used here."""
        raise NotImplementedError

    stream = astream = complete


def state(after_s: float = 0.0) -> RouterState:
    targets = tuple(Target(f"t{i}", "p", "m", price=price) for i, price in enumerate(PRICES))
    return RouterState({"pool": Pool("pool", targets)}, {"p": Instant(after_s)}, {"cheapest_adequate": Policy("cheapest_adequate")})


def router(stack: ExitStack, url: str | None) -> Router:
    made = stack.enter_context(Router(state()))
    if url is not None:
        made.share(RedisStore(url))
    return made


def caching(stack: ExitStack, url: str | None, *, is_shared: bool = True, after_s: float = 0.0) -> CachingRouter:
    made = CachingRouter(state(after_s))
    thread = None if url is None else ShelfThread(lambda: RedisShelf(url))
    made.remember(AnswerCache(shelf=thread, tower=Tower(thread) if thread is not None and is_shared else None))
    return stack.enter_context(made)


def calls(stack: ExitStack, url: str) -> Mapping[str, Call]:
    alone, shared, pair = router(stack, None), router(stack, url), itertools.cycle([router(stack, url), router(stack, url)])
    sessions, numbers = (str(i % 50) for i in itertools.count()), itertools.count()
    in_memory, kept, claimed = caching(stack, None), caching(stack, url, is_shared=False), caching(stack, url)

    def turn() -> Request:
        return replace(ASK, session=next(sessions))

    def new() -> Request:
        return replace(ASK, max_tokens=1 + next(numbers))

    return {
        "no store": lambda: alone.acomplete(ASK),
        "no store, session": lambda: alone.acomplete(turn()),
        "Redis, no session": lambda: shared.acomplete(ASK),
        "Redis, session, same worker": lambda: shared.acomplete(turn()),
        "Redis, session, two workers in turn": lambda: next(pair).acomplete(turn()),
        "miss, cache in memory": lambda: in_memory.acomplete(new()),
        "miss, cache in Redis, unclaimed": lambda: kept.acomplete(new()),
        "miss, cache in Redis": lambda: claimed.acomplete(new()),
    }


async def timed(call: Call, n: int, dice: random.Random) -> tuple[list[float], float]:
    """Microseconds on the clock of each call, and of CPU per call."""
    seconds: list[float] = []

    async def one() -> None:
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)

    async with asyncio.TaskGroup() as group:
        cpu = time.process_time()
        for _ in range(n):
            group.create_task(one())
            await asyncio.sleep(dice.expovariate(PER_S))
    return [1e6 * s for s in seconds], 1e6 * (time.process_time() - cpu) / n


async def compare(named: Mapping[str, Call], n: int, rounds: int) -> None:
    """Print a table; rounds are interleaved."""
    clock: dict[str, list[float]] = {name: [] for name in named}
    cpus: dict[str, list[float]] = {name: [] for name in named}
    dice = random.Random(1)
    for round_ in range(-1, rounds):  # the first one warms up
        for name, call in named.items():
            us, cpu = await timed(call, n, dice)
            if round_ >= 0:
                clock[name] += us
                cpus[name].append(cpu)
    print(f"{PER_S} a second, n = {n * rounds} calls each")
    print(f"{'call':<40}{'p50 us':>10}{'p95 us':>10}{'p99 us':>10}{'CPU us':>10}")
    for name, values in clock.items():
        cuts = statistics.quantiles(values, n=100)
        print(f"{name:<40}{cuts[49]:>10.0f}{cuts[94]:>10.0f}{cuts[98]:>10.0f}{statistics.median(cpus[name]):>10.0f}")


async def following(stack: ExitStack, url: str, n: int) -> Iterator[float]:
    """Milliseconds by which the answer that another worker waits for comes later to it."""
    first, second = caching(stack, url, after_s=SLOW_S), caching(stack, url, after_s=SLOW_S)

    async def once(number: int) -> float:
        ask = replace(ASK, max_tokens=1_000_000 + number)

        async def ended(worker: Router, wait_s: float) -> float:
            await asyncio.sleep(wait_s)
            await worker.acomplete(ask)
            return time.perf_counter()

        a, b = await asyncio.gather(ended(first, 0.0), ended(second, 0.1 + number / n / 10))
        return 1e3 * (b - a)

    return iter([await once(number) for number in range(n)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400, help="calls per round")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    program = find_program()
    if program is None:
        print("neither redis-server nor valkey-server is installed; apt-get install redis-server")
        return
    with tempfile.TemporaryDirectory() as folder, RedisServer(program, Path(folder)) as server, ExitStack() as stack:
        asyncio.run(compare(calls(stack, server.url), args.calls, args.rounds))
        late = sorted(asyncio.run(following(stack, server.url, 20)))
        print(f"answer after {SLOW_S:g} s, for the other worker later by: p50 {late[10]:.0f} ms, most {late[-1]:.0f} ms, n = {len(late)}")


if __name__ == "__main__":
    main()
