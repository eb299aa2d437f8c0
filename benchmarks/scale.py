"""A week of many workers that share one ledger, second by second, with the costs that `benchmarks/lake.py` measured.

Usage: python benchmarks/scale.py [--workers 100] [--hosts 10] [--calls-per-s 0.5] [--outage-h 1] [--seed 7] [--json]

Simulated: calls (Poisson, by hour of the day and day of the week), segments of each worker, one ingester per host every half minute,
commits one after another at the catalogue, an outage of PostgreSQL on Wednesday at noon. Not simulated: the models, the network.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass

WEEK_S = 7 * 86_400
ROTATE_S = 5.0  # routerkit.store.Pace
BATCH_ROWS = 18_000  # 48 MiB of 2.7 kB, routerkit.store.ingester
TICK_S = 30.0  # routerkit.store.place


@dataclass(frozen=True)
class Costs:
    """Seconds and bytes as measured at a load of 20 on two cores (docs/scale.md), so rather too much."""

    open_s: float = 0.55  # CPU: extensions, attaching, ending predecessors, preparing tables
    row_s: float = 41e-6  # CPU: reading a JSON line of 2.7 kB, writing Parquet
    commit_s: float = 0.05  # at the catalogue, one after another: 1/36 s for one table, and an ingestion writes two
    row_bytes: int = 2_700
    parquet_row_bytes: int = 210
    redis_step_s: float = 85e-6  # one Lua step, seen by one client
    redis_steps_per_s: float = 2.0  # of each worker: notices, and what one budget has spent
    redis_steps_per_call: float = (
        0.2  # new loans; two more with limits of a gateway key, two with a session, three for a miss of a cache in Redis
    )


@dataclass
class Seen:
    """Sums over all hosts, and the worst of one."""

    rows: int = 0
    segments: int = 0
    commits: int = 0
    busy_s: float = 0.0
    peak_rows_per_s: float = 0.0
    worst_spool_bytes: int = 0


def rate(at_s: float) -> float:
    """Share of the mean rate: few calls at night and on weekends, a peak in the early afternoon; 1 on average over the week."""
    day, hour = divmod(at_s / 3600, 24)
    return (0.35 if day >= 5 else 1.26) * max(0.1, 1 + 0.9 * math.cos((hour - 14) / 12 * math.pi))


def poisson(mean: float, rng: random.Random) -> int:
    """Good enough above 30, where it is a rounded normal."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    n, left = 0, rng.expovariate(1.0)
    while left < mean:
        n, left = n + 1, left + rng.expovariate(1.0)
    return n


def nonempty(n_workers: int, rows: int, n_windows: float) -> int:
    """Segments: worker and window with at least one row."""
    cells = n_workers * n_windows
    return round(cells * (1 - math.exp(-rows / cells)))


def week(options: argparse.Namespace, costs: Costs) -> tuple[Seen, list[tuple[float, int]]]:
    """What happened, and for every ingestion how old its oldest row was once everybody could see it, with its rows."""
    rng = random.Random(options.seed)
    outage = (2.5 * 86_400, 2.5 * 86_400 + options.outage_h * 3600)
    workers, seen, lags, free_at = options.workers // options.hosts, Seen(), [], 0.0
    # When each host looks next, and since when its rows wait.
    ticks = [(rng.uniform(0, TICK_S), host, 0.0) for host in range(options.hosts)]
    spool = [0] * options.hosts
    heapq.heapify(ticks)
    while ticks:
        at, host, since = heapq.heappop(ticks)
        if at > WEEK_S:
            continue
        elapsed = TICK_S if at > TICK_S else at
        mean = workers * options.calls_per_s * rate(at)
        rows = poisson(mean * elapsed, rng)
        seen.rows, seen.segments = seen.rows + rows, seen.segments + nonempty(workers, rows, elapsed / ROTATE_S)
        seen.peak_rows_per_s = max(seen.peak_rows_per_s, rows / elapsed)
        spool[host] += rows
        seen.worst_spool_bytes = max(seen.worst_spool_bytes, spool[host] * costs.row_bytes)
        if outage[0] <= at < outage[1] or not spool[host]:
            heapq.heappush(ticks, (at + TICK_S, host, since if spool[host] else at))
            continue
        n_commits = math.ceil(spool[host] / BATCH_ROWS)
        ready = at + costs.open_s + spool[host] * costs.row_s
        start = max(ready, free_at)
        free_at = start + n_commits * costs.commit_s
        seen.commits, seen.busy_s = seen.commits + n_commits, seen.busy_s + n_commits * costs.commit_s
        lags.append((free_at - since + ROTATE_S, spool[host]))
        spool[host] = 0
        heapq.heappush(ticks, (max(at + TICK_S, free_at), host, at))
    return seen, lags


def share(lags: list[tuple[float, int]], at: float) -> float:
    """Age that this share of all rows did not exceed."""
    wanted = at * sum(n for _, n in lags)
    for lag, n in sorted(lags):
        wanted -= n
        if wanted <= 0:
            return lag
    return 0.0


def report(options: argparse.Namespace, costs: Costs) -> dict[str, float]:
    seen, lags = week(options, costs)
    steps = options.workers * (costs.redis_steps_per_s + costs.redis_steps_per_call * options.calls_per_s * 2.4)
    per_ingest = seen.peak_rows_per_s * TICK_S * costs.row_s + costs.open_s
    return {
        "calls": seen.rows,
        "segments": seen.segments,
        "gb_written_to_spools": seen.rows * costs.row_bytes / 1e9,
        "gb_of_parquet": seen.rows * costs.parquet_row_bytes / 1e9,
        "files_per_day_before_compaction": seen.commits / 7,
        "lag_p50_s": share(lags, 0.5),
        "lag_p99_s": share(lags, 0.99),
        "lag_max_s": max(lag for lag, _ in lags),
        "worst_spool_mb_of_a_host": seen.worst_spool_bytes / 1e6,
        "ingester_cores_per_host_at_peak": per_ingest / TICK_S,
        "catalogue_busy_share": seen.busy_s / WEEK_S,
        "redis_steps_per_s_at_peak": steps,
        "redis_busy_share_at_peak": steps * costs.redis_step_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("workers", 100), ("hosts", 10), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default_share in (("calls-per-s", 0.5), ("outage-h", 1.0)):
        parser.add_argument(f"--{name}", type=float, default=default_share)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not 1 <= options.hosts <= options.workers:
        parser.error(f"--hosts must be between 1 and --workers, not {options.hosts}")
    found = report(options, Costs())
    if options.json:
        print(json.dumps({"costs": asdict(Costs()), **found}, indent=2))
        return
    for line in lines(found):
        print(line)


def lines(found: dict[str, float]) -> Iterator[str]:
    for name, value in found.items():
        shown = f"{value:,.0f}" if value >= 100 else f"{value:,.3g}"
        yield f"{name.replace('_', ' '):34}{shown:>14}"


if __name__ == "__main__":
    main()
