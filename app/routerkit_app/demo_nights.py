"""Generated evaluations for a first look: two nights of samples, answers and scorecards. Nothing was measured."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from routerkit.store import OUTPUTS, RUNS, SAMPLES, SCORECARDS, Row, SegmentWriter, StreamSchema
from routerkit_app.demo_traffic import KINDS, QUALITY, USD_PER_MTOK

_NIGHTS: Final = 2


def store_nights(folder: Path, *, n_tasks: int, now: datetime, seed: int) -> None:
    """Write two nights of `n_tasks` tasks each, the last one hours before `now` (UTC)."""
    rng = random.Random(seed)
    samples: list[Row] = []
    for night in range(_NIGHTS):
        started_at = now - timedelta(days=_NIGHTS - 1 - night, hours=8)
        found = [row for task in range(n_tasks) for row in _task(rng, night, task, started_at + timedelta(seconds=30 * task))]
        samples += found
        _write(folder, RUNS, [_run(night, started_at, found)])
        _write(folder, SCORECARDS, _scorecard(night, started_at + timedelta(hours=2), samples))
    _write(folder, OUTPUTS, ({"output_sha256": _sha256(t), "n_chars": len(t), "output": t} for t in _TEXTS.values()))
    _write(folder, SAMPLES, samples)


def _task(rng: random.Random, night: int, number: int, at: datetime) -> Iterable[Row]:
    kind, luck = list(KINDS)[number % len(KINDS)], rng.random()
    for target, quality in QUALITY.items():
        # The last kind is left to the two cheaper targets, as in a real first week.
        if (target, kind) == ("large", "test_write"):
            continue
        is_solved = luck < quality * KINDS[kind] + rng.gauss(0, 0.1)
        sample_id, tokens = _sha256(f"{night}/{number}/{target}")[:16], rng.randint(200, 900)
        yield {
            "attempt_id": f"{sample_id}/0",
            "sample_id": sample_id,
            "run_id": _run_id(night),
            "started_at": at.isoformat(),
            "task_id": f"generated-{number:03}",
            "task_version": str(night),
            "source": "generated",
            "kind": kind,
            "cluster": f"repository-{number % 8}",
            "target": target,
            "model": target,
            "epoch": 0,
            "verdict": "pass" if is_solved else "fail",
            "why": "" if is_solved else "1 of 4 tests fails",
            "latency_s": rng.lognormvariate(1 + quality, 0.4),
            "input_tokens": 1_000,
            "output_tokens": tokens,
            "cost_usd": (1_000 + 4 * tokens) * USD_PER_MTOK[target] / 1e6,
            "price_version": "generated",
            "output_sha256": _sha256(_TEXTS[is_solved]),
        }


def _run(night: int, at: datetime, samples: list[Row]) -> Row:
    spent = sum(float(str(row["cost_usd"])) for row in samples)
    ended_at = at + timedelta(hours=1)
    return {
        "run_id": _run_id(night),
        "recorded_at": ended_at.isoformat(),
        "started_at": at.isoformat(),
        "ended_at": ended_at.isoformat(),
        "status": "complete",
        "n_planned": len(samples),
        "n_known": 0,
        "n_done": len(samples),
        "spent_usd": spent,
    }


def _scorecard(night: int, at: datetime, samples: list[Row]) -> Iterable[Row]:
    cells: dict[tuple[str, str], list[bool]] = {}
    for row in samples:
        cells.setdefault((str(row["target"]), str(row["kind"])), []).append(row["verdict"] == "pass")
    for (target, kind), solved in cells.items():
        n, passed = len(solved), sum(solved)
        mean = (passed + 1) / (n + 2)
        half = 1.96 * (mean * (1 - mean) / (n + 2)) ** 0.5
        revision = f"generated-{night + 1}"
        yield {
            "cell_id": f"{revision}/{target}/{kind}",
            "revision": revision,
            "made_at": at.isoformat(),
            "target": target,
            "kind": kind,
            "n": n,
            "passed": passed,
            "p_mean": mean,
            "p_low": max(0.0, mean - half),
            "p_high": min(1.0, mean + half),
        }


def _run_id(night: int) -> str:
    return f"generated-night-{night + 1}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(folder: Path, schema: StreamSchema, rows: Iterable[Mapping[str, object]]) -> None:
    writer: SegmentWriter[Row] = SegmentWriter(folder, schema.name)
    for row in rows:
        writer.append(row)  # type: ignore[arg-type]  # JSON by construction
    writer.close()


_TEXTS: Final = {
    True: "# A generated answer; no model wrote it.\ndef mean(values):\n    return sum(values) / len(values) if values else 0.0\n",
    False: "# A generated answer; no model wrote it.\ndef mean(values):\n    return sum(values) / len(values)\n",
}
"""What a right and a wrong answer say."""
