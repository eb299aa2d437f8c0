"""Thousands of calls one after another (row R2): memory stays, and no task, thread, socket or upstream is left behind.

A short one is part of the suite. `make soak` sends 100,000 calls through `routerkit serve`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from routerkit import Policy, Pool, Request, Router, RouterState
from routerkit.config import account_standings, read
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.store import query
from routerkit.testing import make_target
from tests.gateway.conftest import CONFIG
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

COMMAND: Final = str(Path(sys.executable).with_name("routerkit"))
N_CLIENTS: Final = 16
WARM_UP: Final = 40_000
"""Calls until all that is kept of the last ones is full: memory grows to here by a fifth, and then no more."""
FAULTS: Final = (
    *[Fault(text="a good answer")] * 15,
    Fault(status=503, body=b"{}"),
    Fault(text=""),
    Fault(cut_after=1),
    Fault(reset=True),
    Fault(status=429, body=b"{}", headers={"retry-after": "0.05"}),
)


class Forgetful(StrictOpenAI):
    """Answers by turns well and badly, or always well; keeps nothing of what it was sent."""

    def __init__(self, faults: tuple[Fault, ...] = (Fault(text="a good answer"),)) -> None:
        super().__init__()
        self._turns = itertools.cycle(faults)

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        super()._note(path, headers, raw)
        for seen in (self.bodies, self.headers, self.paths):
            seen.clear()
        return next(self._turns)


@pytest.fixture
def upstreams() -> Iterator[tuple[Forgetful, Forgetful]]:
    with Forgetful(FAULTS) as first, Forgetful() as second:
        yield first, second


async def by_all(ask: Callable[[int], Awaitable[None]], n: int) -> None:
    """So many calls by sixteen clients, each with its next once its last has ended."""
    numbers = iter(range(n))

    async def client() -> None:
        for number in numbers:
            await ask(number)

    await asyncio.gather(*[client() for _ in range(N_CLIENTS)])


def resident_mb(pid: int) -> float:
    """Memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.slow
def test_r2_two_thousand_calls_leave_nothing_behind(upstreams: tuple[Forgetful, Forgetful]) -> None:
    named = {f"t{n}": OpenAICompatible(server.base_url, server.api_key) for n, server in enumerate(upstreams)}
    pool = Pool("pool", tuple(make_target(name) for name in named), "fallback")
    router = Router(RouterState({"pool": pool}, named, {"fallback": Policy("fallback", "fallback")}))

    async def ask(number: int) -> None:
        request = Request("pool", ({"role": "user", "content": f"hi {number}"},), agent=f"a{number % 7}", session=f"s{number}")
        if number % 2:
            await router.acomplete(request)
        else:
            _ = [chunk async for chunk in router.astream(request)]

    async def traffic() -> tuple[float, int]:
        await by_all(ask, 1_000)
        gc.collect()
        before = resident_mb(os.getpid())
        await by_all(ask, 1_000)
        gc.collect()
        return resident_mb(os.getpid()) / before, len(asyncio.all_tasks())

    growth, n_tasks = asyncio.run(traffic())
    assert growth < 1.1
    assert 1 == n_tasks
    assert all(server.wait_until_idle() for server in upstreams)


class Client:
    """Asks a gateway over one kept connection per client, whole and streamed by turns."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.outcomes: Counter[str] = Counter()

    async def ask(self, number: int) -> None:
        """One call, read to its end."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        body = {"model": "coding", "messages": [{"role": "user", "content": f"hi {number}"}], "stream": number % 2 == 0}
        data = json.dumps(body).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", "host: localhost", f"x-routerkit-session: s{number}", f"content-length: {len(data)}"]
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "chunked" in answer:
            said = await reader.readuntil(b"\r\n0\r\n\r\n")
        else:
            said = await reader.readexactly(int(answer.partition("content-length:")[2].split()[0]))
        self.outcomes["whole" if b"good answer" in said or b"[DONE]" in said else answer.split()[1]] += 1
        self._idle.append((reader, writer))

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()


class Held(NamedTuple):
    """What a gateway holds after a round of calls, and what became of them."""

    n: int
    mb: float
    n_threads: int
    n_files: int
    outcomes: Counter[str]


async def round_of(n: int, pid: int, port: int) -> Held:
    client, process = Client(port), Path(f"/proc/{pid}")
    await by_all(client.ask, n)
    client.close()
    return Held(n, resident_mb(pid), *[len(list((process / what).iterdir())) for what in ("task", "fd")], client.outcomes)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_r2_a_hundred_thousand_calls_leave_nothing_behind(
    upstreams: tuple[Forgetful, Forgetful], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through `routerkit serve` with its ledger and a budget; its memory, threads and sockets are read from outside."""
    config = tmp_path / "routerkit.toml"
    text = CONFIG.format(first=upstreams[0].base_url, second=upstreams[1].base_url)
    config.write_text(text.replace("[pools.coding]", "[pools.coding]\nusd_per_day = 100_000.0"))
    days = {datetime.now(UTC).date()}
    keys = {"FIRST_KEY": upstreams[0].api_key, "SECOND_KEY": upstreams[1].api_key}
    command = [COMMAND, "serve", "--config", str(config), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **keys}) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().split()[3].removesuffix("/v1").rpartition(":")[2])
        threading.Thread(target=process.stderr.read, daemon=True).start()
        held = [asyncio.run(round_of(n, process.pid, port)) for n in (WARM_UP, 50_000, 50_000)]
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"{each}\n" for each in held))
    warm, _, last = held
    assert 0 == code
    assert last.mb < 1.1 * warm.mb
    assert (warm.n_threads, True) == (last.n_threads, last.n_files <= warm.n_files + N_CLIENTS)
    assert all(held.outcomes == {"whole": held.n} for held in held)
    assert all(server.wait_until_idle() for server in upstreams)
    days.add(datetime.now(UTC).date())
    booked = sum(line.spent_usd for day in days for line in account_standings(read(config), tmp_path, day.isoformat()))
    ((rows, n_attempts),) = query(tmp_path / "data", "SELECT sum(cost_usd), sum(n_attempts) FROM calls").rows
    with capsys.disabled():
        sys.stdout.write(f"{n_attempts} attempts, rows ${rows:.6f}, booked ${booked:.6f}\n")
    assert -1e-6 <= booked - rows <= 1e-6 * n_attempts  # booked in whole micro-dollars, rounded up
