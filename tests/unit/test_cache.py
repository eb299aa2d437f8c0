"""The exact cache: what is repeated, what never is, and what happens to equal requests at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import AllAttemptsFailedError, Pool, ProviderError, Reply, Request, RouterState, ToolCall, UnknownModelError, Usage
from routerkit.cache import AnswerCache, CacheSettings, CachingRouter
from routerkit.cache.wish import key_of
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_request, make_target

ASK = replace(make_request(), temperature=0.0)
CALL = ToolCall("c1", "look", "{}")
BROKEN = ProviderError("the upstream failed", code="server")


class Here:
    """A caching router over one target."""

    def __init__(self, provider, settings: CacheSettings | None = None, *, revision: str = "") -> None:
        self.provider, self.recorder, self.clock = provider, Recorder(), FakeClock()
        self.cache = AnswerCache(settings, now=self.clock)
        state = RouterState({"pool": Pool("pool", (make_target("a"),), "fallback")}, {"a": provider}, revision=revision)
        self.router = CachingRouter(state, observers=[self.recorder], sleep=self.clock.sleep, asleep=self.clock.asleep)
        self.router.remember(self.cache)


def here(*script, settings: CacheSettings | None = None) -> Here:
    return Here(ScriptedProvider(script or [make_reply("fine words")]), settings)


def test_equal_request_is_answered_once_and_repeated(call):
    one = here()
    first, second = call(one.router, ASK), call(one.router, ASK)
    assert (first.text, first.finish_reason, first.target) == (second.text, second.finish_reason, second.target)
    assert 1 == len(one.provider.requests)


def test_hit_costs_nothing_and_names_the_record_it_repeats(call):
    one = here()
    first, second = call(one.router, ASK), call(one.router, ASK)
    paid, repeated = one.recorder.records
    assert (first.record_id, second.record_id) == (paid.id, repeated.id)
    assert (None, paid.id) == (paid.cached_from, repeated.cached_from)
    assert (0.0, 0.0, (), Usage(), "ok") == (second.cost_usd, repeated.cost_usd, repeated.attempts, repeated.usage, repeated.status)
    assert f"answer of record {paid.id}, 0 s old" in repeated.decision.explain()


@pytest.mark.parametrize(("first", "then"), [("stream", "complete"), ("complete", "stream")])
def test_streamed_and_whole_answers_stand_for_each_other(first, then):
    """H6: equal text, a finish reason and usage, whichever way it came."""
    one = here(Reply("one two three", usage=Usage(7, 3), model="m", reasoning="because"))
    texts = []
    for form in (first, then):
        if form == "stream":
            chunks = list(one.router.stream(ASK))
            texts.append("".join(c.text for c in chunks))
            assert (["stop"], [Usage(7, 3)]) == ([c.finish_reason for c in chunks if c.finish_reason], [c.usage for c in chunks if c.usage])
        else:
            reply = one.router.complete(ASK)
            texts.append(reply.text)
            assert ("stop", Usage(7, 3)) == (reply.finish_reason, reply.usage)
    assert ["one two three", "one two three"] == texts
    assert 1 == len(one.provider.requests)


@pytest.mark.parametrize(
    "answer",
    [
        Reply("cut off", finish_reason="length"),
        Reply("filtered", finish_reason="content_filter"),
        Reply("", refusal="I will not"),
        Reply("", tool_calls=(CALL,), finish_reason="tool_calls"),
    ],
    ids=["cut", "filtered", "refused", "tool calls"],
)
def test_answers_that_are_not_whole_are_never_stored(call, answer):
    one = here(answer)
    call(one.router, ASK)
    call(one.router, ASK)
    assert 2 == len(one.provider.requests)


def test_failure_is_never_stored(call):
    one = here(BROKEN)
    for _ in range(2):
        with pytest.raises(AllAttemptsFailedError):
            call(one.router, ASK)
    assert ["error", "error"] == [r.status for r in one.recorder.records]


def test_tool_calls_are_stored_when_asked_for():
    one = here(Reply("", tool_calls=(CALL,), finish_reason="tool_calls"), settings=CacheSettings(tool_calls=True))
    assert list(one.router.stream(ASK))
    assert (CALL,) == one.router.complete(ASK).tool_calls
    assert 1 == len(one.provider.requests)


@pytest.mark.parametrize("temperature", [None, 0.7])
def test_sampled_answers_are_stored_only_when_asked_for(call, temperature):
    ask = replace(ASK, temperature=temperature)
    for is_wanted, n_asked in ((False, 2), (True, 1)):
        one = here(settings=CacheSettings(sampled=is_wanted))
        call(one.router, ask)
        call(one.router, ask)
        assert n_asked == len(one.provider.requests)


@pytest.mark.parametrize(("control", "n_asked"), [("no-store", 3), ("no-cache", 2), ("max-age=5", 2), ("max-age=50, private", 1), ("", 1)])
def test_caller_may_ask_for_a_new_answer(call, control, n_asked):
    one = here()
    call(one.router, ASK)
    one.clock.now_s += 10
    call(one.router, replace(ASK, cache_control=control))
    call(one.router, replace(ASK, cache_control=control if control == "no-store" else ""))
    assert n_asked == len(one.provider.requests)


def test_answers_expire():
    one = here(settings=CacheSettings(ttl_s=100))
    one.router.complete(ASK)
    one.clock.now_s += 89
    one.router.complete(ASK)
    assert 1 == len(one.provider.requests)
    one.clock.now_s += 22
    one.router.complete(ASK)
    assert 2 == len(one.provider.requests)


def test_unknown_model_is_the_same_error_as_without_a_cache(call):
    with pytest.raises(UnknownModelError):
        call(here().router, replace(ASK, model="nonsense"))


OTHER = {
    "key": "0badc0de",
    "model": "pool/a",
    "messages": ({"role": "user", "content": "hello "},),
    "tools": ({"type": "function", "function": {"name": "f"}},),
    "tool_choice": "none",
    "response_format": {"type": "json_object"},
    "temperature": 0.1,
    "max_tokens": 7,
    "stop": ("x",),
    "extra": {"seed": 1},
    "kind": "review",
    "agent": "ci",
    "tags": ("legacy",),
    "pin": "a",
}


@given(st.sets(st.sampled_from(sorted(OTHER))), st.sets(st.sampled_from(sorted(OTHER))))
def test_requests_that_differ_in_anything_have_different_keys(some, others):
    """H1 and H3: tenant, place, prompt, tools, sampling, hints."""
    state = here().router.state
    keys = [key_of(replace(ASK, **{name: OTHER[name] for name in names}), state) for names in (some, others)]
    assert (some == others) == (keys[0] == keys[1])


def test_key_ignores_what_does_not_change_the_answer_and_minds_what_is_in_force():
    one = here().router.state
    assert key_of(ASK, one) == key_of(replace(ASK, session="s", timeout_s=5.0, cache_control="max-age=3"), one)
    assert key_of(ASK, one) != key_of(ASK, replace(one, revision="other"))


def test_field_order_of_messages_does_not_matter():
    state = here().router.state
    turned = replace(ASK, messages=({"content": "hello", "role": "user"},))
    assert key_of(ASK, state) == key_of(turned, state)


def test_memory_is_bounded_and_forgets_what_was_used_longest_ago():
    one = here(settings=CacheSettings(memory_bytes=1_000))
    asks = [replace(ASK, max_tokens=n + 1) for n in range(20)]
    for ask in asks:
        one.router.complete(ask)
    one.router.complete(asks[-1])
    assert 20 == len(one.provider.requests)
    one.router.complete(asks[0])
    assert 21 == len(one.provider.requests)


class Gated:
    """Answers when the gate opens; counts those who asked."""

    keeps_deadline = True

    def __init__(self, *script) -> None:
        self.script, self.n_asked = list(script), 0
        self.gate, self.asked = threading.Event(), threading.Event()

    def complete(self, request: Request) -> Reply:
        outcome = self.script[min(self.n_asked, len(self.script) - 1)]
        self.n_asked += 1
        self.asked.set()
        assert self.gate.wait(10)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def acomplete(self, request: Request) -> Reply:
        return await asyncio.to_thread(self.complete, request)

    def stream(self, request: Request):
        raise AssertionError("not used here")

    astream = stream


def test_100_equal_requests_at_once_are_one_upstream_call():
    """Q4: threads and an event loop together; every one has its row."""
    one = Here(Gated(make_reply("shared")))

    async def many() -> list[Reply]:
        return await asyncio.gather(*(one.router.acomplete(ASK) for _ in range(80)))

    with ThreadPoolExecutor(21) as pool:
        threads = [pool.submit(one.router.complete, ASK) for _ in range(20)]
        loop = pool.submit(asyncio.run, many())
        assert one.provider.asked.wait(10)
        one.provider.gate.set()
        replies = [t.result(20) for t in threads] + loop.result(20)
    assert (1, {"shared"}) == (one.provider.n_asked, {r.text for r in replies})
    assert (1, 99) == (
        sum(r.cached_from is None for r in one.recorder.records),
        sum(r.cached_from is not None for r in one.recorder.records),
    )


async def test_when_the_leader_goes_away_another_one_asks_and_nobody_fails():
    """Q5."""
    one = Here(Gated(make_reply("shared")))
    leader = asyncio.create_task(one.router.acomplete(ASK))
    await asyncio.to_thread(one.provider.asked.wait, 10)
    waiting = [asyncio.create_task(one.router.acomplete(ASK)) for _ in range(5)]
    await asyncio.sleep(0)
    leader.cancel()
    one.provider.gate.set()
    assert {"shared"} == {r.text for r in await asyncio.gather(*waiting)}
    assert 2 == one.provider.n_asked


async def test_when_the_leader_fails_one_of_the_waiting_asks_for_all():
    one = Here(Gated(ProviderError("not like that", code="invalid_request"), make_reply("shared")))
    tasks = [asyncio.create_task(one.router.acomplete(ASK)) for _ in range(6)]
    await asyncio.to_thread(one.provider.asked.wait, 10)
    one.provider.gate.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert (1, 5) == (sum(isinstance(e, AllAttemptsFailedError) for e in ended), sum(isinstance(e, Reply) for e in ended))
    assert 2 == one.provider.n_asked


async def test_answers_that_cannot_be_shared_are_asked_for_by_each():
    one = Here(Gated(Reply("cut", finish_reason="length")))
    tasks = [asyncio.create_task(one.router.acomplete(ASK)) for _ in range(4)]
    await asyncio.to_thread(one.provider.asked.wait, 10)
    one.provider.gate.set()
    assert {"length"} == {r.finish_reason for r in await asyncio.gather(*tasks)}
    assert 4 == one.provider.n_asked


async def test_waiting_ends_with_half_of_the_deadline_and_the_rest_is_left_for_asking():
    one = Here(Gated(make_reply("shared")))
    leader = asyncio.create_task(one.router.acomplete(ASK))
    await asyncio.to_thread(one.provider.asked.wait, 10)
    one.provider.asked.clear()
    hurried = asyncio.create_task(one.router.acomplete(replace(ASK, timeout_s=0.2)))
    await asyncio.to_thread(one.provider.asked.wait, 10)
    assert 2 == one.provider.n_asked
    one.provider.gate.set()
    await asyncio.gather(leader, hurried, return_exceptions=True)
    assert one.recorder.records[-1].request.timeout_s < 0.2 or one.recorder.records[0].request.timeout_s < 0.2


def test_abandoned_stream_is_not_stored():
    one = here()
    chunks = one.router.stream(ASK)
    next(chunks)
    chunks.close()
    assert "fine words" == one.router.complete(ASK).text
    assert 2 == len(one.provider.requests)
