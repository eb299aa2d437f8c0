"""What the router notices of the app: time per call while nobody looks, and while the app asks its store without pause.

Usage: python benchmarks/app_beside.py [SECONDS]

Calls are routed at 500 a second into a ledger. Windows with and without a looking app take turns, so that both meet the same machine;
the app is a process of its own, as in life, and asks the questions of the pages Decisions, Agents and Health again and again.
"""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final, NamedTuple

from routerkit import Pool, Price, Request, Router, RouterState, Target
from routerkit.ledger import Ledger
from routerkit.providers.simulated import Simulated

_ROUNDS: Final = 6
_PER_SECOND: Final = 500
_LOOKING: Final = """
import os, sys
os.environ["ROUTERKIT_APP_FOLDER"] = sys.argv[1]
import streamlit as st
from routerkit_app.data import ask
from routerkit_app.filters import Filters
from routerkit_app.screens import agents, decisions, health
from routerkit_app.server import give_way
give_way()
where = Filters().calls()
while True:
    st.cache_data.clear()
    agents._by_agent(where); decisions._found(where, "", "true"); health.latencies(where)
    print("asked", flush=True)
"""


class Window(NamedTuple):
    """One window of calls."""

    cpu_s: float
    """Median CPU time of a call in its thread."""
    wall_s: float
    """Median time of a call."""
    p99_s: float


def main() -> None:
    """Print the medians over windows, and their ratios."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        router = _router(ledger)
        app = subprocess.Popen([sys.executable, "-c", _LOOKING, folder], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert app.stdout is not None
        _window(router, 2.0)
        app.stdout.readline()  # it has started and asked once
        alone, beside = [], []
        for _ in range(_ROUNDS):
            app.send_signal(signal.SIGSTOP)
            alone.append(_window(router, seconds))
            app.send_signal(signal.SIGCONT)
            beside.append(_window(router, seconds))
        app.terminate()
        n_asked = app.communicate()[0].count("asked")
        print(f"{n_asked} rounds of questions while {_PER_SECOND} calls/s were routed; {ledger.dropped} rows dropped")
    for name in Window._fields:
        pairs = [(getattr(w, name), getattr(v, name)) for w, v in zip(alone, beside, strict=True)]
        without, with_app = (statistics.median(values) * 1e6 for values in zip(*pairs, strict=True))
        ratio = statistics.median(b / a for a, b in pairs)
        print(f"{name:<7} alone {without:8.1f} µs   with the app {with_app:8.1f} µs   ratio within a round {ratio:.3f}")


def _router(ledger: Ledger) -> Router:
    target = Target("sim", "sim", "sim", price=Price(1.0, 4.0))
    return Router(RouterState({"coding": Pool("coding", (target,), "best")}, {"sim": Simulated()}), observers=[ledger])


def _window(router: Router, seconds: float) -> Window:
    request = Request("coding", ({"role": "user", "content": "explain this function"},), agent="bench")
    cpu_s, wall_s = [], []
    began = time.monotonic()
    for n in range(int(seconds * _PER_SECOND)):
        time.sleep(max(0.0, began + n / _PER_SECOND - time.monotonic()))
        cpu, wall = time.thread_time(), time.perf_counter()
        router.complete(request)
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.thread_time() - cpu)
    return Window(statistics.median(cpu_s), statistics.median(wall_s), sorted(wall_s)[int(0.99 * len(wall_s))])


if __name__ == "__main__":
    main()
