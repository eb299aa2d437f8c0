"""Reloads and an end under load (promises P5 and P12): does a caller notice, how soon is the new configuration in force, is a row lost?

python benchmarks/reliability/operations.py

Run it from the repository, whose strict server is the upstream. The histories beside it have the faults and the kills.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.reliability.histories import CONFIG, Gateway, rows_of
from tests.servers.strict_openai import StrictOpenAI


class Client(threading.Thread):
    """Asks over one connection until it is told to stop or hung up on; notes records, models and failures."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port, self.is_over = port, False
        self.answered: list[tuple[float, str, str]] = []
        """When, model and record of each answer."""
        self.failures: Counter[str] = Counter()

    def run(self) -> None:
        """Ask until it is over."""
        body = json.dumps({"model": "coding", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 50})
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self.is_over:
            try:
                connection.request("POST", "/v1/chat/completions", body, {"x-routerkit-agent": "planner"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as exc:
                self.failures[type(exc).__name__] += 1
                return
            if answer.status == 200:
                self.answered.append((time.monotonic(), said["model"], str(answer.headers["x-routerkit-record"])))
            else:
                self.failures[f"refused {answer.status}"] += 1


def reload(config: Path, number: int) -> float:
    """Let another model answer from now on; returns when the file was replaced."""
    other = config.with_name("next.toml")
    other.write_text(config.read_text().replace(f'model = "cheap-{number}"', f'model = "cheap-{number + 1}"'))
    other.replace(config)
    return time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    config = Path(tempfile.mkdtemp(prefix="operations-")) / "routerkit.toml"
    with StrictOpenAI(api_key="sk-strict-0123456789abcdef") as server:
        os.environ["STRICT_KEY"] = server.api_key
        config.write_text(CONFIG.format(one=server.base_url, two=server.base_url).replace('"cheap"\nusd', '"cheap-0"\nusd'))
        gateway = Gateway(config)
        gateway.start()
        clients = [Client(gateway.port) for _ in range(options.clients)]
        for client in clients:
            client.start()
        replaced = []
        for number in range(options.reloads):
            time.sleep(2.0)
            replaced.append(reload(config, number))
        time.sleep(2.0)
        failures = sum((client.failures for client in clients), Counter[str]())
        code = gateway.end(signal.SIGTERM)
        for client in clients:
            client.is_over = True
            client.join(30)
    report(clients, replaced, failures, code, rows=rows_of(config.parent / "data"), hits=server.hits)


def report(
    clients: list[Client], replaced: list[float], failures: Counter[str], code: int, *, rows: dict[str, dict[str, object]], hits: int
) -> None:
    answered = sorted(answer for client in clients for answer in client.answered)
    first = {model: at for at, model, _ in reversed(answered)}
    waits_s = [first[f"cheap-{number + 1}"] - at for number, at in enumerate(replaced)]
    print(f"answered {len(answered)}, failures during {len(replaced)} reloads {dict(failures)}")
    print(f"new configuration in force after {statistics.median(waits_s):.2f} s (median), {max(waits_s):.2f} s at the latest")
    lost = sum(record not in rows for _, _, record in answered)
    print(f"SIGTERM under load: exit {code}, rows {len(rows)}, upstream requests {hits}, answered without a row {lost}")


if __name__ == "__main__":
    main()
