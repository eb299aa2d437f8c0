"""Hedging, cascades, routers within routers, the cache and budgets together, over upstreams that fail by dice, for callers that leave.

Guards P2 (nothing silently wrong), P4 (books), P10 (upstreams closed) and P14 (one record a call) where features meet; each by itself has
its own tests.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest

from routerkit import Policy, PolicySettings, Pool, Price, ProviderError, Request, Retry, Router, RouterState, Scorecard, Target, Verdict
from routerkit.cache import AnswerCache, CachingRouter
from routerkit.hedging import FEWEST_CALLS
from routerkit.joint import VerifierCounts
from routerkit.messages import Reply
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers
from routerkit.testing import Recorder
from tests.faults.composing import composed
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI
from tests.unit.test_escalation import CELLS, LADDER, STEPS

N_SEEDS: Final = 20
N_CALLS: Final = 6
CARD: Final = Scorecard(CELLS, joint=(LADDER,), verifiers=(VerifierCounts("dice", "bug_fix", 200, 190, 200, 10),))
FALLBACK: Final = Policy("f", "fallback")
CASCADE: Final = Policy("careful", "cascade", PolicySettings(quality_floor=0.88, verify=("dice",)))
TIMERS: Final = Timers(first_token_s=0.2, between_chunks_s=0.2)
ASK: Final = Request("pool", (), kind="bug_fix", agent="a", temperature=0, max_tokens=99, timeout_s=0.5)


class Odd(StrictOpenAI):
    """Answers by dice; keeps what its answers said to the end."""

    dice = random.Random(0)
    said: frozenset[str] = frozenset()

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        super()._note(path, headers, raw)
        if self.dice.random() < 0.05:
            return Fault(hang=True)
        answer = composed(self.dice, is_stream=bool(self.bodies[-1].get("stream")))
        self.said |= {answer.text}
        return Fault(raw=answer.raw, delay_s=self.dice.choice([0.0, 0.0, 0.05]))


class Dice:
    """A check that says anything."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)

    def verify(self, request: Request, reply: Reply) -> Verdict:
        return Verdict(self._dice.choice([True, False, None]), "because", self._dice.choice([0.0, 0.0001]))


class World:
    """One router over the three servers, with features by dice."""

    def __init__(self, seed: int, servers: dict[str, Odd]) -> None:
        self.dice, self.recorder, self.servers, self.routers = random.Random(seed), Recorder(), servers, list[Router]()
        for server in servers.values():
            server.dice, server.said = random.Random(f"{seed}{server.port}"), frozenset()
        self.leaves = {name: OpenAICompatible(server.base_url, server.api_key, timers=TIMERS) for name, server in servers.items()}
        providers = {name: self._within(name) if self.dice.random() < 0.3 else leaf for name, leaf in self.leaves.items()}
        policy = self.dice.choice([FALLBACK, FALLBACK, CASCADE])
        pool = Pool("pool", tuple(_target(name, "pool") for name in STEPS), policy.name)
        state = RouterState({"pool": pool}, providers, {policy.name: policy}, scorecard=CARD, verifiers={"dice": Dice(seed)})
        self.router = self._made(self.dice.choice([Router, CachingRouter]), replace(state, budgets={"a": 50.0}), self.recorder)
        if isinstance(self.router, CachingRouter):
            self.router.remember(AnswerCache())
        for name in STEPS * FEWEST_CALLS:  # so that some calls are late
            for is_stream in (False, True):
                self.router._extras._paces.note(name, 0.02, is_stream=is_stream)

    def _within(self, name: str) -> Router:
        """A router with one target, to be a target itself."""
        return self._made(Router, RouterState({"pool": Pool("pool", (_target(name),), "f")}, {name: self.leaves[name]}, {"f": FALLBACK}))

    def _made(self, kind: type[Router], state: RouterState, *observers: Recorder) -> Router:
        hedged = frozenset({"pool"} if self.dice.random() < 0.5 else ())
        self.routers.append(kind(replace(state, hedged=hedged), observers=observers, retry=Retry(base_s=0.01), rng=self.dice))
        return self.routers[-1]

    async def call(self, n: int) -> str | None:
        """What the caller has in the end; None when it failed or went away."""
        text = f"hi {n // 2}"  # two of each, for the cache
        request = replace(ASK, messages=({"role": "user", "content": text},))
        task = asyncio.ensure_future(self._whole(request) if self.dice.random() < 0.5 else self._streamed(request))
        if self.dice.random() < 0.3:
            await asyncio.wait([task], timeout=self.dice.choice([0.0, 0.005, 0.05, 0.25]))
            task.cancel()
        try:
            return await task
        except (ProviderError, asyncio.CancelledError):
            return None

    async def _whole(self, request: Request) -> str:
        return (await self.router.acomplete(request)).text

    async def _streamed(self, request: Request) -> str:
        return "".join([chunk.text async for chunk in self.router.astream(request)])

    def check(self, texts: list[str | None]) -> None:
        assert {text for text in texts if text is not None} <= frozenset.union(*(server.said for server in self.servers.values()))
        assert all(server.wait_until_idle() for server in self.servers.values())
        records = self.recorder.records
        assert sum(text is not None for text in texts) <= sum(record.status == "ok" for record in records)
        assert len({record.id for record in records}) == len(records) <= len(texts)
        for router in self.routers:
            assert (0, []) == (len(router._reign._calls), [n for n in router.lanes._running.values() if n])
        leases = self.router._budgets.leases
        assert not any(loan.reserved for loan in leases._loans.values())
        leases.tick()
        (line,) = leases.store.accounts(time.strftime("%Y-%m-%d", time.gmtime())) or (None,)
        assert pytest.approx(line.spent if line else 0, abs=2) == sum(record.cost_usd or 0.0 for record in records) * 1e6


def _target(name: str, model: str = "m") -> Target:
    return Target(name, name, model, price=Price(1.0, 2.0))


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, Odd]]:
    with Odd() as mini, Odd() as middle, Odd() as large:
        yield dict(zip(STEPS, (mini, middle, large), strict=True))


@pytest.mark.parametrize("seed", range(N_SEEDS))
def test_features_keep_their_promises_together(seed: int, servers: dict[str, Odd]) -> None:
    world = World(seed, servers)

    async def crowd() -> list[str | None]:
        texts = await asyncio.gather(*[world.call(n) for n in range(N_CALLS)])
        assert {asyncio.current_task()} == asyncio.all_tasks()
        return list(texts)

    world.check(asyncio.run(crowd()))
    for provider in world.leaves.values():
        provider.close()
