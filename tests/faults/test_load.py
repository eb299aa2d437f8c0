"""Many callers at once, in virtual time: what the engine does to a provider that is full, down, or just back.

Guards P1 (no call lost while a target is healthy), P3 (few extra requests) and the rows U1, U10, U33, U34 of the matrix.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from routerkit import Policy, Pool, ProviderError, Request, Router, RouterState
from routerkit.errors import RouterKitError
from routerkit.messages import Chunk, Reply
from routerkit.testing import Recorder, make_reply, make_target
from tests.faults.virtual_time import VirtualLoop, run


@dataclass
class Upstream:
    """A provider that serves `places` calls at once in about `serve_s` seconds each, and is down whenever `is_down` says so."""

    loop: VirtualLoop
    places: int = 1_000
    serve_s: float = 1.0
    is_down: Callable[[float], bool] = lambda now: False
    running: int = 0
    hits: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    keeps_deadline = True

    async def acomplete(self, request: Request) -> Reply:
        self.hits.append(self.loop.now_s)
        if self.is_down(self.loop.now_s):
            raise ProviderError("down", code="overloaded", status=503)
        if self.running >= self.places:
            self.refused.append(len(self.hits))
            raise ProviderError("too many", code="rate_limit", status=429)
        self.running += 1
        try:
            await asyncio.sleep(self.serve_s * (0.8 + 0.4 * (len(self.hits) % 7) / 6))
        finally:
            self.running -= 1
        return make_reply()

    def complete(self, request: Request) -> Reply:
        raise NotImplementedError

    def stream(self, request: Request) -> Iterator[Chunk]:
        raise NotImplementedError

    def astream(self, request: Request) -> AsyncIterator[Chunk]:
        raise NotImplementedError


def router_over(loop: VirtualLoop, *upstreams: Upstream, recorder: Recorder | None = None) -> Router:
    named = {f"t{n}": upstream for n, upstream in enumerate(upstreams)}
    pool = Pool("pool", tuple(make_target(name) for name in named), "fallback")
    state = RouterState({"pool": pool}, named, {"fallback": Policy("fallback", "fallback")})
    return Router(state, clock=loop.time, asleep=asyncio.sleep, rng=random.Random(7), observers=[recorder] if recorder else [])


async def calls(router: Router, n: int, *, clients: int, pause_s: float = 0.0, same: bool = False) -> int:
    """So many calls by so many clients, each with the next when the last has ended; returns how many were answered."""
    answered = 0
    pending = iter(range(n))

    async def client() -> None:
        nonlocal answered
        for number in pending:
            text = "hello" if same else "x" * number
            try:
                await router.acomplete(Request("pool", ({"role": "user", "content": text},), timeout_s=600.0))
                answered += 1
            except RouterKitError:
                pass
            await asyncio.sleep(pause_s)

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered


def test_u33_places_of_a_full_target_are_found_and_kept_busy() -> None:
    """A target that takes four at once, twenty callers: nobody is lost, hardly anything refused, no place stands empty."""
    loop = VirtualLoop()
    upstream = Upstream(loop, places=4)
    router = router_over(loop, upstream)
    began = loop.now_s
    assert 600 == run(calls(router, 600, clients=20), loop)
    assert 3 <= (router.lanes.places("t0") or 0) <= 5
    assert len([n for n in upstream.refused if n > 100]) < 0.1 * (len(upstream.hits) - 100)
    assert loop.now_s - began < 600 / 4 / 0.9


def test_u33_more_places_are_found_when_there_are_more() -> None:
    loop = VirtualLoop()
    upstream = Upstream(loop, places=4)
    router = router_over(loop, upstream)
    run_all = calls(router, 100, clients=20)

    async def both() -> None:
        await run_all
        upstream.places = 16
        await calls(router, 1_000, clients=20)

    run(both(), loop)
    assert 12 <= (router.lanes.places("t0") or 20)


def test_full_target_is_left_for_a_free_one() -> None:
    """Nobody waits while another target of the pool is free."""
    loop = VirtualLoop()
    small, large = Upstream(loop, places=2), Upstream(loop)
    router = router_over(loop, small, large)
    began = loop.now_s
    assert 200 == run(calls(router, 200, clients=20), loop)
    assert loop.now_s - began < 200 / 20 * 1.3


def test_u1_dead_target_costs_no_call_and_few_requests() -> None:
    loop = VirtualLoop()
    dead, well = Upstream(loop, is_down=lambda now: True), Upstream(loop)
    assert 1_000 == run(calls(router_over(loop, dead, well), 1_000, clients=10), loop)
    assert len(dead.hits) + len(well.hits) <= 1.1 * 1_000
    assert len([at for at in dead.hits if at < 1_001]) <= 5 + 10


def test_u1_holds_for_one_request_asked_over_and_over() -> None:
    """Load tests say the same to everybody; that it is one request must not keep the breaker shut."""
    loop = VirtualLoop()
    dead, well = Upstream(loop, is_down=lambda now: now > 1_010), Upstream(loop)
    router = router_over(loop, dead, well)
    assert 500 == run(calls(router, 500, clients=5, same=True), loop)
    assert len(dead.hits) + len(well.hits) <= 1.1 * 500


def test_u34_all_down_and_back_is_served_again_within_15_s() -> None:
    loop = VirtualLoop()
    first, second = (Upstream(loop, serve_s=0.1, is_down=lambda now: 1_010 < now < 1_040) for _ in range(2))
    recorder = Recorder()
    router = router_over(loop, first, second, recorder=recorder)
    run(calls(router, 3_000, clients=4, pause_s=0.05), loop)
    assert loop.now_s > 1_056, "the calls must go on beyond the outage"
    ended = [(1_000 + (r.at - recorder.records[0].at).total_seconds(), r) for r in recorder.records]
    assert all(r.status == "ok" for r in recorder.records[-1_000:]), ended[-1]


def test_p3_target_that_is_down_for_all_is_not_stormed() -> None:
    """Each call alone would ask three times; together they may ask a tenth more than once each, and a few."""
    loop = VirtualLoop()
    down = Upstream(loop, is_down=lambda now: True)
    router = router_over(loop, down)
    assert 0 == run(calls(router, 600, clients=10, pause_s=1.0), loop)
    n_tens_of_s = (loop.now_s - 1_000) / 10
    assert len(down.hits) <= 1.1 * 600 + 3 * n_tens_of_s


def test_u10_target_that_is_back_is_loaded_step_by_step() -> None:
    """One call in four at first, then one in two, then all: what was just started is not stormed."""
    loop = VirtualLoop()
    restarted, other = Upstream(loop, serve_s=0.01, is_down=lambda now: now < 1_005), Upstream(loop, serve_s=0.01)
    router = router_over(loop, restarted, other)
    run(calls(router, 4_000, clients=1, pause_s=0.01), loop)
    back = next(at for at in restarted.hits if at > 1_005)
    shares = [_share(restarted.hits, other.hits, back + start) for start in (0.5, 5.5, 11.0)]
    assert [0.25, 0.5, 1.0] == [round(share, 1) if share > 0.3 else round(share, 2) for share in shares]


def _share(hits: list[float], others: list[float], since: float) -> float:
    """Share of the calls of four seconds that went to the first."""
    counts = [sum(since <= at < since + 4 for at in ats) for ats in (hits, others)]
    return counts[0] / sum(counts)
