"""How the benchmarks of whole calls measure: CPU of this process per call, interleaved rounds, ratios within each round.

A ratio is the median over rounds of call / base *in the same round*: on a shared machine both halves of a pair are slowed alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from upstream import N_CHUNKS, upstream

from routerkit import Observer, Policy, Pool, Price, Router, RouterState, Target
from routerkit.providers.openai_compatible import OpenAICompatible

Call = Callable[[], Awaitable[object]]
Samples = dict[str, list[float]]
STREAM = "stream: "
"""Starts the name of every streamed call."""


def bench_router(url: str, *, observers: Iterable[Observer] = ()) -> Router:
    """Router over three priced targets of the upstream; its pool is called `pool`."""
    targets = tuple(Target(f"t{i}", "up", "bench", context_tokens=100_000, price=Price(1 + i, 2 + i)) for i in range(3))
    policy = Policy("cheapest_adequate")
    state = RouterState({"pool": Pool("pool", targets)}, {"up": OpenAICompatible(url, "sk-bench")}, {policy.name: policy})
    return Router(state, observers=tuple(observers))


async def measure(calls: Mapping[str, Call], n: int, rounds: int, settle: Mapping[str, Callable[[], object]]) -> Samples:
    """CPU microseconds per call, one value per round; `settle` is work left over by a round that belongs to its cost."""
    samples: Samples = {name: [] for name in calls}
    order, dice = list(calls), random.Random(1)
    for round_ in range(-1, rounds):  # the first one warms up
        dice.shuffle(order)  # nobody always follows the one that empties the caches
        for name in order:
            gc.collect()
            gc.freeze()  # what the other libraries keep is nobody's cost
            us = await _one_round(calls[name], max(n // 20, 3) if name.startswith(STREAM) else n, settle.get(name))
            if round_ >= 0:
                samples[name].append(us)
    return samples


async def _one_round(call: Call, n: int, settle: Callable[[], object] | None) -> float:
    await call()
    start = time.process_time()
    for _ in range(n):
        await call()
    if settle is not None:
        settle()
    return (time.process_time() - start) / n * 1e6


def ratio(samples: Samples, name: str, base: str) -> float:
    """Median over rounds of one call's cost as a multiple of another's."""
    return statistics.median([a / b for a, b in zip(samples[name], samples[base], strict=True)])


def report(samples: Samples, base: str) -> None:
    """Print a table; streams are compared with the stream of the base."""
    print(f"{'path':<34}{'CPU us/call':>12}{'us/chunk':>10}{'x base':>9}{'range over rounds':>20}   base: {base}")
    for name, values in samples.items():
        is_stream, us = name.startswith(STREAM), statistics.median(values)
        chunk = f"{us / N_CHUNKS:.1f}" if is_stream else ""
        times = ratio(samples, name, STREAM + base if is_stream else base)
        print(f"{name:<34}{us:>12.0f}{chunk:>10}{times:>9.2f}{f'{min(values):.0f} to {max(values):.0f}':>20}")


def run(
    doc: str | None, make: Callable[[str], Mapping[str, Call]], *, base: str, settle: Mapping[str, Callable[[], object]] | None = None
) -> Samples:
    """Command line of a benchmark: measure what `make` returns for the upstream's address, print and write the result.

    Args:
        doc: The script's docstring.
        make: Calls by name.
        base: Name of the call that the others are compared with.
        settle: See `measure`; may be filled by `make`.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="whole calls per round")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write every round's value to this file")
    args = parser.parse_args()
    with upstream() as url:
        samples = asyncio.run(measure(make(url), args.calls, args.rounds, settle or {}))
    report(samples, base)
    if args.json:
        args.json.write_text(json.dumps({"cpu_us": samples, "chunks": N_CHUNKS}, indent=2) + "\n", "utf-8")
    return samples
