"""What the gateway costs: one run, one machine, one upstream; Portkey and LiteLLM's proxy beside it when they are there.

    python benchmarks/gateway/run.py [--seconds 4] [--rounds 3] [--portkey FOLDER] [--litellm BIN] [--json OUT]

Needs a C compiler: upstream and load generator are C, because a Python one would be what is measured. CPU is that of the server's whole
process tree, from /proc, over a fixed time of closed-loop load; rounds are interleaved and the median is shown. To have the others, too:

    npm install --prefix FOLDER @portkey-ai/gateway@1.15.2    # see docs/gateway-speed.md for the overrides that make its streams work
    uv venv VENV && uv pip install --python VENV 'litellm[proxy]'      # then --litellm VENV/bin/litellm
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import CONFIG, Server, litellm, portkey, routerkit, upstream

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """One kind of traffic."""

    name: str
    body: str
    connections: int


LOADS = (
    Load("unary c=1", "small", 1),
    Load("unary c=64", "small", 64),
    Load("40 kB c=64", "large", 64),
    Load("stream c=1", "stream", 1),
    Load("stream c=16", "stream", 16),
    Load("stream c=500", "stream", 500),
)


@dataclass(frozen=True)
class Result:
    """What one load on one server came to."""

    cpu_us: float
    """CPU of the server per answer."""
    answered: int
    errors: int
    p50_us: float
    p99_us: float
    first_p50_us: float


def compiled(folder: Path, name: str) -> Path:
    """Binary of a C source of this folder."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit("no C compiler found (cc, gcc or clang); install one, or name it in CC")
    binary = folder / name
    subprocess.run([compiler, "-O2", "-pthread", "-o", binary, HERE / f"{name}.c"], check=True)
    return binary


def write_bodies(folder: Path, model: str) -> None:
    """The three requests of the benchmark, for one server's name of the model."""
    question = {"role": "user", "content": "Explain what this function does, in one sentence, and name one thing that could be better."}
    code = ("def port(x):\n    return x + 1  # a line of legacy code that is to be ported\n" * 700)[:39_000]
    system = {"role": "system", "content": "You are a helpful engineer."}
    small = {"model": model, "messages": [system, question], "temperature": 0.2, "max_tokens": 200}
    large = {**small, "messages": [system, {"role": "user", "content": f"Explain this:\n{code}"}]}
    for name, body in {"small": small, "large": large, "stream": {**small, "stream": True}}.items():
        (folder / f"{name}.json").write_text(json.dumps(body, separators=(",", ":")))


def measure(load: Path, server: Server, bodies: Path, traffic: Load, seconds: float) -> Result:
    """Put load on a server and see what it costs."""
    headers = [f"{name}: {value}" for name, value in server.headers.items()]
    command = [load, server.port, server.path, bodies / f"{traffic.body}.json", seconds, traffic.connections, 0.5, *headers]
    before = server.cpu_s()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    time.sleep(0.3)  # what the ledger's thread still has to write belongs to it
    spent_s, said = server.cpu_s() - before, json.loads(done.stdout)
    if said["errors"]:
        print(f"{server.name}, {traffic.name}: {said['errors']} errors, first: {done.stderr[:200]!r}", file=sys.stderr)
    per_answer_us = spent_s / max(said["answered"], 1) * 1e6
    latency, first = said["latency_us"], said["first_us"]
    return Result(per_answer_us, said["answered"], said["errors"], latency["p50"], latency["p99"], first["p50"])


def middle(results: list[Result]) -> Result:
    """Median of each figure over the rounds; answers and errors are added up."""
    return Result(
        statistics.median(r.cpu_us for r in results),
        sum(r.answered for r in results),
        sum(r.errors for r in results),
        statistics.median(r.p50_us for r in results),
        statistics.median(r.p99_us for r in results),
        statistics.median(r.first_p50_us for r in results),
    )


def show(servers: list[Server], found: dict[tuple[str, str], list[Result]]) -> None:
    """Print a table in Markdown: CPU, and what each server adds to the upstream's own times, which stand in brackets."""
    print("| server | load | CPU µs/answer | × routerkit | added p50 ms | added p99 ms | added first event ms | n | errors |")
    print("|---|---|---|---|---|---|---|---|---|")
    for traffic in LOADS:
        bare, own = middle(found["upstream", traffic.name]), middle(found["routerkit", traffic.name])
        for server in servers:
            result = middle(found[server.name, traffic.name])
            shown = [f"({ms:.2f})" for ms in times_ms(bare)] if server is servers[0] else added(result, bare)
            cells = [server.name, traffic.name, f"{result.cpu_us:.0f}", f"{result.cpu_us / own.cpu_us:.2f}", *shown]
            print(f"| {' | '.join(cells)} | {result.answered:,} | {result.errors} |")


def times_ms(result: Result) -> list[float]:
    """Its times in milliseconds."""
    return [us / 1e3 for us in (result.p50_us, result.p99_us, result.first_p50_us)]


def added(result: Result, bare: Result) -> list[str]:
    """Milliseconds beyond the upstream's own."""
    return [f"{ms - bare_ms:.2f}" for ms, bare_ms in zip(times_ms(result), times_ms(bare), strict=True)]


@contextmanager
def running(args: argparse.Namespace, folder: Path) -> Iterator[list[Server]]:
    """Every server that there is, started."""
    with ExitStack() as stack:
        bare = stack.enter_context(upstream(compiled(folder, "upstream")))
        servers = [bare, stack.enter_context(routerkit(folder, CONFIG.format(port=bare.port)))]
        if args.portkey:
            servers.append(stack.enter_context(portkey(args.portkey, bare.port)))
        if args.litellm:
            servers.append(stack.enter_context(litellm(args.litellm, folder, bare.port)))
        yield servers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load, per server, traffic and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--portkey", type=Path, help="folder that holds its node_modules")
    parser.add_argument("--litellm", type=Path, help="its command")
    parser.add_argument("--json", type=Path, help="write every round's figures to this file")
    args = parser.parse_args()
    found: dict[tuple[str, str], list[Result]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load = compiled(folder, "load")
        with running(args, folder) as servers:
            for server in servers:
                (folder / "bodies" / server.name).mkdir(parents=True)
                write_bodies(folder / "bodies" / server.name, server.model)
                print(f"{server.name}: ready after {server.start_cpu_s:.2f} s CPU, {server.memory_mb():.0f} MB", file=sys.stderr)
            for _ in range(args.rounds):
                for traffic in LOADS:
                    for server in servers:
                        result = measure(load, server, folder / "bodies" / server.name, traffic, args.seconds)
                        found.setdefault((server.name, traffic.name), []).append(result)
            show(servers, found)
    if args.json:
        args.json.write_text(
            json.dumps({f"{s}: {t}": [vars(r) for r in results] for (s, t), results in found.items()}, indent=2) + "\n", "utf-8"
        )


if __name__ == "__main__":
    main()
