"""The fence: blocking calls to a provider that knows no deadline end at the deadline all the same."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from routerkit import Chunk, ProviderError, Reply, Request
from routerkit.fence import Fenced, fenced
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router
from tests.contracts.colours import Call

FLAG: contextvars.ContextVar[str] = contextvars.ContextVar("FLAG", default="unset")


class Foreign(ScriptedProvider):
    """Says a word, then blocks until the test is over."""

    keeps_deadline = False

    def __init__(self) -> None:
        super().__init__([make_reply()])
        self.over, self.closed = threading.Event(), threading.Event()

    def complete(self, request: Request) -> Reply:
        self.over.wait(30)
        return make_reply(FLAG.get())

    def stream(self, request: Request) -> Iterator[Chunk]:
        try:
            yield Chunk(text="word")
            self.over.wait(30)
            yield Chunk(finish_reason="stop")
        finally:
            self.closed.set()


@pytest.fixture
def foreign() -> Iterator[Foreign]:
    provider = Foreign()
    yield provider
    provider.over.set()


def soon(request: Request | None = None) -> Request:
    return replace(request or make_request(), timeout_s=0.02)


def test_provider_that_keeps_its_deadline_is_called_directly():
    provider = ScriptedProvider([make_reply()])
    assert provider is fenced(provider, "a")


def test_blocking_call_that_hangs_is_given_up(foreign):
    with pytest.raises(ProviderError, match="no answer from 'a' within") as caught:
        fenced(foreign, "a").complete(soon())
    assert ("timeout", True) == (caught.value.code, caught.value.maybe_billed)


def test_blocking_stream_that_hangs_is_given_up(foreign):
    chunks = fenced(foreign, "a").stream(soon())
    assert "word" == next(chunks).text
    with pytest.raises(ProviderError, match="no answer from 'a'"):
        next(chunks)


@pytest.mark.parametrize("form", ["complete", "stream", "acomplete", "astream"])
def test_silent_target_leaves_time_for_the_others(form):
    """A foreign class that hangs uses up its share of the deadline, not the call: the next target answers."""

    class Silent(Foreign):
        def stream(self, request: Request) -> Iterator[Chunk]:
            yield Chunk(text=" ")
            self.over.wait(30)

        async def acomplete(self, request: Request) -> Reply:
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def astream(self, request: Request) -> AsyncIterator[Chunk]:
            yield Chunk(text=" ")
            await asyncio.Event().wait()

    silent = Silent()
    router = make_router({"a": silent, "b": ScriptedProvider([make_reply("from b")])})
    try:
        assert "from b" == Call(form)(router, replace(make_request(), timeout_s=0.6)).text
    finally:
        silent.over.set()


def test_closed_stream_closes_its_upstream_at_once(foreign):
    chunks = Fenced(foreign, "a").stream(make_request())
    next(chunks)
    chunks.close()
    assert foreign.closed.is_set()


def test_answers_errors_and_context_pass_through(foreign):
    foreign.over.set()
    FLAG.set("set by the caller")
    assert "set by the caller" == fenced(foreign, "a").complete(make_request()).text
    assert ["word", ""] == [c.text for c in fenced(foreign, "a").stream(make_request())]

    class Failing(Foreign):
        def complete(self, request: Request) -> Reply:
            raise ProviderError("down", code="server")

    with pytest.raises(ProviderError, match=r"^down$"):
        fenced(Failing(), "a").complete(make_request())


async def test_async_answers_pass_through():
    class Quick(ScriptedProvider):
        keeps_deadline = False

    assert "a good answer" == (await fenced(Quick([make_reply()]), "a").acomplete(make_request())).text
    assert "a good answer" == "".join([c.text async for c in fenced(Quick([make_reply()]), "a").astream(make_request())])


@pytest.mark.parametrize("form", ["stream", "astream"])
@pytest.mark.parametrize(
    ("pieces", "code", "said"),
    [
        ([], "truncated", "ended without a finish reason"),
        ([Chunk(text="half")], "truncated", "ended without"),
        (["x"], "malformed", "sent str"),
    ],
)
def test_stream_of_a_foreign_class_that_is_no_answer_is_never_taken_for_one(form, pieces, code, said):
    class Careless(ScriptedProvider):
        keeps_deadline = False

        def stream(self, request: Request) -> Iterator[Chunk]:
            yield from pieces

        async def astream(self, request: Request) -> AsyncIterator[Chunk]:
            for piece in pieces:
                yield piece

    with pytest.raises(ProviderError, match=said) as caught:
        Call(form)(fenced(Careless([]), "a"), make_request())
    assert (code, True) == (caught.value.code, caught.value.maybe_billed)
