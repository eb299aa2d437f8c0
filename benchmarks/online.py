"""Known changes, known truths: how soon drift is found, how often wrongly, how often off-policy intervals hold, and what replaying costs.

Run `python benchmarks/online.py [--rows 1000000] [--json OUT]`; under two minutes without `--rows`, which also fills a store of that size.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

from routerkit import Cell, Policy, PolicySettings, Scorecard
from routerkit.drift import BASELINE, Drift, Series, residual_drift, success_drift
from routerkit.ledger import Ledger
from routerkit.offpolicy import Logged, evaluate
from routerkit.store import Setting, find_drift, ingest, read_logged, replay_calls
from routerkit.store.database import CATALOG, database_path, open_writing
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router, make_target

START = datetime(2026, 1, 1, tzinfo=UTC)
CELLS, N_MEASURED, RATE, PER_ALARM = 200, 200, 0.85, 1_000.0
RATES = {"cheap": 0.6, "dear": 0.9}
CARD = Scorecard((Cell("mini", "explain", n=100, passed=80.0), Cell("sonnet", "explain", n=100, passed=95.0)))


def series(values: Sequence[float]) -> Series:
    """One value a minute."""
    return Series([int((START + timedelta(minutes=i)).timestamp() * 1e6) for i in range(len(values))], values)


def success(rng: random.Random, before: int, after: int, changed: float) -> Drift | None:
    """A target measured on N_MEASURED samples; `before` outcomes as good as it truly is, then `after` at the changed rate."""
    card = Scorecard((Cell("a", "plan", n=N_MEASURED, passed=float(sum(rng.random() < RATE for _ in range(N_MEASURED)))),))
    seen = [float(rng.random() < (RATE if i < before else changed)) for i in range(before + after)]
    return success_drift("a", "plan", series(seen), card.estimate("a", "plan"), PER_ALARM)


def cost(rng: random.Random, before: int, after: int, factor: float) -> Drift | None:
    """Log-normal costs (sigma 0.4) that are multiplied by the factor after `before` calls."""
    seen = [(1.0 if i < before else factor) * rng.lognormvariate(0.0, 0.4) for i in range(before + after)]
    return residual_drift("a", "plan", "cost", series(seen), PER_ALARM)


def false_alarms(cell: Callable[[random.Random, int, int, float], Drift | None], same: float, n: int) -> float:
    """Share of unchanged cells that alarm within n outcomes."""
    return statistics.fmean(bool((found := cell(random.Random(i), n, 0, same)) and found.is_alarm) for i in range(CELLS))


def delays(cell: Callable[[random.Random, int, int, float], Drift | None], before: int, changed: float) -> list[int]:
    """Outcomes after the change until the alarm, for 40 cells; 400 = not within 400."""
    return [_delay(lambda n, seed=seed: cell(random.Random(seed), before, n, changed)) for seed in range(40)]


def _delay(after: Callable[[int], Drift | None]) -> int:
    """By bisection: the highest evidence so far never falls."""
    low, high = 0, 400
    while high - low > 1:
        middle = (low + high) // 2
        found = after(middle)
        low, high = (low, middle) if found and found.is_alarm else (middle, high)
    return high


def drift_rows() -> Iterator[tuple[str, str]]:
    yield f"success, no change, {CELLS} cells x 500 reports: alarmed", f"{false_alarms(success, RATE, 500):.1%}"
    yield f"cost, no change, {CELLS} cells x 500 calls: alarmed", f"{false_alarms(cost, 1.0, BASELINE + 500):.1%}"
    for changed in (0.7, 0.6, 0.5, 0.3):
        found = delays(success, 300, changed)
        yield f"success {RATE} -> {changed} after 300 reports: reports to the alarm, median [10 %, 90 %]", _spread(found)
    for factor in (1.25, 1.5, 2.0):
        found = delays(cost, BASELINE + 300, factor)
        yield f"cost x {factor} after 300 calls: calls to the alarm, median [10 %, 90 %]", _spread(found)


def _spread(delays_: list[int]) -> str:
    tenths = statistics.quantiles(delays_, n=10)
    late = sum(d >= 400 for d in delays_)
    return f"{statistics.median(delays_):.0f} [{tenths[0]:.0f}, {tenths[-1]:.0f}]" + (f", {late} of 40 not within 400" if late else "")


def coverage(explore: float, *, n: int = 1_000, runs: int = 300) -> dict[str, float]:
    """How often 95 % intervals hold the truth: all to the dear target, logged by a policy that mostly takes the cheap one."""
    rng, held, refused = random.Random(5), {"ips": 0, "snips": 0, "dr": 0}, 0
    for _ in range(runs):
        rows = []
        for i in range(n):
            dear = rng.random() < explore / 2
            outcome = float(rng.random() < RATES["dear" if dear else "cheap"])
            rows.append(Logged(2 / explore if dear else 0.0, outcome, 0.7, 0.7, 1.0, i))
        found = evaluate(rows)
        refused += bool(found.why_not)
        for name in held:
            interval = getattr(found, name)
            held[name] += interval is not None and interval.low <= RATES["dear"] <= interval.high
    return {**{name: k / max(runs - refused, 1) for name, k in held.items()}, "refused": refused / runs}


def coverage_rows() -> Iterator[tuple[str, str]]:
    for explore in (0.3, 0.1):
        found = coverage(explore)
        shares = ", ".join(f"{name.upper()} {found[name]:.1%}" for name in ("ips", "snips", "dr"))
        yield f"all to a target explored with {explore / 2:.0%}: 95 % intervals hold the truth (300 logs of 1,000 calls)", shares
    yield "the same, explored with 2 %: refused", f"{coverage(0.04)['refused']:.1%}"


def replay_rows(n_rows: int) -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setting = _fill(folder)
        if n_rows:
            _multiply(folder, n_rows // 1_000)
            yield f"finding drift among {n_rows:,} stored calls, CPU", f"{_cpu_s(lambda: find_drift(folder, CARD)):.2f} s"
        sampled = []
        read_s = _cpu_s(lambda: sampled.append(read_logged(folder, sample=5_000)))
        yield f"reading {len(sampled[0].calls):,} of {sampled[0].n_stored:,} stored calls, CPU", f"{read_s:.2f} s"
        decide_s = _cpu_s(lambda: replay_calls(sampled[0].calls, {"pool": setting}))
        yield "deciding them again and estimating, CPU", f"{decide_s:.2f} s, {decide_s / len(sampled[0].calls) * 1e6:.0f} us a call"


def _fill(folder: Path) -> Setting:
    policy = Policy("careful", "cheapest_adequate", PolicySettings(quality_floor=0.7, explore_share=0.2))
    providers = {name: ScriptedProvider([make_reply()]) for name in ("mini", "sonnet")}
    targets = [make_target("mini", usd=1.0), make_target("sonnet", usd=9.0)]
    with Ledger(folder) as ledger:
        router = make_router(providers, targets=targets, policy=policy, observers=[ledger], scorecard=CARD)
        for i in range(1_000):
            router.report(router.complete(make_request("explain this")).record_id, success=i % 10 > 0)
    ingest(folder)
    return Setting(router.state.pools["pool"], Policy("new", "cheapest_adequate", PolicySettings(quality_floor=0.9)), CARD)


def _multiply(folder: Path, times: int) -> None:
    connection = open_writing(database_path(folder), wait_s=5.0)
    copies = f"SELECT * REPLACE (record_id || '-' || i AS record_id) FROM {CATALOG}.calls, range(1, {times}) AS copies(i)"
    connection.execute(f"INSERT INTO {CATALOG}.calls BY NAME SELECT * EXCLUDE (i) FROM ({copies})")
    connection.close()


def _cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, str] = {}
    for name, value in chain(drift_rows(), coverage_rows(), replay_rows(options.rows)):
        found[name] = value
        print(f"{name}: {value}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
