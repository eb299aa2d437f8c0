"""What the engine itself costs: deciding, whole calls, streamed chunks and the import, over a provider that answers at once.

Run `python benchmarks/engine.py [--json OUT]`; takes under 20 seconds. Every time is also given as a multiple of a calibration loop
(adding up 1,000 integers), so that numbers from different machines can be compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from routerkit import (
    POLICY_KINDS,
    TASK_KINDS,
    Cell,
    Chunk,
    Json,
    Policy,
    PolicySettings,
    Pool,
    Price,
    Reply,
    Request,
    Router,
    RouterState,
    Scorecard,
    Target,
    Usage,
)
from routerkit.exploring import WEIGHS_QUALITY
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.predictor import N_SLOTS, Gate, Predictor, word_vector
from routerkit.provider import Provider

CHUNKS = 500
LONG = 400_000
PROSE = "Please explain what the following text says about the quick brown fox. " * (LONG // 71 + 1)
CODE = "def total(items: list[int]) -> int:\n    return sum(i for i in items if i > 0)\n\n" * (LONG // 80 + 1)
ACCENTED = "    summe = summe + größe  # Zwischenergebnis für später prüfen\n" * (LONG // 64 + 1)

BUDGETS_US = {
    "decide, 50 targets": 100.0,
    "decide, 400,000 characters": 1_000.0,
    "decide with a predictor": 1_000.0,
    "per streamed chunk": 10.0,
    "import routerkit, CPU": 150_000.0,
}
"""Highest accepted median per kind of row, in microseconds."""


class Null:
    """Provider that answers at once."""

    keeps_deadline = True

    def __init__(self, chunks: int = CHUNKS) -> None:
        self.reply = Reply("fine", usage=Usage(10, 5), model="null")
        self.chunks = (*(Chunk(text="word ") for _ in range(chunks)), Chunk(finish_reason="stop", usage=Usage(10, 5)))

    def complete(self, request: Request) -> Reply:
        """The one reply."""
        return self.reply

    async def acomplete(self, request: Request) -> Reply:
        """The one reply."""
        return self.reply

    def stream(self, request: Request) -> Iterator[Chunk]:
        """All chunks."""
        yield from self.chunks

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """All chunks."""
        for chunk in self.chunks:
            yield chunk


def median_us(action: Callable[[], object], seconds: float = 0.25) -> float:
    """Median time of one run, in microseconds, over at least 20 runs and about so many seconds."""
    action()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 20:
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1e6


def calibrate() -> float:
    """Median time of adding up 1,000 integers in Python, in microseconds."""

    def loop() -> int:
        total = 0
        for i in range(1_000):
            total += i
        return total

    return median_us(loop)


def router(n: int, kind: str, provider: Provider) -> Router:
    """Router over a measured pool of n targets."""
    targets = tuple(Target(f"t{i}", "null", f"model-{i}", 2_000_000, price=Price(1.0 + i, 4.0 + i)) for i in range(n))
    cells = tuple(Cell(t.name, k, 40, 20.0 + i % 20, None, 2.0, 300.0) for i, t in enumerate(targets) for k in TASK_KINDS[:2])
    state = RouterState({"pool": Pool("pool", targets, kind)}, {"null": provider}, {kind: Policy(kind, kind)}, scorecard=Scorecard(cells))
    return Router(state)


def ask(text: str = "Fix the failing test in parser.py") -> Request:
    """Request with one user message."""
    return Request("pool", ({"role": "user", "content": text},))


def deciding() -> Iterator[tuple[str, float]]:
    for n in (3, 50):
        for kind in POLICY_KINDS:
            engine, request = router(n, kind, Null()), ask()
            yield f"decide, {n} targets, {kind}", median_us(partial(engine.decide, request))


def deciding_by_more() -> Iterator[tuple[str, float]]:
    """Thompson sampling, and a planned cascade whose plan is priced for the request."""
    for kind in WEIGHS_QUALITY:
        engine = router(50, kind, Null())
        exploring = Policy(kind, kind, PolicySettings(explore_share=0.1, explore_by="thompson"))
        engine.swap(replace(engine.state, policies={kind: exploring}))
        yield f"decide, 50 targets, {kind}, exploring", median_us(partial(engine.decide, ask()))
    engine = router(50, "cascade", Null())
    patterns = tuple(Pattern(5, tuple(map(float, f"{i:06b}")), (0.01, 0.02, 0.05, 0.1, 0.3, 1.0)) for i in range(64))
    joint = JointOutcomes(TASK_KINDS[0], tuple(f"t{i}" for i in range(6)), patterns)
    checked = VerifierCounts("c", TASK_KINDS[0], n_right=200, n_right_accepted=190, n_wrong=200, n_wrong_accepted=10)
    planning = Policy("cascade", "cascade", PolicySettings(verify=("c",), quality_floor=0.6))
    card = replace(engine.state.scorecard, joint=(joint,), verifiers=(checked,))
    engine.swap(replace(engine.state, policies={"cascade": planning}, scorecard=card))
    yield "decide, 50 targets, cascade, planned", median_us(partial(engine.decide, replace(ask(), kind=TASK_KINDS[0])))


def deciding_with_more() -> Iterator[tuple[str, float]]:
    """A prompt of 2,000 characters: plain, in a session with a warm cache, and with a predictor that speaks about three targets."""
    null, text = Null(), "Fix the failing test in parser.py. " + PROSE[:2_000]
    null.reply = Reply("fine", usage=Usage(100_000, 5), model="null")
    engine, request = router(50, "cheapest_adequate", null), replace(ask(text), session="s")
    yield "decide, 50 targets, 2,000 characters", median_us(partial(engine.decide, request))
    engine.complete(request)
    yield "decide, 50 targets, 2,000 characters, warm session", median_us(partial(engine.decide, request))
    flat = array("f", [1.0]) * N_SLOTS
    gate = Gate(frozenset({"bug_fix"}), n_labels=400, gain=0.02, gain_low=0.01, scale=1.0, reach=0.1, is_open=True)
    heads = {f"t{i}": array("f", [0.01 * i] * N_SLOTS) for i in range(3)}
    engine.swap(replace(engine.state, predictor=Predictor(heads, flat, (word_vector(text, flat),), (gate,))))
    yield "decide with a predictor, 2,000 characters", median_us(partial(engine.decide, request))


def deciding_on_long_prompts() -> Iterator[tuple[str, float]]:
    engine = router(3, "cheapest_adequate", Null())
    call: Json = {"id": "1", "type": "function", "function": {"name": "write", "arguments": CODE[:LONG]}}
    written = Request("pool", (*ask().messages, {"role": "assistant", "content": None, "tool_calls": [call]}))
    parts = Request("pool", ({"role": "user", "content": [{"type": "text", "text": CODE[:LONG]}]},))
    many = Request("pool", tuple({"role": "user", "content": CODE[: LONG // 200]} for _ in range(200)))
    cases = {
        "prose": ask(PROSE[:LONG]),
        "code": ask(CODE[:LONG]),
        "accented code": ask(ACCENTED[:LONG]),
        "content parts": parts,
        "tool call": written,
        "200 messages": many,
    }
    for name, request in cases.items():
        yield f"decide, 400,000 characters, {name}", median_us(partial(engine.decide, request))


def calling() -> Iterator[tuple[str, float]]:
    null, loop = Null(), asyncio.new_event_loop()
    engine, request = router(3, "cheapest_adequate", null), ask()

    def a(provider: Provider) -> Callable[[], object]:
        return lambda: loop.run_until_complete(provider.acomplete(request))

    yield "overhead of a whole call", median_us(lambda: engine.complete(request)) - median_us(lambda: null.complete(request))
    yield "overhead of a whole async call", median_us(a(engine)) - median_us(a(null))
    loop.close()


def streaming() -> Iterator[tuple[str, float]]:
    """Cost per chunk = (router - null) / chunks, the fixed cost of a call taken out."""
    loop, request = asyncio.new_event_loop(), ask()

    async def read(provider: Provider) -> None:
        async for _ in provider.astream(request):
            pass

    def drain(provider: Provider) -> None:
        for _ in provider.stream(request):
            pass

    def adrain(provider: Provider) -> None:
        loop.run_until_complete(read(provider))

    for form, run in (("sync", drain), ("async", adrain)):
        costs = {}
        for n in (1, CHUNKS):
            null = Null(n)
            engine = router(3, "cheapest_adequate", null)
            costs[n] = median_us(partial(run, engine)) - median_us(partial(run, null))
        yield f"per streamed chunk, {form}", (costs[CHUNKS] - costs[1]) / (CHUNKS - 1)
    loop.close()


def importing() -> Iterator[tuple[str, float]]:
    """CPU time of `import routerkit` in a fresh interpreter with its bytecode cached, as after an installation; least of seven."""
    code = "import time; a = time.process_time(); import routerkit; print(time.process_time() - a)"
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": folder, "PYTHONDONTWRITEBYTECODE": ""}
        run = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30, env=env)
        yield "import routerkit, CPU", min(float(run().stdout) for _ in range(7)) * 1e6


def over_budget(rows: Mapping[str, float]) -> list[str]:
    """Rows whose median is above their budget."""
    return [name for name, us in rows.items() for start, most in BUDGETS_US.items() if name.startswith(start) and us > most]


def main() -> int:
    """Measure, print a table, write JSON; exit status 1 when a budget is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--strict", action="store_true", help="fail when a budget is exceeded")
    args = parser.parse_args()
    started, unit = time.perf_counter(), calibrate()
    rows: dict[str, float] = {}
    print(f"{'row':<52} {'median µs':>10} {'x loop':>8}")
    for part in (deciding, deciding_by_more, deciding_with_more, deciding_on_long_prompts, calling, streaming, importing):
        for name, us in part():
            rows[name] = us
            print(f"{name:<52} {us:>10.1f} {us / unit:>8.2f}", flush=True)
    late = over_budget(rows)
    print(f"calibration loop {unit:.1f} µs; took {time.perf_counter() - started:.1f} s; over budget: {', '.join(late) or 'none'}")
    if args.json:
        args.json.write_text(json.dumps({"unit_us": unit, "median_us": rows, "over_budget": late}, indent=1) + "\n", "utf-8")
    return 1 if late and args.strict else 0


if __name__ == "__main__":
    sys.exit(main())
