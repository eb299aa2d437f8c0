"""CPU of one call through routerkit and through its peers: same upstream, same run, interleaved rounds. Read the ratios.

python benchmarks/calls.py [--calls 100] [--rounds 15] [--json OUT]
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import STREAM, Call, bench_router, ratio, run
from upstream import N_CHUNKS

from routerkit import Request
from routerkit.ledger import Ledger
from routerkit.providers.openai_compatible import OpenAICompatible

MESSAGES = [
    {"role": "system", "content": "You are a careful engineer."},
    {"role": "user", "content": "Explain what this function does: def f(x): return x * 2"},
]
ENGINE, WITH_LEDGER, PROVIDER, LITELLM = "routerkit Router", "routerkit Router + ledger", "routerkit provider alone", "litellm.Router"


def routerkit_calls(url: str, ledger: Ledger) -> dict[str, Call]:
    provider, router, recorded = OpenAICompatible(url, "sk-bench"), bench_router(url), bench_router(url, observers=[ledger])
    request = Request("pool", tuple(MESSAGES))
    direct = Request("bench", tuple(MESSAGES))

    async def stream() -> None:
        async for _ in router.astream(request):
            pass

    async def provider_stream() -> None:
        async for _ in provider.astream(direct):
            pass

    return {
        ENGINE: lambda: router.acomplete(request),
        WITH_LEDGER: lambda: recorded.acomplete(request),
        PROVIDER: lambda: provider.acomplete(direct),
        STREAM + ENGINE: stream,
        STREAM + PROVIDER: provider_stream,
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
        LITELLM: lambda: router.acompletion(model="pool", messages=MESSAGES),
        "stream: litellm.Router": stream,
    }


def make_calls(url: str, ledger: Ledger) -> dict[str, Call]:
    return {**routerkit_calls(url, ledger), **aiohttp_calls(url), **httpx_calls(url), **openai_calls(url), **litellm_calls(url)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        settle = {WITH_LEDGER: ledger.flush}  # its writer's thread belongs to its cost
        samples = run(__doc__, lambda url: make_calls(url, ledger), base="bare aiohttp", settle=settle)
    added = statistics.median(a - b for a, b in zip(samples[STREAM + ENGINE], samples[STREAM + PROVIDER], strict=True)) / N_CHUNKS
    print(f"\n{WITH_LEDGER} / litellm.Router = {ratio(samples, WITH_LEDGER, LITELLM):.3f}   engine adds {added:.1f} us per streamed chunk")


if __name__ == "__main__":
    main()
