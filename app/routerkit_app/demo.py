"""Generated data for a first look. The calls are really routed, over providers that only pretend; nothing was measured."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from routerkit import Pool, Price, ProviderError, Request, Router, RouterState, Target
from routerkit.ledger import Ledger
from routerkit.providers.simulated import Simulated
from routerkit_evals.sample import HARNESS, Sample, digest
from routerkit_evals.store import SampleLog

_KINDS: Final = {"bug_fix": 0.9, "refactor": 1.0, "explain": 1.15, "test_write": 0.8}
"""How hard a kind is: factor of a target's quality."""
_TARGETS: Final = {"small": (0.45, 0.1, 0.002), "medium": (0.65, 1.0, 0.01), "large": (0.82, 5.0, 0.03)}
"""Quality, dollars per million input tokens, share of failing calls."""


def generate(folder: Path, *, n_calls: int = 600, n_tasks: int = 40, seed: int = 7) -> None:
    """Fill a folder with two weeks of calls and one run of samples, all made up."""
    _calls(folder, n_calls, random.Random(seed))
    _samples(folder, n_tasks, random.Random(seed))


def _calls(folder: Path, n: int, rng: random.Random) -> None:
    targets = tuple(Target(name, name, name, price=Price(usd, 4 * usd, version="generated")) for name, (_, usd, _) in _TARGETS.items())
    providers = {name: Simulated(quality=q, error_rate=e, latency_s=0.4) for name, (q, _, e) in _TARGETS.items()}
    started, clock = datetime.now(UTC) - timedelta(days=14), _Clock()
    state = RouterState({"coding": Pool("coding", targets, "weighted")}, providers, revision="generated")
    with Ledger(folder) as ledger:
        router = Router(
            state, observers=[ledger], rng=rng, clock=clock, sleep=clock.sleep, now=lambda: started + timedelta(seconds=clock())
        )
        for number in range(n):
            clock.sleep(rng.expovariate(n / (14 * 86_400)))
            prompt = "Please look at this function. " * rng.randint(3, 400)
            kind, agent = rng.choice(list(_KINDS)), rng.choice(["ci", "nightly", "editor"])
            message = {"role": "user", "content": prompt}
            try:
                reply = router.complete(Request("coding", (message,), kind=kind, agent=agent, session=f"s{number // 12}"))
            except ProviderError:
                continue
            router.report(reply.record_id, success=rng.random() < _TARGETS[reply.target][0])


def _samples(folder: Path, n: int, rng: random.Random) -> None:
    at = datetime.now(UTC) - timedelta(hours=8)
    with SampleLog(folder) as log:
        for number in range(n):
            kind = list(_KINDS)[number % len(_KINDS)]
            luck = rng.random()
            for target, (quality, usd, _) in _TARGETS.items():
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
                        verdict="pass" if luck < quality * _KINDS[kind] + rng.gauss(0, 0.1) else "fail",
                        latency_s=rng.lognormvariate(1 + quality, 0.4),
                        input_tokens=1_000,
                        output_tokens=tokens,
                        cost_usd=(1_000 + 4 * tokens) * usd / 1e6,
                        price_version="generated",
                        answer=f"A generated answer of {target}; no model wrote it.",
                    )
                )


class _Clock:
    """Seconds that only move when told."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += 0.05 + 0.4 * random.Random(self.now_s).random()
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
