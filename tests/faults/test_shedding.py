"""Not enough places for all, in virtual time: who is served, in which order, and who is told at once that it will not be (A10)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from routerkit import AllAttemptsFailedError, Policy, Pool, Reply, Request, Router, RouterState
from routerkit.fair_queue import Priority
from routerkit.lanes import MOST_WAITING
from routerkit.testing import make_target
from tests.faults.test_load import Upstream
from tests.faults.virtual_time import VirtualLoop, run


class World:
    """A router over targets that take `at_once` calls of one second each by configuration, though the upstream would take more."""

    def __init__(self, *at_once: int | None) -> None:
        self.loop = VirtualLoop()
        self.upstreams = [Upstream(self.loop) for _ in at_once]
        named = {f"t{n}": upstream for n, upstream in enumerate(self.upstreams)}
        targets = tuple(replace(make_target(name), at_once=n) for name, n in zip(named, at_once, strict=True))
        state = RouterState({"pool": Pool("pool", targets, "fallback")}, named, {"fallback": Policy("fallback", "fallback")})
        self.router = Router(state, clock=self.loop.time, asleep=asyncio.sleep)
        self.order: list[str] = []

    async def ask(self, name: str, priority: Priority = "agent", *, tenant: str = "a", timeout_s: float = 600.0) -> Reply:
        message = {"role": "user", "content": name}
        reply = await self.router.acomplete(Request("pool", (message,), agent=tenant, priority=priority, timeout_s=timeout_s))
        self.order.append(name)
        return reply

    def crowd(self, n: int, name: str, priority: Priority = "agent", *, tenant: str = "a") -> list[asyncio.Task[Reply]]:
        return [asyncio.ensure_future(self.ask(f"{name}{i}", priority, tenant=tenant)) for i in range(n)]

    async def refused_at_once(self, priority: Priority = "agent", *, timeout_s: float = 600.0) -> AllAttemptsFailedError:
        began = self.loop.now_s
        with pytest.raises(AllAttemptsFailedError) as caught:
            await self.ask("refused", priority, timeout_s=timeout_s)
        assert self.loop.now_s - began < 0.01
        return caught.value


def test_no_more_calls_at_once_than_configured() -> None:
    world = World(4)

    async def all_of_them() -> int:
        tasks, most = world.crowd(60, "r"), 0
        while not all(task.done() for task in tasks):
            most = max(most, world.upstreams[0].running)
            await asyncio.sleep(0.01)
        return most

    began = world.loop.now_s
    assert 4 == run(all_of_them(), world.loop)
    assert 60 == len(world.order)
    assert world.loop.now_s - began < 60 / 4 * 1.1


def test_full_target_is_left_for_a_free_one() -> None:
    world = World(1, None)

    async def three() -> list[Reply]:
        return await asyncio.gather(*world.crowd(3, "r"))

    assert ["t0", "t1", "t1"] == [reply.target for reply in run(three(), world.loop)]


def test_interactive_requests_pass_those_nobody_waits_for() -> None:
    world = World(1)

    async def both() -> None:
        tasks = world.crowd(5, "batch", "batch")
        await asyncio.sleep(0.1)
        await asyncio.gather(*tasks, *world.crowd(2, "person", "interactive"))

    run(both(), world.loop)
    assert ["batch0", "person0", "person1"] == world.order[:3]


def test_tenants_take_turns() -> None:
    """A key with thirty requests in the queue does not make another key's first one wait for all of them."""
    world = World(1)

    async def both() -> None:
        tasks = world.crowd(30, "many", tenant="many")
        await asyncio.sleep(0.1)
        await asyncio.gather(*tasks, *world.crowd(2, "few", tenant="few"))

    run(both(), world.loop)
    assert [2, 4] == [world.order.index(name) for name in ("few0", "few1")]


def test_full_queue_turns_away_what_matters_least_at_once() -> None:
    """Typed, without a request, with a time after which it may help; what matters more takes a place of what matters less."""
    world = World(1)
    world.upstreams[0].serve_s = 0.05

    async def crowd() -> None:
        await world.ask("first, so that it is known how long one takes")
        tasks = world.crowd(1 + MOST_WAITING, "batch", "batch")
        await asyncio.sleep(0.01)
        refused = (await world.refused_at_once("batch")).last
        assert ("shed", 503) == (refused.code, refused.status)
        assert "'t0' serves 1 calls, as many as it takes at once, and 100 wait" in str(refused)
        hits = len(world.upstreams[0].hits)
        person = asyncio.ensure_future(world.ask("person", "interactive"))
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert "person" == world.order[hits]
        shed = [e for e in ended if isinstance(e, AllAttemptsFailedError)]
        assert ["shed"] == [e.last.code for e in shed]
        assert shed[0].retry_after_s is not None
        assert shed[0].retry_after_s > 3
        assert "t0" == (await person).target

    run(crowd(), world.loop)
    assert 2 + MOST_WAITING == len(world.upstreams[0].hits)


def test_waiter_that_cannot_be_served_in_time_is_told_at_once() -> None:
    world = World(1)

    async def late() -> None:
        await world.ask("first, so that it is known how long one takes")
        tasks = world.crowd(10, "r")
        await asyncio.sleep(0.1)
        assert "shed" == (await world.refused_at_once(timeout_s=3.0)).last.code
        await asyncio.gather(*tasks)

    run(late(), world.loop)
    assert 11 == len(world.order)


def test_call_that_gives_up_leaves_its_place_in_the_queue() -> None:
    world = World(1)

    async def cancelled() -> None:
        first, second, third = world.crowd(3, "r")
        await asyncio.sleep(0.1)
        second.cancel()
        await asyncio.gather(first, third)
        assert second.cancelled()

    run(cancelled(), world.loop)
    assert ["r0", "r2"] == world.order
    assert 0 == world.router.lanes.n_waiting("t0")


def test_unknown_priority_is_named() -> None:
    world = World(1)

    async def ask() -> None:
        tasks = world.crowd(1, "r")
        await asyncio.sleep(0.1)
        with pytest.raises(Exception, match="priority is 'urgent'; it must be one of interactive, agent, batch"):
            await world.ask("r", "urgent")  # type: ignore[arg-type]
        await asyncio.gather(*tasks)

    run(ask(), world.loop)
