"""Generated data for a first look. The calls are really routed, over providers that only pretend; nothing was measured."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from routerkit_app.demo_traffic import KINDS, QUALITY, USD_PER_MTOK, generate_calls
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.store import SampleLog


def generate(folder: Path, *, n_calls: int = 1_500, n_tasks: int = 40, seed: int = 7) -> Path:
    """Fill a folder with two weeks of calls and one run of samples, all made up; the configuration that the calls were routed by."""
    path = generate_calls(folder, n_calls, random.Random(seed))
    _samples(folder, n_tasks, random.Random(seed))
    return path


def _samples(folder: Path, n: int, rng: random.Random) -> None:
    at = datetime.now(UTC) - timedelta(hours=8)
    with SampleLog(folder) as log:
        for number in range(n):
            kind = list(KINDS)[number % len(KINDS)]
            luck = rng.random()
            for target, quality in QUALITY.items():
                usd = USD_PER_MTOK[target]
                tokens = rng.randint(200, 900)
                log.append(
                    Sample(
                        sample_id=digest(target, str(number)),
                        run_id="generated",
                        started_at=at + timedelta(seconds=30 * number),
                        task_id=f"generated-{number:03}",
                        task_version="1",
                        source="generated",
                        kind=kind,
                        cluster=f"repository-{number % 8}",
                        target=target,
                        model=target,
                        epoch=0,
                        prompt_sha256=digest(str(number), length=64),
                        harness=HARNESS,
                        verdict="pass" if luck < quality * KINDS[kind] + rng.gauss(0, 0.1) else "fail",
                        latency_s=rng.lognormvariate(1 + quality, 0.4),
                        input_tokens=1_000,
                        output_tokens=tokens,
                        cost_usd=(1_000 + 4 * tokens) * usd / 1e6,
                        price_version="generated",
                        answer=f"A generated answer of {target}; no model wrote it.",
                    )
                )
