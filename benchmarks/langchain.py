"""CPU of a LangChain call through ChatRouter and through its peers: same upstream, same messages, same run, interleaved rounds.

    python benchmarks/langchain.py [--calls 200] [--rounds 5] [--json OUT]

`LangChain alone` is its own fake model, which does nothing: callbacks and message objects that every chat model pays.
ChatLiteLLMRouter takes part where `langchain-litellm` is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from upstream import N_CHUNKS, upstream  # type: ignore[import-not-found]  # a script beside this one

os.environ.setdefault("LANGSMITH_TRACING", "false")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
QUESTION = "Explain what this function does: def f(x): return x * 2"
ALONE = "LangChain alone"
Call = Callable[[], Awaitable[object]]


def make_models(url: str) -> dict[str, object]:
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_openai import ChatOpenAI

    from langchain_routerkit import ChatRouter
    from routerkit import Policy, Pool, Price, Router, RouterState, Target
    from routerkit.providers.openai_compatible import OpenAICompatible

    targets = tuple(Target(f"t{i}", "up", "bench", context_tokens=100_000, price=Price(1 + i, 2 + i)) for i in range(3))
    policy = Policy("cheapest_adequate")
    router = Router(RouterState({"pool": Pool("pool", targets)}, {"up": OpenAICompatible(url, "sk-bench")}, {policy.name: policy}))

    def words() -> object:
        while True:
            yield AIMessage("word " * 40)

    return {
        "ChatRouter": ChatRouter(router=router, model="pool"),
        "ChatOpenAI": ChatOpenAI(model="bench", base_url=url, api_key="sk-bench", stream_usage=True, max_retries=0),
        ALONE: GenericFakeChatModel(messages=words()),
        **peers(url),
    }


def peers(url: str) -> dict[str, object]:
    """Other routers for LangChain, where they are installed."""
    if importlib.util.find_spec("langchain_litellm") is None:
        return {}
    import litellm
    from langchain_litellm import ChatLiteLLMRouter

    entries = [
        {"model_name": "pool", "litellm_params": {"model": "openai/bench", "api_key": "sk-bench", "api_base": url}} for _ in range(3)
    ]
    return {"ChatLiteLLMRouter": ChatLiteLLMRouter(router=litellm.Router(model_list=entries, num_retries=0), model_name="pool")}


def make_calls(models: dict[str, object]) -> dict[str, Call]:
    async def stream(model: object) -> None:
        async for _ in model.astream(QUESTION):
            pass

    whole = {name: (lambda model=model: model.ainvoke(QUESTION)) for name, model in models.items()}
    streamed = {f"stream: {name}": (lambda model=model: stream(model)) for name, model in models.items() if name != ALONE}
    return {**whole, **streamed}


async def measure(calls: dict[str, Call], n: int, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds per call, one value per round."""
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
    return samples


def report(samples: dict[str, list[float]]) -> None:
    print(f"{'path':<30}{'CPU us/call':>12}{'us/chunk':>10}{'of ChatOpenAI':>15}{'range over rounds':>20}")
    for name, values in samples.items():
        is_stream = name.startswith("stream")
        us, base = statistics.median(values), statistics.median(samples["stream: ChatOpenAI" if is_stream else "ChatOpenAI"])
        chunk = f"{us / N_CHUNKS:.1f}" if is_stream else ""
        print(f"{name:<30}{us:>12.0f}{chunk:>10}{us / base:>15.2f}{f'{min(values):.0f} to {max(values):.0f}':>20}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    args = parser.parse_args()

    async def run(url: str) -> dict[str, list[float]]:
        return await measure(make_calls(make_models(url)), args.calls, args.rounds)

    with upstream() as url:
        samples = asyncio.run(run(url))
    report(samples)
    if args.json:
        Path(args.json).write_text(json.dumps({"cpu_us": samples, "chunks": N_CHUNKS}, indent=2))


if __name__ == "__main__":
    main()
