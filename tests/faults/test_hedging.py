"""Hedging in virtual time (A8): a late call asks a second target, the first answer wins, the loser is ended and paid for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from routerkit import AllAttemptsFailedError, Chunk, Policy, Pool, ProviderError, Reply, Request, Retry, Router, RouterState, Usage
from routerkit.hedging import FEWEST_CALLS
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.testing import Recorder, make_reply, make_target
from tests.faults.virtual_time import VirtualLoop, run
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

ASK = Request("pool", ({"role": "user", "content": "x" * 40},), timeout_s=60.0)


@dataclass
class Upstream:
    """Answers after `serve_s` seconds; fails then where there is an error."""

    serve_s: float = 1.0
    error: ProviderError | None = None
    hits: int = 0
    ended: list[float] = field(default_factory=list)
    """When its calls were cancelled."""
    ends_s: float = 0.0
    """How long a cancelled call takes to end."""
    on_answer: Callable[[], object] = lambda: None
    """Called as a stream begins."""
    n_open: int = 0
    """Streams that have begun and not ended."""
    keeps_deadline = True

    async def acomplete(self, request: Request) -> Reply:
        await self._serve()
        return make_reply()

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        await self._serve()
        self.n_open += 1
        self.on_answer()
        try:
            yield Chunk(text="a good ")
            yield Chunk(text="answer", finish_reason="stop", usage=Usage(10, 5))
        finally:
            self.n_open -= 1

    async def _serve(self) -> None:
        self.hits += 1
        try:
            await asyncio.sleep(self.serve_s)
        except asyncio.CancelledError:
            self.ended.append(asyncio.get_running_loop().time())
            await asyncio.sleep(self.ends_s)
            raise
        if self.error is not None:
            raise self.error

    def complete(self, request: Request) -> Reply:
        raise NotImplementedError

    def stream(self, request: Request) -> Iterator[Chunk]:
        raise NotImplementedError


class World:
    """Two targets at two providers, the first of which is known to answer within a second."""

    def __init__(self, form: str = "acomplete", *, hedged: bool = True, usd_per_day: float | None = None) -> None:
        self.loop, self.form, self.recorder = VirtualLoop(), form, Recorder()
        self.a, self.b = Upstream(), Upstream()
        pool = Pool("pool", tuple(make_target(name, usd=1.0) for name in "ab"), "fallback")
        self.router = Router(
            RouterState(
                {"pool": pool},
                {"a": self.a, "b": self.b},
                {"fallback": Policy("fallback", "fallback")},
                pool_budgets={} if usd_per_day is None else {"pool": usd_per_day},
                hedged=frozenset({"pool"} if hedged else ()),
            ),
            clock=self.loop.time,
            asleep=asyncio.sleep,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
            rng=random.Random(7),
            retry=Retry(extra_attempts=0),
            observers=[self.recorder],
        )

    async def ask(self) -> str:
        if self.form == "acomplete":
            return (await self.router.acomplete(ASK)).text
        return "".join([chunk.text async for chunk in self.router.astream(ASK)])

    async def warm_up(self) -> None:
        for i in range(FEWEST_CALLS + 5):
            self.a.serve_s = 0.5 + 0.5 * (i % 10) / 9  # 1 s is the slowest twentieth
            await self.ask()
        self.recorder.records.clear()
        self.a.hits = 0


@pytest.fixture(params=["acomplete", "astream"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_late_call_is_answered_by_the_second_target_and_both_are_paid_for(form: str) -> None:
    world = World(form)

    async def late() -> float:
        await world.warm_up()
        world.a.serve_s, began = 30.0, world.loop.now_s
        assert "a good answer" == await world.ask()
        return world.loop.now_s - began

    assert 2.0 == pytest.approx(run(late(), world.loop), abs=0.2)
    assert (1, 1, 1) == (world.a.hits, world.b.hits, len(world.a.ended))
    (record,) = world.recorder.records
    lost, won = record.attempts
    assert ("ok", "b", "a", "b") == (record.status, record.target, lost.target, won.target)
    assert ("outrun", "target 'b' answered sooner", True) == (lost.error_code, lost.error, lost.maybe_billed)
    assert (0.0, pytest.approx(1.0, abs=0.1)) == (lost.offset_s, won.offset_s)
    assert lost.usage is not None
    assert lost.usage.is_estimated
    assert lost.cost_usd == pytest.approx(lost.usage.input_tokens / 1e6)
    assert record.cost_usd == pytest.approx((lost.usage.input_tokens + 15) / 1e6)


def test_first_target_may_still_win(form: str) -> None:
    world = World(form)

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s = 1.5
        assert "a good answer" == await world.ask()

    run(late(), world.loop)
    (record,) = world.recorder.records
    assert [("b", "outrun"), ("a", None)] == [(a.target, a.error_code) for a in record.attempts]
    assert ("ok", "a", 1) == (record.status, record.target, len(world.b.ended))


def test_call_in_time_asks_nobody_else(form: str) -> None:
    world = World(form)
    run(world.warm_up(), world.loop)
    assert 0 == world.b.hits


def test_pool_that_does_not_ask_for_it_is_never_hedged(form: str) -> None:
    world = World(form, hedged=False)

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s = 30.0
        await world.ask()

    run(late(), world.loop)
    assert 0 == world.b.hits


def test_hedges_are_bounded_when_everything_is_late(form: str) -> None:
    """By a tenth of the requests: a slow provider must not double the load on the others."""
    world = World(form)

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s = world.b.serve_s = 4.0  # the 95th percentile moves only with the twentieth such answer
        for _ in range(10):
            await world.ask()

    run(late(), world.loop)
    assert 1 <= world.b.hits <= 0.1 * 35


def test_second_failure_is_noted_and_not_asked_for_again(form: str) -> None:
    world = World(form)
    world.b.error = ProviderError("down", code="server")

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s, world.a.error = 3.0, ProviderError("down, too", code="server")
        with pytest.raises(AllAttemptsFailedError, match="b: down; a: down, too"):
            await world.ask()

    run(late(), world.loop)
    assert (1, 1) == (world.a.hits, world.b.hits)
    assert ["server", "server"] == [a.error_code for a in world.recorder.records[0].attempts]


def test_first_that_fails_late_is_replaced_by_the_second_under_way(form: str) -> None:
    world = World(form)

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s, world.a.error = 1.5, ProviderError("down", code="server")
        assert "a good answer" == await world.ask()

    run(late(), world.loop)
    (record,) = world.recorder.records
    assert [("a", "server"), ("b", None)] == [(a.target, a.error_code) for a in record.attempts]
    assert 1 == world.b.hits


def test_caller_that_goes_away_ends_both(form: str) -> None:
    world = World(form)

    async def gone() -> None:
        await world.warm_up()
        world.a.serve_s = world.b.serve_s = 30.0
        task = asyncio.ensure_future(world.ask())
        await asyncio.sleep(2.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(gone(), world.loop)
    (record,) = world.recorder.records
    assert ("cancelled", ["disconnected"] * 2) == (record.status, [a.error_code for a in record.attempts])
    assert (1, 1) == (len(world.a.ended), len(world.b.ended))


@pytest.mark.parametrize("serve_s", [0.5, 1.5], ids=["alone", "before a second target that is slow to end"])
def test_stream_that_begins_as_the_caller_goes_away_is_closed(serve_s: float) -> None:
    world = World("astream")
    world.b.serve_s, world.b.ends_s = 30.0, 0.05

    async def gone() -> None:
        await world.warm_up()
        world.a.serve_s, loop = serve_s, asyncio.get_running_loop()
        task = asyncio.ensure_future(world.ask())
        world.a.on_answer = lambda: loop.call_later(0.0 if serve_s < 1 else 0.02, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (0, 0) == (world.a.n_open, world.b.n_open)

    run(gone(), world.loop)
    assert "cancelled" == world.recorder.records[0].status


@pytest.mark.parametrize(("usd_per_day", "hedged"), [(0.2, 0), (0.3, 2)])
def test_both_attempts_reserve_and_settle(form: str, usd_per_day: float, hedged: int) -> None:
    """At worst an attempt costs $0.129: a budget for one pays for no hedge, one for two pays for one after the other."""
    world = World(form, usd_per_day=usd_per_day)

    async def late() -> None:
        await world.warm_up()
        world.a.serve_s = 3.0
        for _ in range(2):
            await world.ask()

    run(late(), world.loop)
    assert (2, hedged) == (world.a.hits, world.b.hits)


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
async def test_loser_is_closed_at_once_on_real_connections(is_stream: bool) -> None:
    """The winner's stream goes on in the caller's task though it began in another; the loser's socket is closed within 100 ms."""
    with StrictOpenAI() as slow, StrictOpenAI() as quick:
        providers = {"slow": OpenAICompatible(slow.base_url, slow.api_key), "quick": OpenAICompatible(quick.base_url, quick.api_key)}
        pool, recorder = Pool("pool", tuple(make_target(name) for name in providers), "fallback"), Recorder()
        state = RouterState({"pool": pool}, providers, {"fallback": Policy("fallback", "fallback")}, hedged=frozenset({"pool"}))
        router = Router(state, observers=[recorder])

        async def ask() -> str:
            if not is_stream:
                return (await router.acomplete(ASK)).text
            return "".join([chunk.text async for chunk in router.astream(ASK)])

        for _ in range(FEWEST_CALLS):
            answer = await ask()
        slow.script(Fault(hang=True))
        assert answer == await ask()
        assert await asyncio.to_thread(slow.wait_until_idle, 0.1)
        assert ["outrun", None] == [attempt.error_code for attempt in recorder.records[-1].attempts]
        router.close()
