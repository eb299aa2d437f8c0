"""Clients, seeded faults, reloads and `kill -9`, then bookkeeping: do answers, rows, money and the upstreams' bill agree?

    python benchmarks/reliability/histories.py --kills 20 --seed 1

In the manner of Jepsen: what happened is written down on both sides while it happens, and compared when all is over.
Run it from the repository, whose strict servers are the upstreams.
"""

from __future__ import annotations

import argparse
import csv
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
from typing import IO, Any, NamedTuple

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
        self._reader = threading.Thread(target=self._read_on, args=(self.process.stderr,), daemon=True)
        self._reader.start()

    def end(self, number: int) -> int:
        """Send a signal and wait; returns the exit code."""
        self.process.send_signal(number)
        self._reader.join(60)
        return self.process.wait(60)

    @staticmethod
    def _read_on(said: IO[str]) -> None:
        with said:
            said.read()


class Client(threading.Thread):
    """Asks one thing after the other; notes the record of every answer it has read to its end."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        super().__init__(daemon=True)
        self._gateway, self._dice, self.is_over = gateway, random.Random(seed), False
        self.answered: list[str] = []
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
        self.answered.append(record)
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


def booked_usd(config: Path) -> tuple[float, float]:
    """What the budget of the clients' agent says: spent, and set aside."""
    done = subprocess.run([COMMAND, "budgets", "--config", str(config), "--json"], capture_output=True, text=True, check=True)
    (account,) = json.loads(done.stdout)
    return account["spent_usd"], account["reserved_usd"]


def write_export(path: Path, bill: list[Line]) -> None:
    """The bill as a provider exports it: one line per request, in the order of time, to the second."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "model", "input_tokens", "output_tokens", "cost_usd"))
        writer.writerows((line.at.isoformat(timespec="seconds"), *line[1:4], f"{line.cost_usd:.6f}") for line in sorted(bill))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="histories-") as folder:
        history = live(Path(folder), kills=options.kills, n_clients=options.clients, seed=options.seed)
        print(history.said)
        for when in ("before", "after"):
            print(f"{when} reconciling:", ", ".join(f"{what} ${usd:.6f}" for what, usd in history.books()._asdict().items()))
            if when == "before":
                print(history.settle())
        print("once more:", history.settle())


class Books(NamedTuple):
    """The same money, from three sides."""

    rows: float
    booked: float
    billed: float
    set_aside: float


class History(NamedTuple):
    """A run that is over."""

    config: Path
    bill: list[Line]
    n_lost_answers: int
    """Answered calls without a row."""
    n_attempts: int
    """In rows."""
    n_hits: int
    """Requests that reached an upstream."""
    said: str

    def books(self) -> Books:
        """What rows, budget and bill say now."""
        rows = rows_of(self.config.parent / "data")
        return Books(sum(float(str(row["cost_usd"] or 0)) for row in rows.values()), *self._booked())

    def _booked(self) -> tuple[float, float, float]:
        spent, reserved = booked_usd(self.config)
        return spent, sum(line.cost_usd for line in self.bill), reserved

    def settle(self) -> str:
        """Reconcile with the bill; what the command says of it."""
        export = self.config.with_name("usage.csv")
        write_export(export, self.bill)
        command = [COMMAND, "ledger", "reconcile", "--config", str(self.config), "--usage", str(export), "--settle"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def live(folder: Path, *, kills: int, n_clients: int, seed: int) -> History:
    """Serve, ask, reload and kill."""
    dice = random.Random(seed)
    with Upstream(seed) as one, Upstream(seed + 1) as two:
        os.environ["STRICT_KEY"] = one.api_key
        config = folder / "routerkit.toml"
        config.write_text(CONFIG.format(one=one.base_url, two=two.base_url))
        gateway = Gateway(config)
        gateway.start()
        clients = [Client(gateway, seed + n) for n in range(n_clients)]
        for client in clients:
            client.start()
        for _ in range(kills):
            time.sleep(dice.uniform(0.5, 2.0))
            reload(config)
            time.sleep(dice.uniform(0.0, 0.5))
            gateway.end(signal.SIGKILL)
            gateway.start()
        time.sleep(2.0)
        wait_for_heirs(folder / "data" / "state.sqlite-owed")
        for client in clients:
            client.is_over = True
        for client in clients:
            client.join(60)
        code = gateway.end(signal.SIGTERM)
        return tell(config, clients, [*one.bill, *two.bill], f"kills {kills}, exit after SIGTERM {code}", n_hits=one.hits + two.hits)


def wait_for_heirs(owed: Path) -> None:
    """Until only the living process has notes there: what the dead had is recorded."""
    until = time.monotonic() + 60
    while len(list(owed.iterdir())) > 1 and time.monotonic() < until:
        time.sleep(0.1)


def tell(config: Path, clients: list[Client], bill: list[Line], ending: str, *, n_hits: int) -> History:
    """Compare what both sides wrote down."""
    outcomes = sum((client.outcomes for client in clients), Counter[str]())
    answered = [record for client in clients for record in client.answered]
    rows = rows_of(config.parent / "data")
    n_lost = sum(record not in rows for record in answered)
    n_attempts = sum(int(str(row["n_attempts"])) for row in rows.values())
    said = (
        json.dumps(outcomes, sort_keys=True),
        f"{ending}, answered {len(answered)}, rows {len(rows)}, answered without a row {n_lost}",
        f"upstream requests {n_hits}, attempts in rows {n_attempts}",
        "rows of each ending " + json.dumps(Counter(str(row["status"]) for row in rows.values()), sort_keys=True),
    )
    return History(config, bill, n_lost, n_attempts, n_hits, "\n".join(said))


if __name__ == "__main__":
    main()
