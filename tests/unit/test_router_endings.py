"""Streams and endings: what is committed, what is spliced (nothing), and that every call leaves exactly one record."""

from __future__ import annotations

import asyncio
import threading
import traceback
from dataclasses import replace

import pytest

from routerkit import AllAttemptsFailedError, Chunk, Reply, Request, Retry, StreamBrokenError, Usage
from routerkit.testing import FakeClock, ScriptedProvider, make_reply, make_request, make_target
from tests.unit.lab import TRANSIENT_CODES, Acting, fault, good, lab

STREAMS = ["stream", "astream"]


def broken(code: str = "truncated", *, after: int = 2) -> ScriptedProvider:
    """Provider whose stream fails after this many content chunks."""
    return ScriptedProvider([fault(code, maybe_billed=True)], break_after=after)


def consume(router, form: str, request: Request, got: list[Chunk]) -> None:
    """Read a stream to its end into `got`, blocking or async."""

    async def read() -> None:
        async for chunk in router.astream(request):
            got.append(chunk)

    if form == "astream":
        asyncio.run(read())
    else:
        got.extend(())
        for chunk in router.stream(request):
            got.append(chunk)


@pytest.mark.parametrize("form", STREAMS)
@pytest.mark.parametrize("code", TRANSIENT_CODES)
def test_stream_that_fails_before_its_first_content_fails_over_unseen(form, code):
    """Nothing was delivered, so the next target answers and the caller sees one clean stream."""
    here, got = lab({"a": broken(code, after=0), "b": good("from b")}), []
    consume(here.router, form, make_request(), got)
    assert "from b" == "".join(c.text for c in got)
    assert [code, None] == [a.error_code for a in here.record.attempts]


@pytest.mark.parametrize("form", STREAMS)
def test_stream_that_breaks_after_content_is_never_spliced(form):
    """A14: no other model continues the sentence; the caller gets a typed error with the record."""
    here, got = lab({"a": broken(), "b": good("from b")}), []
    with pytest.raises(StreamBrokenError, match="broke after content was sent: injected truncated") as caught:
        consume(here.router, form, make_request("x" * 4_000), got)
    assert "part0 part1 " == "".join(c.text for c in got)
    assert 0 == here.hits("b")
    assert here.record is caught.value.record
    assert ("error", "truncated", True) == (here.record.status, here.record.attempts[0].error_code, here.record.usage.is_estimated)
    assert (1_001, len("part0 part1 ") // 4) == (here.record.usage.input_tokens, here.record.usage.output_tokens)


def test_broken_streams_count_for_the_breaker():
    """A target that keeps breaking after its first words is as ill as one that refuses."""
    here = lab({"a": broken(), "b": good()})
    for _ in range(5):
        with pytest.raises(StreamBrokenError):
            list(here.router.stream(make_request()))
    assert "b" == here.router.decide(make_request()).picked


@pytest.mark.parametrize("form", STREAMS)
def test_stream_ends_with_one_signature(form):
    """The last chunk, and no other, says who answered, under which record and at what cost; the usage is passed on once."""
    here, got = lab({"a": good("one two three")}), []
    consume(here.router, form, make_request(), got)
    assert [here.record.id] == [c.record_id for c in got if c.record_id]
    assert ("a", here.record.cost_usd) == (got[-1].target, got[-1].cost_usd)
    assert [Usage(10, 5)] == [c.usage for c in got if c.usage]


@pytest.mark.parametrize("form", STREAMS)
def test_first_token_wait_is_recorded(form):
    """`first_token_s` is the wait for content, not for headers."""
    clock = FakeClock()

    class Slow(ScriptedProvider):
        def stream(self, request):
            clock.now_s += 1.0
            yield Chunk(model="m")
            clock.now_s += 0.5
            yield Chunk(text="now")
            clock.now_s += 2.0
            yield Chunk(finish_reason="stop", usage=Usage(1, 1))

    here = lab({"a": Slow([])}, clock=clock)
    consume(here.router, form, make_request(), [])
    assert (1.5, 3.5) == (here.record.attempts[0].first_token_s, here.record.attempts[0].latency_s)


@pytest.mark.parametrize("form", STREAMS)
def test_stream_past_its_deadline_is_broken_off(form):
    """P9: a stream that trickles on is ended at the caller's deadline."""
    clock = FakeClock()

    class Trickling(ScriptedProvider):
        def stream(self, request):
            for _ in range(100):
                clock.now_s += 25.0
                yield Chunk(text="drip ")

    here, got = lab({"a": Trickling([])}, clock=clock), []
    with pytest.raises(StreamBrokenError, match="still running after its 60 s"):
        consume(here.router, form, make_request(), got)
    assert 3 == len(got)


def test_closed_stream_is_cancelled_and_closes_its_upstream():
    """The caller walks away: one record, the upstream closed at once, what was streamed charged as an estimate."""
    closed = []

    class Watched(ScriptedProvider):
        def stream(self, request):
            try:
                yield from super().stream(request)
            finally:
                closed.append("upstream")

    here = lab({"a": Watched([make_reply("one two three four")])})
    chunks = here.router.stream(make_request())
    while not next(chunks).text:
        pass
    chunks.close()
    assert ["upstream"] == closed
    assert ("cancelled", "disconnected", True) == (here.record.status, here.record.attempts[0].error_code, here.record.usage.is_estimated)


def test_stream_that_is_no_generator_is_closed_too():
    """Providers may return any iterator; what has a `close` is closed."""
    closed = []

    class Pieces:
        def __iter__(self):
            return self

        def __next__(self):
            return Chunk(text="more ")

        def close(self):
            closed.append("upstream")

    class Provider(ScriptedProvider):
        def stream(self, request):
            return Pieces()

    here = lab({"a": Provider([])})
    chunks = here.router.stream(make_request())
    next(chunks)
    chunks.close()
    assert ["upstream"] == closed


def test_exception_in_the_consumer_leaves_one_record():
    """The loop body fails: the stream is dropped and the call counted as cancelled."""
    here = lab({"a": good("one two three")})

    def broken_consumer():
        for chunk in here.router.stream(make_request()):
            if chunk.text:
                raise ValueError("bad consumer")

    with pytest.raises(ValueError, match="bad consumer"):
        broken_consumer()
    assert "cancelled" == here.record.status


def test_stream_closed_after_its_signature_is_ok():
    """Who stops reading at the last chunk has had everything."""
    here = lab({"a": good()})
    chunks = here.router.stream(make_request())
    for chunk in chunks:
        if chunk.record_id:
            break
    chunks.close()
    assert "ok" == here.record.status


def test_stream_never_started_leaves_nothing():
    """Nothing was sent, so there is nothing to record."""
    here = lab({"a": good()})
    here.router.stream(make_request()).close()
    assert (0, []) == (here.hits("a"), here.recorder.records)


class Hanging(ScriptedProvider):
    """Async provider that never answers and knows no deadline; counts how often it was ended."""

    keeps_deadline = False

    def __init__(self) -> None:
        super().__init__([])
        self.entered, self.ended = asyncio.Event(), 0

    async def acomplete(self, request: Request) -> Reply:
        return await self._hang(request)

    async def astream(self, request: Request):
        await self._hang(request)
        yield Chunk()

    async def _hang(self, request: Request) -> Reply:
        self.requests.append(request)
        self.entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1
        raise AssertionError("unreachable")


@pytest.mark.parametrize("form", ["acomplete", "astream"])
async def test_cancelled_task_leaves_one_cancelled_record(form):
    """A task cancelled while it waits ends its upstream and is recorded as cancelled, its prompt as maybe billed."""
    hanging = Hanging()
    here = lab({"a": hanging, "b": good()})

    async def run():
        if form == "acomplete":
            await here.router.acomplete(make_request())
        else:
            async for _ in here.router.astream(make_request()):
                pass

    task = asyncio.create_task(run())
    await asyncio.wait_for(hanging.entered.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 1 == hanging.ended
    assert ("cancelled", 1) == (here.record.status, len(here.record.attempts))
    assert here.record.attempts[0].maybe_billed


@pytest.mark.parametrize("form", ["acomplete", "astream"])
async def test_provider_that_ignores_its_deadline_is_ended(form):
    """The last safety net under every provider: our own timer, shortly after the deadline."""
    hanging, request = Hanging(), replace(make_request(), timeout_s=0.05)
    here = lab({"a": hanging})

    async def run():
        return await here.router.acomplete(request) if form == "acomplete" else [c async for c in here.router.astream(request)]

    with pytest.raises(AllAttemptsFailedError, match="no answer from 'a' within"):
        await asyncio.wait_for(run(), 5)
    assert (1, "timeout") == (hanging.ended, here.record.attempts[0].error_code)


async def test_closed_async_stream_closes_its_upstream():
    """`aclose` reaches the provider before it returns."""
    closed = []

    class Watched(ScriptedProvider):
        async def astream(self, request):
            try:
                for word in ("one ", "two ", "three "):
                    yield Chunk(text=word)
            finally:
                closed.append("upstream")

    here = lab({"a": Watched([])})
    chunks = here.router.astream(make_request())
    await anext(chunks)
    await chunks.aclose()
    assert ["upstream"] == closed
    assert "cancelled" == here.record.status


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupted_call_is_recorded_as_cancelled(call, stop):
    """Ctrl-C inside a call leaves its record behind."""

    def interrupted(_: Request):
        raise stop

    here = lab({"a": Acting(interrupted), "b": good()})
    with pytest.raises(stop):
        call(here.router, make_request())
    assert ("cancelled", 0) == (here.record.status, here.hits("b"))


@pytest.mark.parametrize("keeps_deadline", [True, False])
def test_bug_in_a_provider_costs_an_attempt_not_the_call(call, keeps_deadline):
    """X4: what no provider should raise fails over like any failure, counts against its target, and is named without its text."""

    def buggy(_: Request):
        raise ZeroDivisionError("the key is sk-secret-0123456789")

    buggy_provider = Acting(buggy)
    buggy_provider.keeps_deadline = keeps_deadline
    here = lab({"a": buggy_provider, "b": good("from b")})
    for _ in range(5):
        assert "from b" == call(here.router, make_request()).text
    failed, answered = here.recorder.records[-1].attempts
    assert ("server", True, None) == (failed.error_code, failed.maybe_billed, answered.error)
    assert failed.error.startswith("the provider raised ZeroDivisionError in tests.unit.test_router_endings, line ")
    assert "b" == here.router.decide(make_request()).picked, "five failures open the breaker"


def test_bug_in_the_only_provider_is_a_typed_error_without_its_text(call):
    """Neither the error nor the chain of its causes carries what may be a key."""

    def buggy(_: Request):
        raise KeyError("sk-secret-0123456789")

    here = lab({"a": Acting(buggy)}, retry=Retry(extra_attempts=0))
    with pytest.raises(AllAttemptsFailedError) as caught:
        call(here.router, make_request())
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value))
    assert "KeyError" in str(caught.value)


@pytest.mark.parametrize("form", STREAMS)
def test_bug_of_a_provider_within_its_stream_is_typed(form):
    """After the first content nobody else may go on, so the caller gets the usual error of a broken stream."""

    class Buggy(ScriptedProvider):
        def stream(self, request):
            yield Chunk(text="word ")
            raise ConnectionError("sk-secret-0123456789")

    here, got = lab({"a": Buggy([]), "b": good()}), []
    with pytest.raises(StreamBrokenError) as caught:
        consume(here.router, form, make_request(), got)
    assert ("server", "error", "server") == (caught.value.code, here.record.status, here.record.attempts[0].error_code)
    assert "sk-secret" not in "".join(traceback.format_exception(caught.value))


def test_provider_that_returns_no_reply_costs_an_attempt_not_the_call():
    """A foreign class that forgets to return anything."""

    class Forgetful(ScriptedProvider):
        keeps_deadline = False

        def complete(self, request):
            return None

    for form in (lambda r: r.complete(make_request()), lambda r: asyncio.run(r.acomplete(make_request()))):
        here = lab({"a": Forgetful([]), "b": good("from b")})
        assert "from b" == form(here.router).text
        assert "'a' returned NoneType, not a Reply" == here.record.attempts[0].error


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError])
def test_abandoned_probe_lets_the_next_call_probe(call, stop):
    """The caller of the one probe of a half-open target goes away: the target must not stay out for a minute because of that."""

    outcomes = iter([*[fault("server")] * 5, None])

    def act(_: Request):
        if (outcome := next(outcomes)) is None:
            raise stop
        return outcome

    here = lab({"a": Acting(act), "b": good()})
    for _ in range(5):
        call(here.router, make_request())
    here.clock.now_s += 13
    with pytest.raises(stop):
        call(here.router, make_request())
    assert "a" == here.router.decide(make_request()).picked


def test_threads_share_a_router():
    """Many threads, one router: every call is answered and recorded once."""
    here = lab({"a": ScriptedProvider([*[fault("server")] * 40, make_reply()]), "b": good()})
    start = threading.Barrier(8)

    def work() -> None:
        start.wait(5)
        for _ in range(25):
            assert "a good answer" == here.router.complete(make_request()).text

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (200, 200) == (len(here.recorder.records), len({r.id for r in here.recorder.records}))
    assert here.hits("a") + here.hits("b") == sum(len(r.attempts) for r in here.recorder.records)


async def test_concurrent_tasks_share_a_router():
    """The same with tasks."""
    here = lab({"a": good(), "b": good()}, targets=[make_target("a"), make_target("b")])
    replies = await asyncio.gather(*(here.router.acomplete(make_request()) for _ in range(50)))
    assert 50 == len({r.record_id for r in replies}) == len(here.recorder.records)
