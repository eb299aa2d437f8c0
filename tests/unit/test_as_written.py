"""Bodies and answers of OpenAI's chat format that pass through as they were written."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.errors import ProviderError
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.wire import request_of
from routerkit.gateway.written import keep_written
from routerkit.messages import Chunk, Request, Usage
from routerkit.providers import as_written, openai_format
from routerkit.providers.http1 import Pieces
from routerkit.providers.openai_errors import Upstream
from routerkit.providers.openai_stream import StreamDecoder

MESSAGES = [{"role": "user", "content": "hi"}]


def read(data: bytes) -> Request:
    body = json.loads(data)
    return keep_written(request_of(body, Head("POST", "/"), Limits()), body)


def asked(**fields: Any) -> Request:
    return read(json.dumps({"model": "pool", "messages": MESSAGES, **fields}).encode())


def sent_to(request: Request, model: str = "gpt-x", *, limit_field: str = "max_tokens") -> bytes | None:
    """Body for a target, as the router asks for it."""
    return joined(as_written.whole_body(request.with_deadline(model, 1.0, None), limit_field))


def streamed_to(request: Request, model: str = "gpt-x") -> bytes | None:
    return joined(as_written.streamed_body(request.with_deadline(model, 1.0, None), "max_tokens"))


def joined(pieces: Pieces | None) -> bytes | None:
    return None if pieces is None else b"".join(pieces)


class TestBody:
    def test_nothing_but_the_model_changes(self) -> None:
        data = b'{ "messages":[{"content":"gr\\u00fc\\u00df \\"model\\": dich","role":"user"}],\n "model" : "pool", "seed":1.50 }'
        expected = '{"model":"gpt-x","messages":[{"content":"gr\u00fc\u00df \\"model\\": dich","role":"user"}],"seed":1.5}'
        assert expected.encode() == sent_to(read(data))

    @given(
        texts=st.lists(st.sampled_from(['"model"', '"model":"pool"', "\\", "model", "ü", "\n", '\\"', "{"]), max_size=4),
        extra=st.dictionaries(
            st.sampled_from(["seed", "user", "logit_bias", "stop", "tools", "temperature", "metadata"]),
            st.sampled_from([None, 7, "model", ["model"], {"model": "pool"}, [], [{"model": "pool"}], 0.5]),
            max_size=3,
        ),
        is_ascii=st.booleans(),
        comes_first=st.booleans(),
    )
    @settings(max_examples=300, deadline=None)
    def test_what_is_sent_says_what_was_asked(self, texts: list[str], extra: dict[str, Any], *, is_ascii: bool, comes_first: bool) -> None:
        """Whatever stands in it, and wherever `model` occurs."""
        messages = [{"role": "user", "content": "".join(texts)}]
        body = {"model": "pool", "messages": messages} if comes_first else {"messages": messages, "model": "pool"}
        data = json.dumps({**body, **extra}, ensure_ascii=is_ascii).encode()
        with suppress(Refusal):  # what is refused is sent nowhere
            sent = sent_to(read(data))
            assert sent is None or {**body, **extra, "model": "gpt-x"} == json.loads(sent)

    @pytest.mark.parametrize(
        "data",
        [
            b'{"mod\\u0065l":"pool","messages":[{"role":"user","content":"x"}]}',
            b'{"model":"gpt-big","messages":[{"role":"user","content":"x"}],"model":"pool"}',
            b'{"model":"po\\u006fl","messages":[{"role":"user","content":"x"}]}',
        ],
        ids=["hidden key", "twice", "escaped name"],
    )
    def test_model_stands_where_it_is_replaced_and_nowhere_else(self, data: bytes) -> None:
        """Else a caller could smuggle the name of another model past the choice."""
        assert b'{"model":"gpt-x","messages":[{"role":"user","content":"x"}]}' == sent_to(read(data))

    @pytest.mark.parametrize(
        "fields", [{"metadata": {"kind": "bug_fix"}}, {"seed": None}, {"tools": []}, {"tool_choice": "auto"}, {"stop": []}], ids=str
    )
    def test_what_providers_should_not_see_is_written_anew(self, fields: dict[str, Any]) -> None:
        assert sent_to(asked(**fields)) is None

    def test_changed_request_is_written_anew(self) -> None:
        request = asked(temperature=0.5)
        assert sent_to(request)
        for change in (
            {"messages": ({"role": "user", "content": "evidence"},)},
            {"temperature": 1.0},
            {"extra": {"seed": 1}},
            {"max_tokens": 9},
        ):
            assert sent_to(replace(request, **change)) is None

    def test_limit_under_another_name_is_written_anew(self) -> None:
        request = asked(max_completion_tokens=5)
        assert sent_to(request) is None
        assert sent_to(request, limit_field="max_completion_tokens")

    def test_stream_asks_for_usage(self) -> None:
        sent = streamed_to(asked(stream=True))
        assert sent is not None
        assert {"stream_options": {"include_usage": True}, "model": "gpt-x", "messages": MESSAGES, "stream": True} == json.loads(sent)

    def test_whole_call_of_a_streamed_body_is_written_anew(self) -> None:
        assert sent_to(asked(stream=True)) is None
        assert streamed_to(asked()) is None


BODY: Any = {"id": "1", "model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "vendor": 1}


class TestAnswer:
    def answer(self, message: dict[str, Any], finish: str, **top: Any) -> bytes | None:
        parsed = {**BODY, "choices": [{"index": 0, "message": message, "finish_reason": finish}], **top}
        return as_written.with_body(openai_format.reply(parsed, asked()), parsed, b"as it came").as_written()

    def test_body_is_kept(self) -> None:
        assert b"as it came" == self.answer({"content": "x"}, "stop")

    def test_body_that_callers_could_not_read_is_written_anew(self) -> None:
        assert self.answer({"content": "x"}, "eos") is None
        assert self.answer({"content": "x"}, "stop", usage=None) is None
        assert self.answer({"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}, "tool_calls") is None

    def test_changed_answer_is_written_anew(self) -> None:
        parsed = {**BODY, "choices": [{"message": {"content": "secret"}, "finish_reason": "stop"}]}
        reply = as_written.with_body(openai_format.reply(parsed, asked()), parsed, b"secret")
        assert replace(reply, text="[removed]").as_written() is None


def event(delta: dict[str, Any] | None, finish: str | None = None, **top: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "1", "model": "m", "choices": choices, **top}).encode() + b"\n\n"


CALL = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}
EVENTS = [
    event({"role": "assistant", "content": ""}),
    event({"content": "one "}),
    event({"content": "two ü"}),
    event({"tool_calls": [CALL]}),
    event({}, "stop"),
]
USAGE = event(None, usage={"prompt_tokens": 3, "completion_tokens": 4})
DONE = b"data: [DONE]\n\n"


def decoded(decoder: StreamDecoder, data: bytes, cuts: list[int]) -> list[Chunk]:
    places = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(places) if a < b]
    return [chunk for part in [*parts, b""] if not decoder.is_done for chunk in decoder.feed(part)]


class TestStream:
    @given(cuts=st.lists(st.integers(0, 600), max_size=8), usage=st.booleans(), done=st.booleans())
    @settings(max_examples=100, deadline=None)
    def test_says_the_same_as_a_stream_that_was_read(self, cuts: list[int], *, usage: bool, done: bool) -> None:
        """Wherever the bytes are cut; the events pass unchanged, but for the usage that nobody asked for and the end mark."""
        data = b"".join(EVENTS) + (USAGE if usage else b"") + (DONE if done else b"")
        passed = decoded(as_written.PassingDecoder(asked(stream=True), Upstream("up")), data, cuts)
        read = decoded(StreamDecoder(asked(stream=True), Upstream("up")), data, cuts)
        assert b"".join(EVENTS) == b"".join(chunk.as_written() or b"" for chunk in passed)
        for chunks in (passed, read):
            assert "one two ü" == "".join(chunk.text for chunk in chunks)
            assert ["{}"] == [call.arguments for chunk in chunks for call in chunk.tool_calls]
            assert ["stop"] == [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
            assert [not usage] == [chunk.usage.is_estimated for chunk in chunks if chunk.usage]

    def test_usage_passes_when_it_was_asked_for(self) -> None:
        request = asked(stream=True, stream_options={"include_usage": True})
        chunks = decoded(as_written.PassingDecoder(request, Upstream("up")), b"".join([*EVENTS, USAGE, DONE]), [])
        assert USAGE in b"".join(chunk.as_written() or b"" for chunk in chunks)
        assert [Usage(3, 4)] == [chunk.usage for chunk in chunks if chunk.usage]

    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (b"".join(EVENTS[:3]), "truncated"),
            (event({"role": "assistant"}) + event({}, "stop") + DONE, "empty_answer"),
            (EVENTS[0] + b'data: {"error": {"message": "overloaded", "code": 529}}\n\n', "overloaded"),
        ],
    )
    def test_broken_streams_fail_as_ever(self, data: bytes, code: str) -> None:
        with pytest.raises(ProviderError) as caught:
            decoded(as_written.PassingDecoder(asked(stream=True), Upstream("up")), data, [])
        assert code == caught.value.code
