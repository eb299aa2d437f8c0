"""What a shared ledger costs on a real PostgreSQL server: ingesting, several hosts at once, asking, before and after compaction.

Usage: make lake, then .venv/lake/bin/python benchmarks/lake.py [ROWS]

The server is the tests' own, on loopback and without fsync: a disk adds its flush to every commit.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent))
from ledger import make_record

from routerkit.ledger import Ledger
from routerkit.record import Record
from routerkit.store import Pace, compact, ingest, query
from routerkit.store.destination import Lake, settle, shared_of
from routerkit.store.lake import open_lake_writing
from tests.lake.postgres_server import PASSWORD, PostgresServer, find_programs

T = TypeVar("T")
_P95 = "SELECT target, count(*), quantile_cont(latency_s, 0.95) FROM calls GROUP BY ALL"


@contextmanager
def new_lake() -> Iterator[tuple[Lake, Path]]:
    """An empty lake, and a folder for hosts."""
    programs = find_programs()
    if programs is None:
        raise SystemExit("no PostgreSQL server is installed; apt-get install postgresql")
    os.environ["PGPASSWORD"] = PASSWORD
    with PostgresServer(programs) as server, tempfile.TemporaryDirectory() as folder:
        yield Lake(f"ducklake:{server.create('bench')}", f"{folder}/files"), Path(folder)


def fill(folder: Path, record: Record, n_rows: int, n_segments: int = 1) -> None:
    """Close segments of that many calls, with ids and instants of their own."""
    for segment in range(n_segments):
        with Ledger(folder, pace=Pace(tick_s=3600, rotate_s=1e9, rotate_rows=10**9)) as ledger:
            for n in range(n_rows):
                at = record.at + timedelta(seconds=segment * n_rows + n)
                ledger.observe(replace(record, id=os.urandom(16).hex(), at=at, latency_s=1 + n % 997 / 100))


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """Result, seconds on the clock, seconds of CPU of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    return work(), time.perf_counter() - wall, time.process_time() - cpu


def main(n_rows: int) -> None:
    record = make_record()
    with new_lake() as (lake, base):
        hosts = [base / f"host{n}" for n in range(4)]
        for host in hosts:
            settle(host, lake)
        fill(hosts[0], record, 10)
        ingest(hosts[0])  # makes the tables
        for n in (100, n_rows // 10, n_rows):
            fill(hosts[0], record, n)
            result, wall_s, cpu_s = timed(lambda: ingest(hosts[0]))
            print(f"one host, one segment of {result.n_rows:,} rows: {wall_s:.2f} s, CPU {cpu_s:.2f} s")
        size = sum(p.stat().st_size for p in Path(lake.files).rglob("*.parquet"))
        print(f"Parquet: {size / (n_rows * 1.1 + 110):,.0f} bytes a row")
        for host in hosts:
            fill(host, record, 300, n_segments=5)
        with ThreadPoolExecutor(4) as pool:
            results, wall_s, cpu_s = timed(lambda: list(pool.map(ingest, hosts)))
        notes = [r.note for r in results if r.note]
        print(f"4 hosts at once, 4 x 1,500 rows: {wall_s:.2f} s, CPU {cpu_s:.2f} s {notes or ''}")
        print(f"commits of 1 and of 4 hosts: {commits_per_s(hosts[:1]):.1f} and {commits_per_s(hosts):.1f} per second")
        for _ in range(10):
            fill(hosts[1], record, 50)
            ingest(hosts[1])
        ask(hosts[0], "before compaction")
        merged, wall_s, _ = timed(lambda: compact(hosts[0]))
        print(f"compaction: {merged.n_merged} files into {merged.n_made} in {wall_s:.2f} s")
        ask(hosts[0], "after it")


def commits_per_s(hosts: list[Path], n: int = 10) -> float:
    """Small commits of all hosts at once, on connections that stay open: what the catalogue takes."""

    def commit(host: Path) -> None:
        shared = shared_of(host)
        assert shared is not None
        with open_lake_writing(shared) as connection:
            ready.wait()
            for k in range(n):
                connection.execute("INSERT INTO ledger.ingested VALUES (?, 0, 0, now()::TIMESTAMP)", [f"{host.name}-{k}"])

    ready = threading.Barrier(len(hosts) + 1)
    with ThreadPoolExecutor(len(hosts)) as pool:
        under_way = [pool.submit(commit, host) for host in hosts]
        ready.wait()
        _, wall_s, _ = timed(lambda: [one.result() for one in under_way])
    return n * len(hosts) / wall_s


def ask(host: Path, when: str) -> None:
    _, opening_s, opening_cpu_s = timed(lambda: query(host, "SELECT 1"))
    _, wall_s, cpu_s = timed(lambda: query(host, _P95))
    print(f"{when}: opening {opening_s:.2f} s (CPU {opening_cpu_s:.2f}), p95 by target {wall_s:.2f} s (CPU {cpu_s:.2f}), opening included")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000)
