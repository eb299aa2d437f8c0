"""Clients, seeded faults, reloads and `kill -9`, then bookkeeping: do answers, rows, money and the upstreams' bill agree?

    python benchmarks/reliability/histories.py --kills 20 --seed 1

In the manner of Jepsen: what happened is written down on both sides while it happens, and compared when all is over.
Run it from the repository, whose strict servers are the upstreams.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.servers.answering import Answering
from tests.servers.brain import Answer
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

COMMAND = str(Path(sys.executable).with_name("routerkit"))
FAULTS = (
    *[Fault()] * 12,
    Fault(status=503, body=b"{}"),
    Fault(status=429, body=b"{}", headers={"retry-after": "0.2"}),
    Fault(reset=True),
    Fault(cut_after=2),
    Fault(end_after=2),
    Fault(delay_s=0.3),
    Fault(text=""),
    Fault(status=500, body=b"<html>"),
)
USD_PER_MTOK = {"cheap": (1.0, 2.0), "strong": (10.0, 20.0)}
CONFIG = """
[providers.one]
kind = "openai"
base_url = "{one}"
api_key = "env:STRICT_KEY"
[providers.two]
kind = "openai"
base_url = "{two}"
api_key = "env:STRICT_KEY"
[targets.cheap]
provider = "one"
model = "cheap"
usd_per_mtok = {{ input = 1.0, output = 2.0 }}
[targets.strong]
provider = "two"
model = "strong"
usd_per_mtok = {{ input = 10.0, output = 20.0 }}
[pools.coding]
targets = ["cheap", "strong"]
policy = "fallback"
[budgets.planner]
usd_per_day = 50.0
[ledger]
path = "data"
"""


class Line(NamedTuple):
    """One request on a bill."""

    at: datetime
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float


class Billing(Answering):
    """Whatever was thought of is billed, whether it arrives or not."""

    def _answer(self, body: dict[str, Any]) -> Answer:
        answer = super()._answer(body)
        asked, said = answer.usage["prompt_tokens"], answer.usage["completion_tokens"]
        usd = asked * USD_PER_MTOK[body["model"]][0] + said * USD_PER_MTOK[body["model"]][1]
        self._server.bill.append(Line(datetime.now(UTC), body["model"], asked, said, usd / 1e6))
        return answer


class Upstream(StrictOpenAI):
    """Fails as its dice say, and keeps a bill."""

    answering = Billing

    def __init__(self, seed: int) -> None:
        super().__init__(api_key="sk-strict-0123456789abcdef")
        self._dice = random.Random(seed)
        self.bill: list[Line] = []

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        super()._note(path, headers, raw)
        return self._dice.choice(FAULTS)


class Gateway:
    """`routerkit serve` in a process that may be killed."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.process: subprocess.Popen[str]
        self.port = 0

    def start(self) -> None:
        """Serve, on another port each time."""
        command = [COMMAND, "serve", "--config", str(self.config), "--port", "0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.port = int(self.process.stderr.readline().split()[3].removesuffix("/v1").rpartition(":")[2])
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def end(self, number: int) -> int:
        """Send a signal and wait; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


class Client(threading.Thread):
    """Asks one thing after the other; notes the record of every answer it has read to its end, and when."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        super().__init__(daemon=True)
        self._gateway, self._dice, self.is_over = gateway, random.Random(seed), False
        self.answered: list[tuple[float, str]] = []
        self.outcomes: Counter[str] = Counter()

    def run(self) -> None:
        """Ask until it is over."""
        while not self.is_over:
            try:
                self.outcomes[self._ask()] += 1
            except (OSError, http.client.HTTPException):
                self.outcomes["connection lost"] += 1
                time.sleep(0.02)

    def _ask(self) -> str:
        stream = self._dice.random() < 0.5
        body = {
            "model": "coding",
            "messages": [{"role": "user", "content": "x" * self._dice.randint(1, 400)}],
            "max_tokens": 200,
            "stream": stream,
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=30)
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"x-routerkit-agent": "planner"})
            answer = connection.getresponse()
            data = answer.read().decode()
        finally:
            connection.close()
        if answer.status != 200:
            return f"refused {answer.status}"
        if stream and "data: [DONE]" not in data:
            return "stream ended with an error"
        record = data.partition("record=")[2].split()[0] if stream else str(answer.headers["x-routerkit-record"])
        self.answered.append((time.time(), record))
        return "answered"


def reload(config: Path) -> None:
    """Change the file as a deployment does: another one takes its place."""
    old, new = ("50.0", "60.0") if "50.0" in config.read_text() else ("60.0", "50.0")
    other = config.with_name("next.toml")
    other.write_text(config.read_text().replace(f"usd_per_day = {old}", f"usd_per_day = {new}"))
    other.replace(config)


def rows_of(folder: Path) -> dict[str, dict[str, object]]:
    """Rows of the ledger by record, after everything was taken in."""
    statement = "SELECT record_id, status, cost_usd, n_attempts, usage_estimated FROM calls"
    done = subprocess.run(
        [COMMAND, "ledger", "sql", statement, "--folder", str(folder), "--json"], capture_output=True, text=True, check=True
    )
    return {row["record_id"]: row for row in json.loads(done.stdout)}


def booked(config: Path) -> list[dict[str, object]]:
    """What the budget of the clients' agent says."""
    done = subprocess.run([COMMAND, "budgets", "--config", str(config), "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="histories-"))
    with Upstream(options.seed) as one, Upstream(options.seed + 1) as two:
        os.environ["STRICT_KEY"] = one.api_key
        config = folder / "routerkit.toml"
        config.write_text(CONFIG.format(one=one.base_url, two=two.base_url))
        gateway = Gateway(config)
        gateway.start()
        clients = [Client(gateway, options.seed + n) for n in range(options.clients)]
        for client in clients:
            client.start()
        killed_at = []
        for _ in range(options.kills):
            time.sleep(dice.uniform(0.5, 2.0))
            reload(config)
            time.sleep(dice.uniform(0.0, 0.5))
            gateway.end(signal.SIGKILL)
            killed_at.append(time.time())
            gateway.start()
        time.sleep(5.0)
        for client in clients:
            client.is_over = True
        for client in clients:
            client.join(60)
        code = gateway.end(signal.SIGTERM)
        report(gateway, folder, clients, killed_at, code, hits=one.hits + two.hits)
        print("billed", sum(line.cost_usd for line in one.bill + two.bill))
        print(folder)


def report(gateway: Gateway, folder: Path, clients: list[Client], killed_at: list[float], code: int, *, hits: int) -> None:
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    answered = [pair for client in clients for pair in client.answered]
    rows = rows_of(folder / "data")
    lost = [(at, record) for at, record in answered if record not in rows]
    late = [min((kill - at for kill in killed_at if kill >= at), default=-1.0) for at, _ in lost]
    print(json.dumps(outcomes, sort_keys=True))
    print(f"kills {len(killed_at)}, exit after SIGTERM {code}, upstream requests {hits}")
    print(f"answered {len(answered)}, rows {len(rows)}, answered without a row {len(lost)}")
    print("answered so long before a kill, in ms:", sorted(round(1000 * s) for s in late))
    attempts = sum(int(str(row["n_attempts"])) for row in rows.values())
    print(f"attempts in rows {attempts}, upstream requests {hits}")
    print("rows of each ending", json.dumps(Counter(str(row["status"]) for row in rows.values()), sort_keys=True))
    rows_usd = sum(float(str(row["cost_usd"] or 0)) for row in rows.values())
    (account,) = booked(gateway.config)
    print(f"rows ${rows_usd:.6f}, booked ${account['spent_usd']:.6f}, set aside ${account['reserved_usd']:.6f}")


if __name__ == "__main__":
    main()
