"""Equal requests at the same moment on several workers with one Redis: one asks, whatever becomes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from routerkit import AllAttemptsFailedError, ProviderError, Reply
from routerkit.cache import AnswerCache, tower
from routerkit.cache import redis as shelf_of_redis
from routerkit.cache.entry import Entry, from_bytes, to_bytes
from routerkit.cache.flights import MAX_FAILURES, Landing
from routerkit.cache.redis import RedisShelf
from routerkit.cache.shelf import ShelfThread
from routerkit.cache.tower import CLAIM_S, Clearance, Tower
from routerkit.cache.wish import key_of
from routerkit.testing import make_reply
from routerkit.waiting import Wait, result
from tests.unit.test_cache import ASK, Gated, Here

ROOT = Path(__file__).parents[2]
FAILED = ProviderError("not like that", code="invalid_request")
CUT = Reply("cut", finish_reason="length")
SHARED = make_reply("shared")


class Worker(Here):
    """A caching router of its own, as in a process of its own."""

    def __init__(self, url: str, provider: Gated) -> None:
        super().__init__(provider)
        shelf = RedisShelf(url, now=self.clock)
        self.thread = ShelfThread(lambda: shelf)
        self.tower = Tower(self.thread)
        self.cache = AnswerCache(shelf=self.thread, tower=self.tower, now=self.clock)
        self.router.remember(self.cache)

    async def asking(self, **more: float) -> asyncio.Task[Reply]:
        """A call, once it has looked who asks already."""
        asked = asyncio.create_task(self.router.acomplete(replace(ASK, **more)))
        await asyncio.sleep(0)
        await asyncio.to_thread(self.has_looked)
        return asked

    def has_looked(self) -> None:
        """Wait until all that was asked of Redis is done: the thread does one thing after the other."""
        self.thread.fetch("nothing").result(10)


class Crew:
    """Workers on one Redis whose calls all go to one provider."""

    def __init__(self, url: str, *script: Reply | ProviderError) -> None:
        self.url, self.provider = url, Gated(*script)
        self.workers: list[Worker] = []

    def hire(self, n: int = 1) -> list[Worker]:
        hired = [Worker(self.url, self.provider) for _ in range(n)]
        self.workers += hired
        return hired

    async def is_asked(self) -> None:
        assert await asyncio.to_thread(self.provider.asked.wait, 10)

    def flights(self) -> list[bytes]:
        """What Redis still knows of flights."""
        for worker in self.workers:
            worker.has_looked()
        with Redis.from_url(self.url) as redis:
            return list(redis.scan_iter("routerkit:flight:*"))

    def close(self) -> None:
        for worker in self.workers:
            worker.router.close()


@pytest.fixture
def crew(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Crew]]:
    """Workers on one Redis, which is asked with patience: this machine may be busy."""
    monkeypatch.setattr(tower, "_ANSWER_S", 10.0)
    monkeypatch.setattr(shelf_of_redis, "_ANSWER_S", 10.0)
    with ExitStack() as stack:

        def make(*script: Reply | ProviderError) -> Crew:
            made = Crew(redis_url, *script)
            stack.callback(made.close)
            return made

        yield make


async def everybody(tasks: list[asyncio.Task[Reply]]) -> list[Reply | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_equal_requests_on_four_workers_are_one_upstream_call(crew):
    """Q4, across processes: threads and event loops together; every call has its row, and nothing is left in Redis."""
    here = crew(SHARED)
    workers = here.hire(4)

    async def many(worker: Worker) -> list[Reply]:
        return await asyncio.gather(*(worker.router.acomplete(ASK) for _ in range(15)))

    with ThreadPoolExecutor(24) as pool:
        threads = [pool.submit(worker.router.complete, ASK) for worker in workers for _ in range(5)]
        loops = [pool.submit(asyncio.run, many(worker)) for worker in workers]
        assert here.provider.asked.wait(10)
        here.provider.gate.set()
        replies = [t.result(20) for t in threads] + [r for loop in loops for r in loop.result(20)]
    assert (1, {"shared"}) == (here.provider.n_asked, {r.text for r in replies})
    records = [r for worker in workers for r in worker.recorder.records]
    assert (80, 79) == (len(records), sum(r.cached_from is not None for r in records))
    assert [] == here.flights()
    assert [{}] * 4 == [worker.tower._aloft for worker in workers]
    assert [{}] * 4 == [worker.cache._flights._flights for worker in workers]


async def test_answer_that_lands_is_a_hit_for_those_who_followed(crew, call):
    """Also as a stream, and when it came as one."""
    here = crew(SHARED)
    first, second = here.hire(2)
    leading = await first.asking()
    await here.is_asked()
    following = asyncio.create_task(asyncio.to_thread(lambda: "".join(c.text for c in second.router.stream(ASK))))
    here.provider.gate.set()
    assert ("shared", "shared") == ((await leading).text, await following)
    assert 1 == here.provider.n_asked


async def test_when_the_leader_fails_one_of_all_others_asks(crew):
    """Not one in each process."""
    here = crew(FAILED, SHARED)
    first, *others = here.hire(4)
    leading = await first.asking()
    await here.is_asked()
    tasks = [leading, *[await worker.asking() for worker in others for _ in range(3)]]
    here.provider.gate.set()
    ended = await everybody(tasks)
    assert isinstance(ended[0], AllAttemptsFailedError)
    assert {"shared"} == {r.text for r in ended[1:]}
    assert 2 == here.provider.n_asked


async def test_after_two_failures_each_asks_for_itself(crew):
    here = crew(FAILED, FAILED, SHARED)
    workers = here.hire(3)
    tasks = [await workers[0].asking()]
    await here.is_asked()
    tasks += [await worker.asking() for worker in workers for _ in range(2)]
    here.provider.gate.set()
    ended = await everybody(tasks)
    assert (2, 5) == (sum(isinstance(e, AllAttemptsFailedError) for e in ended), sum(isinstance(e, Reply) for e in ended))
    assert 3 <= here.provider.n_asked <= 7  # who comes a moment later finds what another one of them has stored


async def test_answers_that_cannot_be_shared_are_asked_for_by_each(crew):
    here = crew(CUT)
    first, *others = here.hire(3)
    tasks = [await first.asking()]
    await here.is_asked()
    tasks += [await worker.asking() for worker in others for _ in range(2)]
    here.provider.gate.set()
    assert ["length"] * 5 == [r.finish_reason for r in await everybody(tasks)]
    assert 5 == here.provider.n_asked


async def test_when_the_leader_goes_away_another_process_asks_and_nobody_fails(crew):
    here = crew(SHARED)
    first, *others = here.hire(3)
    leading = await first.asking()
    await here.is_asked()
    tasks = [await worker.asking() for worker in others for _ in range(2)]
    leading.cancel()
    here.provider.gate.set()
    assert {"shared"} == {r.text for r in await everybody(tasks)}
    assert 2 == here.provider.n_asked


async def test_waiting_for_another_process_ends_with_half_of_the_deadline(crew):
    here = crew(SHARED)
    first, second = here.hire(2)
    leading = await first.asking()
    await here.is_asked()
    here.provider.asked.clear()
    hurried = await second.asking(timeout_s=0.2)
    await here.is_asked()
    assert 2 == here.provider.n_asked
    here.provider.gate.set()
    await everybody([leading, hurried])
    assert second.recorder.records[0].request.timeout_s < 0.15


async def test_caller_that_leaves_while_it_waits_stops_nobody(crew):
    """A follower, and one who has not heard yet whether it leads."""
    here = crew(SHARED)
    first, second, third = here.hire(3)
    too_soon = asyncio.create_task(third.router.acomplete(ASK))
    await asyncio.sleep(0)
    too_soon.cancel()
    await everybody([too_soon])
    third.has_looked()
    assert [] == here.flights()
    leading = await first.asking()
    await here.is_asked()
    following = await second.asking()
    following.cancel()
    here.provider.gate.set()
    assert "shared" == (await leading).text
    assert 1 == here.provider.n_asked


async def test_request_for_a_newer_answer_is_asked_once_too(crew):
    """The one that is stored will not do for either worker; what the other brings does."""
    here = crew(SHARED)
    first, second = here.hire(2)
    here.provider.gate.set()
    await first.router.acomplete(ASK)
    for worker in (first, second):
        worker.clock.now_s += 100
    here.provider.gate.clear()
    here.provider.asked.clear()
    leading = await first.asking(cache_control="max-age=50")
    await here.is_asked()
    following = await second.asking(cache_control="max-age=50")
    here.provider.gate.set()
    assert (await leading).record_id == (await following).cached_from
    assert 2 == here.provider.n_asked


def test_damaged_answer_is_asked_for_once(crew):
    """S5."""
    here = crew(SHARED)
    (worker,) = here.hire()
    here.provider.gate.set()
    with Redis.from_url(here.url) as redis:
        redis.set(f"routerkit:answer:{{{key_of(ASK, worker.router.state)}}}", b"damaged")
    assert "shared" == worker.router.complete(ASK).text


async def test_flight_whose_process_died_lapses_and_one_follower_takes_over(crew):
    """Its claim, which it does not renew any more, runs out."""
    here = crew(SHARED)
    dead, *others = here.hire(4)
    (key,) = [key_of(ASK, dead.router.state)]
    search = dead.tower.clear(key, 0, lambda data: None)
    with pytest.raises(StopIteration):
        search.send(result(*next(search)))
    tasks = [await worker.asking() for worker in others for _ in range(2)]
    assert 0 == here.provider.n_asked
    with Redis.from_url(here.url) as redis:
        assert 0 < redis.pttl(f"routerkit:flight:{{{key}}}") <= 1000 * CLAIM_S
        redis.pexpire(f"routerkit:flight:{{{key}}}", 1)
    await here.is_asked()
    here.provider.gate.set()
    assert {"shared"} == {r.text for r in await everybody(tasks)}
    assert 1 == here.provider.n_asked


async def test_claims_are_renewed_and_those_of_others_are_not(crew):
    here = crew(SHARED)
    first, second = here.hire(2)
    leading = await first.asking()
    await here.is_asked()
    (flight,) = here.flights()
    second.tower._aloft[key_of(ASK, first.router.state)] = "somebody 0"
    with Redis.from_url(here.url) as redis:
        redis.pexpire(flight, 500)
        second.tower._renew()
        second.has_looked()
        assert redis.pttl(flight) <= 500
        first.tower._renew()
        first.has_looked()
        assert redis.pttl(flight) > 500
    here.provider.gate.set()
    await leading


def test_forked_child_does_not_renew_what_its_parent_asks(crew):
    (worker,) = crew().hire()
    worker.tower._aloft["key"] = "parent 0"
    pid = os.fork()
    if pid == 0:
        os._exit(len(worker.tower._aloft))
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    worker.tower._aloft.clear()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
async def test_when_redis_dies_midway_each_process_goes_on_alone(mortal, end, caplog):
    """One call in each of them, none lost; it is said once in each."""
    with mortal:
        here = Crew(mortal.url, SHARED)
        first, *others = here.hire(3)
        tasks = [await first.asking()]
        await here.is_asked()
        tasks += [await worker.asking() for worker in others for _ in range(3)]
        os.kill(mortal.pid, end)
        while here.provider.n_asked < 3:
            await asyncio.sleep(0.01)
        here.provider.gate.set()
        assert {"shared"} == {r.text for r in await everybody(tasks)}
        assert 3 == here.provider.n_asked
        here.close()
        os.kill(mortal.pid, signal.SIGCONT if end == signal.SIGSTOP else 0)
    assert 3 == sum("cached by this process alone: Redis is away" in r.message for r in caplog.records)


@pytest.fixture
def start(redis_url: str) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts workers of `flying.py`; none outlives the test."""
    with ExitStack() as stack:

        def begin(n_calls: int) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "tests.state.flying", redis_url, str(n_calls)]
            begun = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            stack.enter_context(begun)
            stack.callback(begun.kill)
            return begun

        yield begin


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """Has patience, where the client's own ends after seconds."""
    with Redis.from_url(redis_url, socket_timeout=60) as client:
        yield client


def open_gate(redis: Redis) -> None:
    redis.rpush("gate", "open")


def heard(workers: list[subprocess.Popen[str]]) -> list[str]:
    said = [worker.communicate(timeout=30) for worker in workers]
    assert [0] * len(workers) == [worker.returncode for worker in workers], said
    return sorted(out for out, _ in said)


@pytest.mark.slow
def test_four_processes_ask_once_and_longer_than_a_claim_lasts(start, redis):
    """The leader's heart renews it."""
    workers = [start(10) for _ in range(4)]
    assert redis.blpop("asked", 30)
    assert redis.blpop("asked", CLAIM_S + 1.5) is None
    open_gate(redis)
    assert ["shared 10"] * 3 + ["shared 9"] == heard(workers)
    assert 0 == redis.llen("asked")


@pytest.mark.slow
def test_killed_leaders_followers_have_one_of_them_ask(start, redis):
    """Within seconds, and without anybody else's help."""
    leader = start(1)
    assert leader.pid == int(redis.blpop("asked", 30)[1])
    others = [start(5) for _ in range(3)]
    leader.kill()
    assert int(redis.blpop("asked", 30)[1]) in {worker.pid for worker in others}
    open_gate(redis)
    assert ["shared 4", "shared 5", "shared 5"] == heard(others)
    assert 0 == redis.llen("asked")


ENTRY = Entry(Reply("x", finish_reason="stop"), 0.0, 4e9)
ENDS = {"answer": ENTRY, "failed": Landing.FAILED, "unshared": Landing.UNSHARED, "cancelled": Landing.CANCELLED}
STEPS = [*["step"] * 9, *ENDS, "death"]
Search = Generator[Wait, Any, Entry | Clearance | Landing | None]


class Sky:
    """Processes that look for the same answer, each step of each of them when the test says so."""

    def __init__(self, url: str, n: int) -> None:
        self.url, self.threads = url, []
        self.leads: dict[int, Clearance] = {}
        self.ended: dict[int, Entry | Landing] = {}
        self.searches: dict[int, Search] = {}
        self.heard: dict[int, object] = dict.fromkeys(range(n))
        self.n_led = 0
        self.towers = []
        for number in range(n):
            shelf = RedisShelf(url)
            self.threads.append(ShelfThread(lambda shelf=shelf: shelf))
            self.towers.append(Tower(self.threads[-1], clock=lambda: 0.0))
            self.searches[number] = self.towers[-1].clear("key", 0, from_bytes)

    def step(self, number: int) -> None:
        """Let one process go on to its next wait, and wait."""
        search = self.searches.get(number)
        if search is None:
            return
        try:
            wait = search.send(self.heard[number])
        except StopIteration as stop:
            del self.searches[number]
            self._found(number, stop.value)
            return
        is_pause = wait.timeout_s < 0.1  # on a clock that stands still
        self.heard[number] = None if is_pause else wait.future.result(10)

    def _found(self, number: int, found: Entry | Clearance | Landing | None) -> None:
        if isinstance(found, Clearance):
            self.leads[number] = found
            self.n_led += 1
        else:
            self.ended[number] = found or Landing.UNSHARED  # None: this machine is too busy, and it goes on alone

    def land(self, number: int, end: str) -> None:
        """The leader's call ends, or the leader."""
        if (clearance := self.leads.pop(number, None)) is None:
            return
        if end == "death":
            with Redis.from_url(self.url) as redis:
                redis.delete("routerkit:flight:{key}")
            self.ended[number] = Landing.CANCELLED
        else:
            if end == "answer":
                self.threads[number].store("key", to_bytes(ENTRY), ENTRY.expires_at)
            clearance.land(ENDS[end])
            self.ended[number] = ENDS[end]
            self.threads[number].fetch("").result(10)

    def close(self) -> None:
        for part in (*self.towers, *self.threads):
            part.close()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 4), st.lists(st.tuples(st.integers(0, 3), st.sampled_from(STEPS)), max_size=40), st.sampled_from(list(ENDS)))
def test_whatever_happens_when_one_leads_at_a_time_and_all_end(redis_server, n, events, last):
    """Steps of all processes and ends of flights in any order: never two leaders, no answer missed, no more flights than the rules say."""
    redis_server.empty()
    sky = Sky(redis_server.url, n)
    for number in range(n):  # the first one leads, and the others have seen that
        sky.step(number)
        sky.step(number)
    assert [0] == list(sky.leads)
    for number, event in events:
        sky.step(number) if event == "step" else sky.land(number, event)
        assert len(sky.leads) <= 1
    while sky.searches or sky.leads:
        for number in range(n):
            sky.step(number)
            sky.land(number, last)
            assert len(sky.leads) <= 1
    ends = list(sky.ended.values())
    assert n == len(ends)
    assert sky.n_led <= MAX_FAILURES + ends.count(Landing.CANCELLED)
    sky.close()
