"""CPU of one call through routerkit and through its peers: same upstream, same run, interleaved rounds. Read the ratios.

python benchmarks/calls.py [--calls 300] [--rounds 5] [--json OUT]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from upstream import N_CHUNKS, upstream

MESSAGES = [
    {"role": "system", "content": "You are a careful engineer."},
    {"role": "user", "content": "Explain what this function does: def f(x): return x * 2"},
]
Call = Callable[[], Awaitable[object]]


def routerkit_calls(url: str, folder: Path) -> dict[str, Call]:
    from routerkit import Policy, Pool, Price, Request, Router, RouterState, Target
    from routerkit.ledger import Ledger
    from routerkit.providers.openai_compatible import OpenAICompatible

    targets = tuple(Target(f"t{i}", "up", "bench", context_tokens=100_000, price=Price(1 + i, 2 + i)) for i in range(3))
    provider, policy = OpenAICompatible(url, "sk-bench"), Policy("cheapest_adequate")
    state = RouterState({"pool": Pool("pool", targets, policy.name)}, {"up": provider}, {policy.name: policy})
    router, recorded = Router(state), Router(state, observers=[Ledger(folder)])
    request = Request("pool", tuple(MESSAGES))
    direct = Request("bench", tuple(MESSAGES))

    async def stream() -> None:
        async for _ in router.astream(request):
            pass

    async def provider_stream() -> None:
        async for _ in provider.astream(direct):
            pass

    return {
        "routerkit Router": lambda: router.acomplete(request),
        "routerkit Router + ledger": lambda: recorded.acomplete(request),
        "routerkit provider alone": lambda: provider.acomplete(direct),
        "stream: routerkit Router": stream,
        "stream: routerkit provider alone": provider_stream,
    }


def aiohttp_calls(url: str) -> dict[str, Call]:
    import aiohttp

    session: list[aiohttp.ClientSession] = []

    async def post(body: dict[str, object]) -> aiohttp.ClientResponse:
        if not session:
            session.append(aiohttp.ClientSession(headers={"authorization": "Bearer sk-bench"}))
        return await session[0].post(url + "/chat/completions", json=body)

    async def whole() -> object:
        async with await post({"model": "bench", "messages": MESSAGES}) as response:
            return await response.json()

    async def stream() -> None:
        async with await post({"model": "bench", "messages": MESSAGES, "stream": True}) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    json.loads(line[6:])

    return {"bare aiohttp": whole, "stream: bare aiohttp": stream}


def httpx_calls(url: str) -> dict[str, Call]:
    import httpx

    client = httpx.AsyncClient(headers={"authorization": "Bearer sk-bench"})

    async def whole() -> object:
        return (await client.post(url + "/chat/completions", json={"model": "bench", "messages": MESSAGES})).json()

    return {"bare httpx": whole}


def openai_calls(url: str) -> dict[str, Call]:
    from openai import AsyncOpenAI

    client = AsyncOpenAI(base_url=url, api_key="sk-bench", max_retries=0)

    async def stream() -> None:
        async for _ in await client.chat.completions.create(model="bench", messages=MESSAGES, stream=True):
            pass

    return {"openai SDK": lambda: client.chat.completions.create(model="bench", messages=MESSAGES), "stream: openai SDK": stream}


def litellm_calls(url: str) -> dict[str, Call]:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    import litellm

    def group() -> dict[str, object]:
        return {"model_name": "pool", "litellm_params": {"model": "openai/bench", "api_base": url, "api_key": "sk-bench"}}

    router = litellm.Router(model_list=[group(), group(), group()], num_retries=0)
    plain = {"model": "openai/bench", "api_base": url, "api_key": "sk-bench", "messages": MESSAGES, "num_retries": 0, "max_retries": 0}

    async def stream() -> None:
        async for _ in await router.acompletion(model="pool", messages=MESSAGES, stream=True):
            pass

    return {
        "litellm.acompletion": lambda: litellm.acompletion(**plain),
        "litellm.Router": lambda: router.acompletion(model="pool", messages=MESSAGES),
        "stream: litellm.Router": stream,
    }


async def measure(calls: dict[str, Call], n: int, rounds: int) -> dict[str, float]:
    """Median over rounds of CPU microseconds per call."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        for _ in range(5 if name.startswith("stream") else 30):
            await call()
    for _ in range(rounds):
        for name, call in calls.items():
            count = max(n // 20, 5) if name.startswith("stream") else n
            start = time.process_time()
            for _ in range(count):
                await call()
            samples[name].append((time.process_time() - start) / count * 1e6)
    return {name: statistics.median(values) for name, values in samples.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    args = parser.parse_args()
    with upstream() as url, tempfile.TemporaryDirectory() as folder:
        calls = {**routerkit_calls(url, Path(folder)), **aiohttp_calls(url), **httpx_calls(url), **openai_calls(url), **litellm_calls(url)}
        cpu_us = asyncio.run(measure(calls, args.calls, args.rounds))
    base, stream_base = cpu_us["bare aiohttp"], cpu_us["stream: bare aiohttp"]
    print(f"{'path':<34}{'CPU us/call':>12}{'x bare':>9}{'us/chunk':>10}")
    for name, us in cpu_us.items():
        per_chunk = f"{us / N_CHUNKS:>10.1f}" if name.startswith("stream") else ""
        print(f"{name:<34}{us:>12.0f}{us / (stream_base if per_chunk else base):>9.2f}{per_chunk}")
    added = (cpu_us["stream: routerkit Router"] - cpu_us["stream: routerkit provider alone"]) / N_CHUNKS
    share = cpu_us["routerkit Router"] / cpu_us["litellm.Router"]
    print(f"\nrouterkit / litellm.Router = {share:.3f}   engine adds {added:.1f} us per streamed chunk")
    if args.json:
        Path(args.json).write_text(json.dumps({"cpu_us": cpu_us, "added_us_per_chunk": added}, indent=2))


if __name__ == "__main__":
    main()
