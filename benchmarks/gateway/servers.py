"""The servers that the gateway's benchmark compares: how each is started, asked and watched."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_ENV = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
"""Bytecode is kept, as wherever nobody forbids it: compiling every module anew is a third of a start."""
CONFIG = """
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
api_key = "env:UPSTREAM_KEY"

[targets.small]
provider = "up"
model = "bench"
context_tokens = 128_000
usd_per_mtok = {{ input = 0.15, output = 0.60 }}

[targets.medium]
provider = "up"
model = "bench-m"
context_tokens = 128_000
usd_per_mtok = {{ input = 1.50, output = 6.00 }}

[targets.large]
provider = "up"
model = "bench-l"
context_tokens = 128_000
usd_per_mtok = {{ input = 2.50, output = 10.00 }}

[pools.coding]
targets = ["small", "medium", "large"]
policy = "cheapest_adequate"

[budgets.bench]
usd_per_day = 1_000_000

[ledger]
path = "data"
"""


@dataclass
class Server:
    """A running server."""

    name: str
    port: int
    pid: int
    model: str = "bench"
    path: str = "/v1/chat/completions"
    headers: Mapping[str, str] = field(default_factory=dict)
    start_cpu_s: float = 0.0

    def cpu_s(self) -> float:
        """Seconds of CPU that its processes have used so far."""
        return sum(_cpu_s(pid) for pid in _tree(self.pid))

    def memory_mb(self) -> float:
        """Its share of memory (PSS), all processes together."""
        return sum(_pss_kb(pid) for pid in _tree(self.pid)) / 1024


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(p for child in children for p in _tree(int(child)))]


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int, patience_s: float = 90.0) -> None:
    """Wait until somebody listens."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"nothing listens on port {port} after {patience_s:g} s")


@contextmanager
def _started(
    name: str, command: list[str], port: int, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Server]:
    process = subprocess.Popen(
        command, env={**_ENV, **(env or {})}, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait_for(port)
        server = Server(name, port, process.pid)
        server.start_cpu_s = server.cpu_s()
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def upstream(binary: Path) -> Iterator[Server]:
    """The fixed-answer upstream itself."""
    port = free_port()
    with _started("upstream", [str(binary), str(port)], port) as server:
        yield server


@contextmanager
def routerkit(folder: Path, written: str) -> Iterator[Server]:
    """Our gateway over a configuration, with a key. With `CONFIG` all is on: decision among three targets, budget, ledger, metrics."""
    home = folder / "routerkit"
    home.mkdir()
    config = home / "routerkit.toml"
    config.write_text(written)
    command, env, port = str(Path(sys.executable).with_name("routerkit")), {"UPSTREAM_KEY": "sk-bench"}, free_port()
    made = [command, "keys", "create", "bench", "--agent", "bench", "--config", str(config)]
    key = subprocess.run(made, env={**_ENV, **env}, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run([sys.executable, "-c", "import routerkit.gateway.server"], env=_ENV, check=True)  # a second start, as most are
    with _started("routerkit", [command, "serve", "--config", str(config), "--port", str(port)], port, env=env) as server:
        _warm(port)
        server.start_cpu_s = server.cpu_s()
        server.model, server.headers = "coding", {"Authorization": f"Bearer {key}"}
        yield server


def _warm(port: int) -> None:
    """Our socket listens before the process is ready to answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        answer.read()


@contextmanager
def portkey(folder: Path, upstream_port: int) -> Iterator[Server]:
    """Portkey's gateway, as its own start script runs it."""
    port = free_port()
    script = folder / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not script.exists():
        sys.exit(f"{script} does not exist; run npm install there")
    with _started("portkey", ["node", str(script), f"--port={port}", "--headless"], port, env={"NODE_ENV": "production"}) as server:
        server.headers = {
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/v1",
            "Authorization": "Bearer sk-bench",
        }
        yield server


@contextmanager
def litellm(command: Path, folder: Path, upstream_port: int) -> Iterator[Server]:
    """LiteLLM's proxy with one worker and no database."""
    port, config = free_port(), folder / "litellm.yaml"
    parameters = f"{{model: openai/bench, api_base: 'http://127.0.0.1:{upstream_port}/v1', api_key: sk-bench}}"
    config.write_text(f"model_list:\n  - model_name: bench\n    litellm_params: {parameters}\n")
    key = "sk-bench-0123456789abcdef0123456789abcdef"
    env = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    arguments = [str(command), "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]
    with _started("litellm", arguments, port, env=env) as server:
        server.headers = {"Authorization": f"Bearer {key}"}
        yield server
