"""Plain pieces of a stream go from socket to socket; callers, rows and money must not tell them from those that come as chunks."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routerkit import Policy, Record
from routerkit.cache.answers import AnswerCache
from routerkit.cache.caching_router import CachingRouter
from routerkit.catalog import Pool
from routerkit.dispatch import Retry
from routerkit.gateway.app import Gateway
from routerkit.gateway.connection import Connection
from routerkit.gateway.head import read_head
from routerkit.gateway.http_exchange import HttpExchange
from routerkit.messages import Chunk, Request
from routerkit.providers import http1_connection
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.testing import Recorder, make_target

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
BODY = {"model": "pool", "stream": True, "messages": [{"role": "user", "content": "hello"}]}
OTHERS = {
    "/v1/messages": {**BODY, "max_tokens": 50, "thinking": {"type": "enabled", "budget_tokens": 1_024}},
    "/v1/responses": {"model": "pool", "stream": True, "input": "hello"},
    "/v1/completions": {"model": "pool", "stream": True, "prompt": "hello"},
}
"""What asks for the same in other formats, for which events are written anew."""
TURNS = 12
"""Of the loop after each piece: more than anybody needs who was woken by it."""


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.written: list[bytes] = []
        self.is_shut = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_shut

    def close(self) -> None:
        self.is_shut = True

    def abort(self) -> None:
        self.is_shut = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Line(NamedTuple):
    """A caller, the gateway and its upstream, connected."""

    caller: Connection
    answered: Transport
    upstream: http1_connection.Connection
    record: Callable[[], Record]
    ask: Callable[[], None]
    """Sends the request once more."""

    async def feed(self, *pieces: bytes) -> None:
        """Have the upstream send these, each while nobody is busy any more."""
        for piece in pieces:
            if not self.upstream._is_lost:
                self.upstream.data_received(piece)
            await quiet()

    def said(self) -> bytes:
        """What the caller got, but for what no two calls have in common."""
        return re.sub(rb"[0-9a-f]{23,}|(?<=\"created\":)\d+|(?<=\"created_at\":)\d+", b"0", b"".join(self.answered.written))


async def quiet() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.fixture(scope="module")
def sock() -> Iterator[socket.socket]:
    """Of an upstream that says nothing by itself."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours


async def connect(
    sock: socket.socket, kind: Callable[..., Router] = Router, hedged: Sequence[str] = (), path: str = "/v1/chat/completions", **more: Any
) -> Line:
    """A request for a stream that was sent to the upstream."""
    provider, recorder = OpenAICompatible("http://upstream.test/v1", "sk-upstream"), Recorder()
    upstream = http1_connection.Connection(provider._async())
    upstream.connection_made(Transport(sock))
    provider._async().keep(upstream)
    target = make_target("a", usd=1.0)
    pools = {"pool": Pool("pool", (replace(target, provider="a"),), "fallback")}
    state = RouterState(pools, {"a": provider}, {"fallback": Policy("fallback", "fallback")}, hedged=frozenset(hedged))
    caller, answered = (
        Connection(Gateway(kind(state, observers=[recorder], retry=Retry(extra_attempts=0))).serve, lambda _: None),
        Transport(sock),
    )
    caller.connection_made(answered)
    body = json.dumps(OTHERS.get(path, BODY) | more).encode()
    asked = b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (path.encode(), len(body), body)
    caller.data_received(asked)
    await quiet()
    return Line(caller, answered, upstream, lambda: recorder.records[0], lambda: caller.data_received(asked))


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c1", "model": "m", "choices": choices, **more}, ensure_ascii=False).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WORDS = [event({"content": f"word {n} "}) for n in range(5)]
THOUGHTS = [event({"reasoning_content": f"hm {n}"}) for n in range(3)]
CALL = [
    event({"tool_calls": [{"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    *[event({"tool_calls": [{"index": 0, "function": {"arguments": part}}]}) for part in ("{", "} ")],
]
UNNAMED = [event({"content": "x"}, id="")]
UNCOUNTED = [event({}, "stop"), b"data: [DONE]\n\n"]
ENDING = [event({}, "stop", usage=USAGE), b"data: [DONE]\n\n"]
EVENTS = st.sampled_from(
    [
        *WORDS,
        event({"role": "assistant", "content": ""}),
        event({"content": " "}),
        event({"content": "naïve 東"}),
        event({"content": "😀"}),
        *UNNAMED,
        event({"content": "x", "surprise": 1}),
        event({"content": "x"}, usage=USAGE),
        *THOUGHTS,
        *CALL,
        event({"content": None, "reasoning": "hm"}),
        event({"content": "and", "reasoning": "hm"}),
        event({"refusal": "no"}),
        event({"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]}),
        WORDS[0].replace(b"\n", b"\r\n"),
        WORDS[1].replace(b"{", b"{\ndata: ", 1),
        b": ping\n\n",
        b"event: x\n",
        b"data: \xff\n\n",
        b"data: {\n\n",
        b'data: {"error": {"message": "broken"}}\n\n',
        *ENDING,
    ]
)


@st.composite
def pieces(draw: st.DrawFn) -> list[bytes]:
    """What an upstream sends: events, mostly alone, now and then together or in parts; its end may be missing."""
    events = [
        *draw(st.sampled_from([[], WORDS[:1], UNNAMED, THOUGHTS, CALL])),
        *draw(st.lists(st.sampled_from([*WORDS, *THOUGHTS, *CALL]) | EVENTS, max_size=8)),
        *draw(st.sampled_from([ENDING, UNCOUNTED, []])),
    ]
    found = [HEAD]
    for each in events:
        parts = [each]
        if draw(st.integers(0, 4)) == 0:
            at = draw(st.integers(1, len(each) - 1))
            parts = [each[:at], each[at:]]
        sent = [chunked(part) for part in parts]
        if draw(st.integers(0, 4)) == 0:
            found[-1] += sent.pop(0)
        found += sent
    return draw(st.sampled_from([[*found, END], [*found[:-1], found[-1] + END], found]))


async def answer(sock: socket.socket, sent: Sequence[bytes], **more: Any) -> tuple[bytes, Record]:
    line = await connect(sock, **more)
    await line.feed(*sent)
    if not (line.upstream._is_lost or sent[-1].endswith(END)):
        line.upstream.connection_lost(None)
        await quiet()
    return line.said(), line.record()


def told(record: Record) -> object:
    """All of a record that does not depend on the time."""
    attempts = [replace(a, offset_s=0, latency_s=0, first_token_s=a.first_token_s and 0) for a in record.attempts]
    return attempts, record.status, record.usage, record.cost_usd, record.finish_reason, record.output_chars, record.model


@given(pieces(), st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_streams_are_the_same_whether_pieces_pass_or_not(sock: socket.socket, sent: list[bytes], asks: bool) -> None:
    more = {"stream_options": {"include_usage": True}} if asks else {}
    passed, record = asyncio.run(answer(sock, sent, **more))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Router, "lets_pass", False)
        expected, expected_record = asyncio.run(answer(sock, sent, **more))
    assert expected == passed
    assert told(expected_record) == told(record)


def merged(said: bytes) -> list[tuple[object, str]]:
    """Events of an answer and the text that each tells; those that go on with the same thing as one."""
    found: list[tuple[object, str]] = []
    for line in said.split(b"\n"):
        if line.startswith((b"data: {", b": ")):
            event, text = untold(json.loads(line[6:])) if line.startswith(b"data") else (line, "")
            goes_on = bool(found and text and found[-1][1]) and found[-1][0] == event
            found[-1:] = [(event, found[-1][1] + text)] if goes_on else [*found[-1:], (event, text)]
    return found


def untold(event: dict[str, Any]) -> tuple[object, str]:
    """An event without the text it tells and its number, and that text."""
    event.pop("sequence_number", None)
    for part in (event, event.get("delta"), *event.get("choices", [])):
        for name in ("delta", "text", "thinking", "partial_json"):
            if isinstance(part, dict) and isinstance(part.get(name), str) and "part" not in event:
                return event, part.pop(name)
    return event, ""


@pytest.mark.parametrize("path", OTHERS)
@given(pieces())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_other_formats_tell_the_same_whether_pieces_pass_or_not(sock: socket.socket, path: str, sent: list[bytes]) -> None:
    passed, record = asyncio.run(answer(sock, sent, path=path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Router, "lets_pass", False)
        expected, expected_record = asyncio.run(answer(sock, sent, path=path))
    assert merged(expected) == merged(passed)
    assert told(expected_record) == told(record)


@pytest.mark.parametrize("path", OTHERS)
async def test_plain_pieces_pass_in_other_formats_too(sock: socket.socket, taken: list[bytes], path: str) -> None:
    said, record = await answer(sock, ALL, path=path)
    assert len(WORDS) - 1 == len(taken)
    assert all(b"word %d " % n in said for n in range(len(WORDS)))
    assert (35, "ok") == (record.output_chars, record.status)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Events that went past all chunks."""
    passed: list[bytes] = []
    real = HttpExchange.pass_on

    def pass_on(self: HttpExchange, n_chars: int, events: bytes) -> bool:
        is_taken = real(self, n_chars, events)
        passed.extend([events] if is_taken else [])
        return is_taken

    monkeypatch.setattr(HttpExchange, "pass_on", pass_on)
    return passed


ALL = [HEAD, *map(chunked, [*WORDS, *ENDING]), END]


async def test_plain_pieces_pass_once_the_answer_has_begun(sock: socket.socket, taken: list[bytes]) -> None:
    said, record = await answer(sock, ALL)
    assert WORDS[1:] == taken
    assert all(chunked(word) in said for word in WORDS)
    assert (35, "ok") == (record.output_chars, record.status)


async def test_reasoning_and_arguments_pass_likewise(sock: socket.socket, taken: list[bytes]) -> None:
    ending = event({}, "tool_calls", usage=USAGE), ENDING[1]
    said, record = await answer(sock, [HEAD, *map(chunked, [*THOUGHTS, *CALL, *ending]), END])
    assert [*THOUGHTS[1:], *CALL[2:]] == taken  # that a call has arguments at all is noted first
    assert all(chunked(event) in said for event in (*THOUGHTS, *CALL))
    assert (3, "tool_calls", "ok") == (record.output_chars, record.finish_reason, record.status)


async def test_events_that_come_together_pass_unless_one_ends_the_answer(sock: socket.socket, taken: list[bytes]) -> None:
    together = WORDS[1] + WORDS[2]
    said, record = await answer(sock, [HEAD, *map(chunked, [WORDS[0], together, WORDS[3] + ENDING[0], ENDING[1]]), END])
    assert [together] == taken
    assert chunked(together) in said
    assert (28, "ok", 2) == (record.output_chars, record.status, record.usage.output_tokens)


async def test_answer_that_passed_after_reasoning_is_not_empty(sock: socket.socket, taken: list[bytes]) -> None:
    _, record = await answer(sock, [HEAD, *map(chunked, [THOUGHTS[0], *WORDS, *UNCOUNTED]), END])
    assert (WORDS, "ok") == (taken, record.status)


async def test_change_of_the_model_is_seen(sock: socket.socket, taken: list[bytes]) -> None:
    other = event({"reasoning_content": "hm"}, model="other")
    _, record = await answer(sock, [HEAD, *map(chunked, [*THOUGHTS, other, WORDS[0], other, UNCOUNTED[0].replace(b'"m"', b'""')]), END])
    assert ([*THOUGHTS[1:], WORDS[0], other], "other") == (taken, record.model)


async def test_caller_that_reads_slowly_gets_all_in_order(sock: socket.socket, taken: list[bytes]) -> None:
    line = await connect(sock)
    await line.feed(*ALL[:3])
    line.caller.pause_writing()
    await line.feed(*ALL[3:5])
    line.caller.resume_writing()
    await quiet()
    await line.feed(*ALL[5:])
    assert [WORDS[1], WORDS[4]] == taken
    places = [line.said().index(word) for word in WORDS]
    assert sorted(places) == places


async def test_what_passed_before_the_caller_went_away_is_paid(sock: socket.socket, taken: list[bytes]) -> None:
    """Nobody reports the usage of such a call; it is estimated from what came."""
    line = await connect(sock)
    await line.feed(*ALL[:5])
    line.caller.connection_lost(None)
    await quiet()
    record = line.record()
    assert (3, 28, "cancelled") == (len(taken), record.output_chars, record.status)
    assert (True, 7) == (record.usage.is_estimated, record.usage.output_tokens)
    assert line.upstream._transport.is_closing()


async def test_answer_that_ends_within_a_plain_piece_is_noticed(sock: socket.socket) -> None:
    said, record = await answer(sock, [HEAD, chunked(WORDS[0]), chunked(WORDS[1]) + END])
    assert b"the stream ended without a finish_reason" in said
    assert ("error", 14) == (record.status, record.output_chars)


async def test_stream_that_passes_ends_at_its_deadline(sock: socket.socket, taken: list[bytes]) -> None:
    line = await connect(sock)
    await line.feed(*ALL[:4])
    line.upstream._watch.total_at = 0.0
    line.upstream._check()
    await quiet()
    assert WORDS[1:3] == taken
    assert b"total timer of" in line.said()
    assert ("error", "timeout", 21) == (line.record().status, line.record().attempts[0].error_code, line.record().output_chars)


async def test_nothing_is_written_before_the_answer_has_begun(sock: socket.socket) -> None:
    """Events without the head of an answer are none."""
    caller, answered = Connection(Gateway(Router(RouterState({}, {}))).serve, lambda _: None), Transport(sock)
    caller.connection_made(answered)
    head, _ = read_head(b"POST", b"/v1/chat/completions", [])
    assert not HttpExchange(caller, head, None).pass_on(7, WORDS[0])
    assert [] == answered.written


class Listening(Router):
    """A router of somebody who wants to see everything."""

    seen: list[str]

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        type(self).seen = []
        async for chunk in super().astream(request):
            self.seen.append(chunk.text)
            yield chunk


async def test_nothing_passes_a_router_that_was_derived_to_see_all(sock: socket.socket, taken: list[bytes]) -> None:
    await answer(sock, ALL, kind=Listening)
    assert "".join(f"word {n} " for n in range(5)) == "".join(Listening.seen)
    assert [] == taken


def caching(state: RouterState, **options: Any) -> CachingRouter:
    router = CachingRouter(state, **options)
    router.remember(AnswerCache())
    return router


async def test_answer_passes_a_cache_that_does_not_keep_it(sock: socket.socket, taken: list[bytes]) -> None:
    await answer(sock, ALL, kind=caching)
    assert WORDS[1:] == taken


async def test_answer_that_a_cache_keeps_comes_by_it_whole(sock: socket.socket, taken: list[bytes]) -> None:
    line = await connect(sock, caching, temperature=0)
    await line.feed(*ALL)
    line.ask()
    await quiet()
    assert [] == taken
    for n in range(5):
        assert 2 == line.said().count(f"word {n} ".encode())


async def test_idle_connection_keeps_nothing_of_a_stream(sock: socket.socket) -> None:
    """Or the last prompt of each upstream connection would stay in memory."""
    line = await connect(sock)
    await line.feed(*ALL[:-2], ALL[-2] + END)
    assert "ok" == line.record().status
    assert line.upstream._taker is None


async def test_nothing_passes_where_a_second_target_may_be_asked(sock: socket.socket, taken: list[bytes]) -> None:
    """Which of two attempts counts is known only later."""
    said, _ = await answer(sock, ALL, hedged=["pool"])
    assert [] == taken
    assert all(chunked(word) in said for word in WORDS)
