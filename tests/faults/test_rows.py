"""Rows of the fault matrix that belong to no part alone: sizes, odd identities, crowds, clocks, foreign code."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from langchain_routerkit import ChatRouter
from routerkit import Policy, Pool, ProviderError, Router, RouterState, Target
from routerkit.catalog import Price
from routerkit.providers import timers
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.rules import Rule, When
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_request, make_router, make_target
from tests.contracts.colours import Call
from tests.contracts.provider import ask
from tests.faults.fronts import GATEWAY, Front, served
from tests.faults.test_bytes import END, WHOLE, chunked, event, sized
from tests.faults.test_load import Upstream, calls
from tests.faults.virtual_time import VirtualLoop, run
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

MB: Final = 1_000_000


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
    made = OpenAICompatible(openai_server.base_url, openai_server.api_key)
    yield made
    made.close()


def over(provider: OpenAICompatible, recorder: Recorder, *, price: Price | None = None) -> Router:
    """A router over one target of that provider."""
    pool = Pool("pool", (Target("t", "p", "m", price=price),), "fallback")
    return Router(RouterState({"pool": pool}, {"p": provider}, {"fallback": Policy("fallback", "fallback")}), observers=[recorder])


def test_u28_answer_of_8_mb_and_event_of_5_mb_are_delivered_in_three_times_their_size(
    call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI
) -> None:
    """The server is in this process, too, and holds the answer once more."""
    text = "x" * (5 * MB if call.is_stream else 8 * MB)
    body = {"choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}]}
    raw = chunked(event({"content": text}), END) if call.is_stream else sized(json.dumps(body).encode())
    openai_server.script(Fault(raw=raw))
    call_alone = ask("Hi.")
    tracemalloc.start()
    try:
        assert text == call(provider, call_alone).text
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < (3 + 1) * len(text) + MB


def test_u18_stream_that_is_left_open_after_its_finish_reason_ends_soon(
    stream_call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an end mark nor the end of the connection: all was said, so nobody waits for the timer of silences."""
    monkeypatch.setattr(timers, "END_MARK_S", 0.2)
    openai_server.script(Fault(raw=chunked(event({"content": "all of it"}), END, end=b""), raw_end="stall"))
    began = time.monotonic()
    assert "all of it" == stream_call(provider, ask("Hi.")).text
    assert time.monotonic() - began < 10.0
    assert openai_server.wait_until_idle()


def test_u31_answer_of_another_model_is_priced_by_its_target(call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI) -> None:
    recorder = Recorder()
    openai_server.script(
        Fault(text="hi", model="gpt-dear", usage={"prompt_tokens": 1_000, "completion_tokens": 500, "total_tokens": 1_500})
    )
    call(over(provider, recorder, price=Price(1.0, 2.0)), make_request())
    (record,) = recorder.records
    assert ("ok", "t", "gpt-dear", 0.002) == (record.status, record.target, record.model, record.cost_usd)


@pytest.mark.parametrize("front", GATEWAY[:2], ids=lambda front: front.name)
def test_u31_answer_without_an_id_gets_one(front: Front, provider: OpenAICompatible, openai_server: StrictOpenAI) -> None:
    """Typed clients refuse an answer that has none."""
    openai_server.script(Fault(raw=chunked(event({"content": "grüß dich"}), END) if front.is_stream else sized(WHOLE)))
    with served(over(provider, Recorder())) as port:
        said = posted(port, stream=front.is_stream)
    bodies = [json.loads(line[6:]) for line in said.split("\n") if line.startswith("data: {")] if front.is_stream else [json.loads(said)]
    assert all(body["id"].startswith("chatcmpl-") for body in bodies)
    assert "grüß dich" in json.dumps(bodies, ensure_ascii=False)


def posted(port: int, *, stream: bool) -> str:
    """What a gateway answers."""
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps({"model": "pool", "messages": [{"role": "user", "content": "hi"}], "stream": stream}),
        )
        answer = connection.getresponse()
        assert 200 == answer.status
        return answer.read().decode()
    finally:
        connection.close()


def test_u32_target_that_becomes_ten_times_slower_loses_its_traffic() -> None:
    """Within 30 s at least four of five calls of a pool that wants speed go elsewhere."""
    loop = VirtualLoop()
    slow, steady = Upstream(loop, serve_s=0.2), Upstream(loop, serve_s=0.3)
    named = {"slow": slow, "steady": steady}
    pool = Pool("pool", tuple(make_target(name) for name in named), "fastest")
    router = Router(RouterState({"pool": pool}, named, {"fastest": Policy("fastest", "fastest")}), clock=loop.time, asleep=asyncio.sleep)
    run(_slowing_down(router, slow), loop)
    before = _share_of(slow, steady, 1_010.0, 1_030.0)
    after = _share_of(slow, steady, 1_060.0, 1_090.0)
    assert (True, True) == (before > 0.8, after < 0.2), (before, after)


async def _slowing_down(router: Router, slow: Upstream) -> None:
    await calls(router, 400, clients=2)
    await asyncio.sleep(1_030.0 - slow.loop.now_s) if slow.loop.now_s < 1_030.0 else None
    slow.serve_s *= 10
    while slow.loop.now_s < 1_090.0:
        await calls(router, 4, clients=2)


def _share_of(one: Upstream, other: Upstream, since: float, until: float) -> float:
    n, m = [sum(since <= at < until for at in upstream.hits) for upstream in (one, other)]
    return n / (n + m)


def test_r3_as_many_blocking_calls_as_there_are_threads_do_not_wait_for_each_other(openai_server: StrictOpenAI) -> None:
    """LangChain runs `invoke` of asynchronous agents in such a pool."""
    provider = OpenAICompatible(openai_server.base_url, openai_server.api_key)
    model = ChatRouter(router=over(provider, Recorder()), model="pool")

    async def all_at_once() -> list[object]:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(4) as threads:
            blocking = [loop.run_in_executor(threads, model.invoke, f"hi {n}") for n in range(16)]
            own = [model.ainvoke(f"ho {n}") for n in range(16)]
            return list(await asyncio.wait_for(asyncio.gather(*blocking, *own), 20))

    answers = asyncio.run(all_at_once())
    provider.close()
    assert [f"You said: hi {n}" for n in range(16)] + [f"You said: ho {n}" for n in range(16)] == [a.content for a in answers]  # type: ignore[attr-defined]  # messages


def test_r3_blocking_call_within_an_event_loop_ends() -> None:
    """It holds the loop up, as every blocking call does, but waits for nothing that the loop would have to do."""
    router = make_router({"a": ScriptedProvider([make_reply("here")])})

    async def careless() -> str:
        return router.complete(make_request()).text + "".join(c.text for c in router.stream(make_request()))

    assert "herehere" == asyncio.run(careless())


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_t1_wall_clock_that_jumps_moves_neither_limits_nor_deadlines(jump: timedelta) -> None:
    clock, wall = FakeClock(), [datetime(2026, 6, 1, 12, tzinfo=UTC)]
    limited = ScriptedProvider([ProviderError("slow down", code="rate_limit", status=429, retry_after_s=30.0), make_reply("back")])
    other = ScriptedProvider([make_reply("other")])
    pool = Pool("pool", (make_target("limited"), make_target("other")), "fallback")
    state = RouterState({"pool": pool}, {"limited": limited, "other": other}, {"fallback": Policy("fallback", "fallback")})
    recorder = Recorder()
    router = Router(state, clock=clock, sleep=clock.sleep, now=lambda: wall[0], observers=[recorder])
    router.complete(make_request())
    wall[0] += jump
    assert "other" == router.complete(make_request()).target
    clock.now_s += 38.0
    assert "limited" == router.complete(make_request()).target
    assert all(0 <= record.latency_s < 1 for record in recorder.records)


STOPPED: Final = """
import sys, time
from routerkit import Policy, Pool, Request, Router, RouterState, Target
from routerkit.providers import timers
from routerkit.providers.openai_compatible import OpenAICompatible
base_url, key = sys.argv[1:]
pool = Pool("pool", (Target("t", "p", "m"),), "fallback")
router = Router(RouterState({"pool": pool}, {"p": OpenAICompatible(base_url, key)}, {"fallback": Policy("fallback", "fallback")}))
try:
    router.complete(Request("pool", ({"role": "user", "content": "hi"},), timeout_s=0.5))
except Exception as exc:
    print(exc.last.code)
"""


def test_t2_process_that_was_suspended_beyond_its_deadline_fails_once(openai_server: StrictOpenAI) -> None:
    """SIGSTOP and SIGCONT: no storm of repetitions for the time that was lost."""
    openai_server.script(Fault(hang=True))
    command = [sys.executable, "-c", STOPPED, openai_server.base_url, openai_server.api_key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert openai_server.wait_for_hits(1, 30)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.8)  # the suspension itself
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=20)
    assert ("timeout\n", 1) == (said, openai_server.hits)


def test_x4_foreign_code_that_raises_costs_nobody_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A rule's condition and an observer; the decision and the log say so."""

    class Broken(When):
        def holds(self, features: object) -> bool:
            raise KeyError("plugin")

    class Deaf:
        def observe(self, event: object) -> None:
            raise RuntimeError("callback")

    recorder, scripted = Recorder(), ScriptedProvider([make_reply("a good answer")])
    state = replace(make_router({"a": scripted}).state, rules=(Rule("broken", Broken(), prefer=("a",)),))
    router = Router(state, observers=[Deaf(), recorder])
    assert "a good answer" == router.complete(make_request()).text
    (record,) = recorder.records
    assert any("rule 'broken' is passed over" in note for note in record.decision.notes)
    assert "RuntimeError" in caplog.text
