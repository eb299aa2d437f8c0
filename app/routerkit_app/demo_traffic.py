"""Two weeks of generated calls. They are really routed, by a real configuration, over providers that only pretend; nothing was measured."""

from __future__ import annotations

import random
import time
from asyncio import sleep as async_sleep
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from routerkit import Cell, Provider, ProviderError, Request, Router, Scorecard
from routerkit.config import build_ledger, charge_accounts, plan_state, read
from routerkit.store import find_drift, query, raise_alarms
from routerkit.testing import FakeClock, Pacer, Simulated

DAYS: Final = 14
KINDS: Final = {"bug_fix": 0.9, "refactor": 1.0, "explain": 1.15, "test_write": 0.8}
"""How hard a kind is: factor of a target's quality."""
QUALITY: Final = {"small": 0.55, "medium": 0.72, "large": 0.84}
USD_PER_MTOK: Final = {"small": 0.1, "medium": 1.0, "large": 5.0}
_LATENCY_S: Final = {"small": 0.6, "medium": 1.8, "large": 4.0}
_WORDS: Final = {"small": 90, "medium": 140, "large": 200}
"""Length of an answer."""
_AGENTS: Final = {"ci": 5, "nightly": 3, "editor": 2}
"""Share of the calls."""
_REPORTED: Final = 0.6
"""Share of the answers that somebody reports on."""
_SPENT: Final = """
    SELECT account, sum(cost_usd) FROM (SELECT unnest(['agent:' || agent, 'pool:' || pool]) AS account, cost_usd FROM calls
    WHERE cost_usd IS NOT NULL AND called_at >= now()::TIMESTAMPTZ AT TIME ZONE 'UTC' - INTERVAL 1 DAY) GROUP BY account"""
_TARGET: Final = """\
[providers.{name}]
kind = "simulated"
latency_s = {latency_s}

[targets.{name}]
provider = "{name}"
model = "{name}"
max_output_tokens = 2000
usd_per_mtok = {{ input = {usd}, output = {output_usd} }}

"""
_POOL: Final = """\
[pools.coding]
targets = ["small", "medium", "large"]
policy = "careful"
usd_per_day = 3.0

[policies.careful]
kind = "cheapest_adequate"
quality_floor = 0.55
explore_share = 0.3

[budgets.ci]
usd_per_day = 0.5

[budgets.editor]
usd_per_day = 2.0

[scorecard]
path = "scorecard.json"

[ledger]
path = "."
"""


@dataclass(frozen=True, slots=True)
class _Era:
    """Some days during which the targets behave alike."""

    until_day: float
    error_rates: Mapping[str, float]
    quality: Mapping[str, float] = field(default_factory=dict)
    """Where it is not `QUALITY`."""
    slower: Mapping[str, float] = field(default_factory=dict)
    """Factor of the usual latency."""


_CALM: Final = {"small": 0.002, "medium": 0.01, "large": 0.02}
_ERAS: Final = (
    _Era(6.0, _CALM),
    _Era(6.6, {"small": 0.5, "medium": 0.8, "large": 0.6}),
    _Era(9.0, _CALM),
    _Era(DAYS, {**_CALM, "large": 0.05}, quality={"medium": 0.4}, slower={"large": 1.5}),
)
"""A calm week, half a day of outages, and finally a `medium` that no longer performs as measured."""


def generate_calls(folder: Path, n: int, rng: random.Random) -> Path:
    """Write a configuration with its scorecard, and route `n` calls by it; the configuration's path."""
    path, clock = _configure(folder), FakeClock(0.0)
    config, started = read(path), datetime.now(UTC) - timedelta(days=DAYS)
    state, ledger = plan_state(config, folder), build_ledger(config, folder)
    assert ledger is not None  # the configuration names one
    instants_s = sorted(rng.uniform(0.0, DAYS * 86_400) for _ in range(n))
    with ledger:
        for era, during_s in zip(_ERAS, _by_era(instants_s), strict=True):
            router = Router(
                replace(state, providers=_providers(era, clock, rng)),
                observers=[ledger],
                rng=rng,
                clock=clock,
                sleep=clock.sleep,
                now=lambda: started + timedelta(seconds=clock()),
            )
            for instant_s in during_s:
                clock.now_s = max(clock.now_s, instant_s)
                _call(router, era, rng, session=f"s{int(instant_s / 5_400)}")
    raise_alarms(folder, find_drift(folder, state.scorecard), state.scorecard, now=datetime.now(UTC))
    charge_accounts(config, folder, datetime.now(UTC).date().isoformat(), _spent_usd(folder), now=time.time())
    return path


def _by_era(instants_s: Sequence[float]) -> list[list[float]]:
    """The instants of each era."""
    ends_s = [era.until_day * 86_400 for era in _ERAS]
    return [[t for t in instants_s if start_s <= t < end_s] for start_s, end_s in pairwise([0.0, *ends_s])]


def _spent_usd(folder: Path) -> dict[str, float]:
    """What the last day's calls cost, by account, all of it put on today."""
    return {str(account): float(str(usd)) for account, usd in query(folder, _SPENT).rows}


def _configure(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    targets = (_TARGET.format(name=n, latency_s=_LATENCY_S[n], usd=usd, output_usd=4 * usd) for n, usd in USD_PER_MTOK.items())
    path = folder / "routerkit.toml"
    path.write_text("# Written by `routerkit app --demo`.\n" + "".join(targets) + _POOL, "utf-8")
    cells = tuple(
        Cell(name, kind, n=60, passed=60 * min(0.97, quality * factor), latency_s=_LATENCY_S[name], output_tokens=_WORDS[name] * 1.4)
        for name, quality in QUALITY.items()
        for kind, factor in KINDS.items()
    )
    (folder / "scorecard.json").write_text(Scorecard(cells, made_at=datetime.now(UTC) - timedelta(days=DAYS)).to_json(), "utf-8")
    return path


def _providers(era: _Era, clock: FakeClock, rng: random.Random) -> dict[str, Provider]:
    """One per target, whose waits pass on our clock."""

    def pause(wait_s: float) -> None:
        clock.sleep(wait_s * rng.lognormvariate(0.0, 0.5))

    pacer = Pacer(pause, async_sleep)
    return {
        name: Simulated(
            error_rate=era.error_rates[name],
            latency_s=latency_s * era.slower.get(name, 1.0),
            answer=partial(_answer, _WORDS[name], rng),
            sleep=pacer,
        )
        for name, latency_s in _LATENCY_S.items()
    }


def _answer(n_words: int, rng: random.Random, _request: Request, _is_right: bool) -> str:  # noqa: FBT001 - as answers are asked for
    return "word " * int(n_words * rng.lognormvariate(0.0, 0.4))


def _call(router: Router, era: _Era, rng: random.Random, *, session: str) -> None:
    kind, agent = rng.choice(list(KINDS)), rng.choices(list(_AGENTS), list(_AGENTS.values()))[0]
    message = {"role": "user", "content": "Please look at this function. " * rng.randint(3, 400)}
    try:
        reply = router.complete(Request("coding", (message,), kind=kind, agent=agent, session=f"{agent}-{session}"))
    except ProviderError:
        return
    if rng.random() < _REPORTED:
        quality = era.quality.get(reply.target, QUALITY[reply.target])
        router.report(reply.record_id, success=rng.random() < quality * KINDS[kind])
