"""The store of the harness at size: loading segments of 100,000 attempts, and every report query over 1,000,000.

Usage: python benchmarks/eval_store.py [ROWS]
"""

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from routerkit.store import EVAL_SCHEMAS, SAMPLES, Pace, SegmentWriter, connect_readonly, ingest
from routerkit_evals import Sample
from routerkit_evals.sample import digest

KINDS = ("bug_fix", "migrate", "refactor", "explain", "translate", "test_write")
QUERIES = {
    "totals by target": "SELECT * FROM totals ORDER BY share DESC",
    "cells by target and kind": "SELECT * FROM cells ORDER BY target, kind",
    "verdicts by target": "SELECT target, verdict, count(*) AS n FROM results GROUP BY ALL ORDER BY ALL",
    "one run": "SELECT target, avg(value) AS share FROM attempts JOIN scores USING (attempt_id) WHERE attempts.run_id = 'run-7' GROUP BY 1",
    "paired: a against b": """SELECT count(*) FILTER (a.solved > b.solved) AS only_a, count(*) FILTER (a.solved < b.solved) AS only_b
        FROM task_results a JOIN task_results b USING (task_id, kind) WHERE a.target = 'target-0' AND b.target = 'target-1'""",
    "spend by day": "SELECT date_trunc('day', started_at) AS day, target, sum(cost_usd) AS usd FROM attempts GROUP BY ALL ORDER BY ALL",
    "tasks nobody solves": "SELECT task_id FROM task_results GROUP BY 1 HAVING max(solved) = 0 ORDER BY 1",
    "95th percentile of latency": "SELECT target, kind, quantile_cont(latency_s, 0.95) AS p95_s FROM results GROUP BY ALL ORDER BY ALL",
    "last 100 attempts": "SELECT * FROM attempts ORDER BY started_at DESC LIMIT 100",
    "tries again": "SELECT n, count(*) AS samples FROM (SELECT count(*) AS n FROM attempts GROUP BY sample_id) GROUP BY 1 ORDER BY 1",
}
"""Every question the report, the app and the documentation ask."""


def samples(n: int, *, first: int = 0) -> Iterator[Sample]:
    rng, start = random.Random(first), datetime(2026, 1, 1, tzinfo=UTC)
    for i in range(first, first + n):
        target, task = i % 12, (i // 12) % 2000
        verdict = rng.choices(("pass", "fail", "infra_provider"), (60, 35, 5))[0]
        yield Sample(
            # One in thirty is tried again.
            sample_id=digest(str(i - (i % 30 == 0)), length=24),
            run_id=f"run-{i // 10_000}",
            started_at=start + timedelta(seconds=i * 10),
            task_id=f"own/task-{task}",
            task_version=digest(str(task)),
            source="own",
            kind=KINDS[task % len(KINDS)],
            cluster=f"cluster-{task % 300}",
            target=f"target-{target}",
            model=f"model-{target}",
            epoch=i // 24_000,
            prompt_sha256=digest(str(task), length=64),
            harness="1",
            verdict=verdict,  # type: ignore[arg-type]
            why="" if verdict == "pass" else "failed: test_one",
            latency_s=rng.random() * 5,
            input_tokens=1000,
            output_tokens=rng.randrange(1000),
            cost_usd=rng.random() * 0.01,
            tests_total=5,
            sandbox="bwrap",
            scorer="tests",
            answer=f"answer {i}",
        )


def write(folder: Path, n: int, *, first: int = 0) -> None:
    writer: SegmentWriter[Sample] = SegmentWriter(folder, SAMPLES.name, to_row=Sample.row, pace=Pace(tick_s=0.01, capacity=n + 1))
    for i, sample in enumerate(samples(n, first=first), 1):
        writer.append(sample)
        if i % 10_000 == 0:
            writer.flush(600.0)
    writer.close(600.0)


def load(folder: Path, n: int, *, first: int = 0) -> str:
    """Wall and processor seconds: on a busy machine only the latter say something about us."""
    write(folder, n, first=first)
    start, cpu = time.perf_counter(), time.process_time()
    done = ingest(folder, schemas=EVAL_SCHEMAS)
    assert (n, 0) == (done.n_rows, done.n_bad), done
    return f"{time.perf_counter() - start:5.2f} s, {time.process_time() - cpu:5.2f} s of processor time"


def fill(folder: Path, copies: int) -> None:
    """Repeat what is stored under other ids, at other times and for other tasks; quicker than writing it all as segments."""
    import duckdb

    with duckdb.connect(str(folder / "routerkit.duckdb")) as connection:
        connection.execute(f"""INSERT INTO samples BY NAME SELECT s.* REPLACE (
            substr(md5(attempt_id || i), 1, 24) AS attempt_id, substr(md5(sample_id || i), 1, 24) AS sample_id,
            run_id || '-' || i AS run_id, started_at + to_days(i::INTEGER * 12) AS started_at, epoch + i * 5 AS epoch)
            FROM samples s, range(1, {copies + 1}) t(i)""")


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"load 100,000 rows into an empty file: {load(folder, 100_000)}", flush=True)
        fill(folder, rows // 100_000 - 2)
        print(f"load 100,000 rows beside {rows - 100_000:,} others: {load(folder, 100_000, first=100_000)}", flush=True)
        write(folder, 10_000, first=0)
        again = ingest(folder, schemas=EVAL_SCHEMAS)
        print(f"load 10,000 rows that are there already: {again.n_rows} new, {again.n_bad} bad")
        size = (folder / "routerkit.duckdb").stat().st_size / 2**20
        print(f"{rows:,} attempts, {size:.0f} MiB; per query min and median of 5, and least processor time:")
        for title, text in QUERIES.items():
            took, cpu = zip(*(timed(folder, text) for _ in range(5)), strict=True)
            print(f"  {title:28} {min(took):6.3f} s  {statistics.median(took):6.3f} s  {min(cpu):6.3f} s")


def timed(folder: Path, text: str) -> tuple[float, float]:
    """Wall and processor seconds, opening the file included."""
    start, cpu = time.perf_counter(), time.process_time()
    with connect_readonly(folder, schemas=EVAL_SCHEMAS) as snapshot:
        snapshot.query(text)
    return time.perf_counter() - start, time.process_time() - cpu


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
