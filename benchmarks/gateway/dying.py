"""A provider dies under load, and comes back: what the callers of the gateway see of it.

    python benchmarks/gateway/dying.py [--seconds 12] [--connections 32]

Two providers answer after 30 ms; all calls go to the first one while it is fit. After a quarter of the time it is killed with SIGKILL,
with calls under way; after half of the time it is started again. Needs a C compiler, for the load generator.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Final

from run import compiled, write_bodies
from servers import Server, free_port, routerkit, wait_for

ANSWER_S: Final = 0.03
CONFIG: Final = """
[providers.first]
kind = "openai"
base_url = "http://127.0.0.1:{first}/v1"
api_key = "env:UPSTREAM_KEY"

[providers.second]
kind = "openai"
base_url = "http://127.0.0.1:{second}/v1"
api_key = "env:UPSTREAM_KEY"

[targets.first]
provider = "first"
model = "bench"
usd_per_mtok = {{ input = 0.15, output = 0.60 }}

[targets.second]
provider = "second"
model = "bench"
usd_per_mtok = {{ input = 0.30, output = 1.20 }}

[pools.coding]
targets = ["first", "second"]
policy = "fallback"

[ledger]
path = "data"
"""
_EVENT: Final = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "bench"}


class _Provider(asyncio.Protocol):
    """Answers whole or streamed, in one piece."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.read = transport, b""

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, found, body = self.read.partition(b"\r\n\r\n")
        if found and len(body) >= int(re.search(rb"(?i)content-length: (\d+)", head)[1]):
            self.read = b""
            kind, answer = (b"text/event-stream", _events()) if b'"stream":true' in body else (b"application/json", _whole())
            head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n" % (kind, len(answer))
            asyncio.get_running_loop().call_later(ANSWER_S, self.transport.write, head + answer)


def _whole() -> bytes:
    message = {"role": "assistant", "content": "It adds one word."}
    usage = {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json.dumps({"id": "c", "object": "chat.completion", "created": 1, "model": "bench", "choices": choices, "usage": usage}).encode()


def _events() -> bytes:
    deltas = [({"role": "assistant", "content": ""}, None), ({"content": "It adds one word."}, None), ({}, "stop")]
    events = [{**_EVENT, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas]
    return b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"


async def provide(port: int) -> None:
    """Be a provider."""
    server = await asyncio.get_running_loop().create_server(_Provider, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


def started(port: int) -> subprocess.Popen[bytes]:
    """A provider in a process of its own."""
    process = subprocess.Popen([sys.executable, __file__, "--provider", str(port)])
    wait_for(port)
    return process


def attempts(server: Server) -> dict[str, int]:
    """Requests sent upstream so far, by target and outcome."""
    headers = dict(server.headers)
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{server.port}/metrics", headers=headers)) as answer:
        text = answer.read().decode()
    found = re.findall(r'routerkit_attempts_total\{outcome="(\w+)",target="(\w+)"\} ([\d.]+)', text)
    return {f"{target} {outcome}": int(float(n)) for outcome, target, n in found}


def measure(load: Path, server: Server, body: Path, first: int, args: argparse.Namespace) -> dict[str, object]:
    """Put load on the gateway while its first provider dies and returns; what the load generator says, and the attempts."""
    provider, before = started(first), attempts(server)
    headers = [f"{name}: {value}" for name, value in server.headers.items()]
    command = [load, server.port, server.path, body, args.seconds, args.connections, 0, *headers]
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            time.sleep(args.seconds / 4)
            provider.kill()
            provider.wait()
            time.sleep(args.seconds / 4)
            provider = started(first)
            said, complaint = running.communicate()
        finally:
            provider.kill()
            provider.wait()
    if complaint:
        print(f"first error: {complaint[:300]}", file=sys.stderr)
    made = {name: n - before.get(name, 0) for name, n in attempts(server).items() if n > before.get(name, 0)}
    return {**json.loads(said), "attempts": made}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--provider", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.provider:
        with suppress(KeyboardInterrupt):
            asyncio.run(provide(args.provider))
        return
    first, second = free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder, spare = Path(name), started(second)
        try:
            write_bodies(folder, "coding")
            for kind in ("small", "stream"):
                (folder / kind).mkdir()
                with routerkit(folder / kind, CONFIG.format(first=first, second=second)) as server:
                    found = measure(compiled(folder, "load"), server, folder / f"{kind}.json", first, args)
                print(f"{kind}: {json.dumps(found)}")
        finally:
            spare.kill()
            spare.wait()


if __name__ == "__main__":
    main()
