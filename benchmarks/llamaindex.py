"""CPU that LlamaIndex's face adds to a routed call: same upstream, same router, same run, interleaved rounds.

    python benchmarks/llamaindex.py [--calls 200] [--rounds 5] [--json OUT]

`LlamaIndex alone` is its MockLLM: spans, events and response objects without any call, which every LLM class pays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from upstream import N_CHUNKS, upstream  # type: ignore[import-not-found]  # a script beside this one

QUESTION = "Explain what this function does: def f(x): return x * 2"
Call = Callable[[], Awaitable[object]]


def make_calls(url: str) -> dict[str, Call]:
    from llama_index.core.llms import ChatMessage, MockLLM

    from llama_index.llms.routerkit import RouterLLM
    from routerkit import Policy, Pool, Price, Request, Router, RouterState, Target
    from routerkit.providers.openai_compatible import OpenAICompatible

    targets = tuple(Target(f"t{i}", "up", "bench", context_tokens=100_000, price=Price(1 + i, 2 + i)) for i in range(3))
    policy = Policy("cheapest_adequate")
    router = Router(RouterState({"pool": Pool("pool", targets)}, {"up": OpenAICompatible(url, "sk-bench")}, {policy.name: policy}))
    request = Request("pool", ({"role": "user", "content": QUESTION},))
    messages, llm, mock = [ChatMessage(QUESTION, role="user")], RouterLLM(router=router, model="pool"), MockLLM(max_tokens=N_CHUNKS)

    async def engine_stream() -> None:
        async for _ in router.astream(request):
            pass

    async def llm_stream() -> None:
        async for _ in await llm.astream_chat(messages):
            pass

    async def mock_stream() -> None:
        async for _ in await mock.astream_chat([ChatMessage("word " * N_CHUNKS, role="user")]):
            pass

    return {
        "engine: Router.acomplete": lambda: router.acomplete(request),
        "RouterLLM.achat": lambda: llm.achat(messages),
        "LlamaIndex alone: MockLLM.achat": lambda: mock.achat(messages),
        "stream: Router.astream": engine_stream,
        "stream: RouterLLM.astream_chat": llm_stream,
        "stream: MockLLM.astream_chat": mock_stream,
    }


async def measure(calls: dict[str, Call], n: int, rounds: int) -> dict[str, float]:
    """Median over rounds of CPU microseconds per call."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for name, call in calls.items():
        for _ in range(3 if name.startswith("stream") else 20):
            await call()
    for _ in range(rounds):
        for name, call in calls.items():
            count = max(n // 20, 3) if name.startswith("stream") else n
            start = time.process_time()
            for _ in range(count):
                await call()
            samples[name].append((time.process_time() - start) / count * 1e6)
    return {name: statistics.median(values) for name, values in samples.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    args = parser.parse_args()

    async def run(url: str) -> dict[str, float]:
        return await measure(make_calls(url), args.calls, args.rounds)

    with upstream() as url:
        cpu_us = asyncio.run(run(url))
    print(f"{'path':<34}{'CPU us/call':>12}{'us/chunk':>10}")
    for name, us in cpu_us.items():
        print(f"{name:<34}{us:>12.0f}" + (f"{us / N_CHUNKS:>10.1f}" if name.startswith("stream") else ""))
    if args.json:
        Path(args.json).write_text(json.dumps({"cpu_us": cpu_us}, indent=2))


if __name__ == "__main__":
    main()
