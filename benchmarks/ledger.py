"""What the ledger costs: appending on the hot path, writing, loading, asking.

Usage: python benchmarks/ledger.py [ROWS]
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

from routerkit.ledger import Ledger
from routerkit.record import Record
from routerkit.store import Pace, ingest, query
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_request, make_router


def make_record() -> Record:
    recorder = Recorder()
    router = make_router({f"target{n}": ScriptedProvider([make_reply()]) for n in range(4)}, observers=[recorder])
    router.complete(make_request("explain this function\n" + "x = 1\n" * 200))
    return recorder.records[0]


def share(values: list[int], at: float) -> int:
    return sorted(values)[int(len(values) * at)]


def appending(record: Record, n: int = 5_000) -> str:
    """Time of one `observe` at 1,000 rows per second; the row is written before it returns."""
    with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder)) as ledger:
        took, cpu_ns = [], 0
        for i in range(n):
            start, cpu_start = time.perf_counter_ns(), time.thread_time_ns()
            ledger.observe(record)
            took.append(time.perf_counter_ns() - start)
            cpu_ns += time.thread_time_ns() - cpu_start
            if i % 10 == 0:
                time.sleep(0.01)
        p50, p99 = (share(took, at) / 1e3 for at in (0.5, 0.99))
        return f"append p50 {p50:.0f} µs, p99 {p99:.0f} µs, CPU {cpu_ns / n / 1e3:.0f} µs, dropped {ledger.dropped}"


def loading(record: Record, n: int) -> list[str]:
    """Write one segment of n rows, load it, ask it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        pace = Pace(tick_s=3600, rotate_s=1e9, rotate_rows=2 * n, capacity=2 * n)
        ledger = stack.enter_context(Ledger(Path(folder), pace=pace))
        ledger.observe(record)
        ledger.flush()
        for _ in range(n - 1):
            ledger.observe(record)
        start, cpu_start = time.perf_counter(), time.process_time()
        ledger.flush(600)
        wrote_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
        ledger.close()
        size = sum(p.stat().st_size for p in (Path(folder) / "hot").iterdir())
        start = time.perf_counter()
        result = ingest(Path(folder))
        loaded_s = time.perf_counter() - start
        start = time.perf_counter()
        query(Path(folder), "SELECT target, count(*), quantile_cont(latency_s, 0.95) FROM calls GROUP BY ALL")
        asked_s = time.perf_counter() - start
    return [
        f"write {n / wrote_s:,.0f} rows/s, {n / cpu_s:,.0f} per second of CPU ({size / n:,.0f} bytes a row, decision over 4 targets)",
        f"load {result.n_rows:,} rows in one segment: {loaded_s:.2f} s",
        f"p95 latency by target over them: {asked_s * 1e3:.0f} ms",
    ]


if __name__ == "__main__":
    one = make_record()
    print("\n".join([appending(one), *loading(one, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)]))
