"""Streams with oddities that the library sets right: the gateway's callers get them right, too, though events pass as written."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from tests.faults.test_bytes import chunked, sized
from tests.gateway.test_chat import MESSAGES, TOOL
from tests.gateway.test_chat import served as served  # noqa: PLC0414  a fixture
from tests.servers.fault import Fault

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**body, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


def call(index: int, call_id: str | None, name: str | None, arguments: Any) -> bytes:
    identity = {} if call_id is None else {"id": call_id, "type": "function"}
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return event({"tool_calls": [{"index": index, **identity, "function": function}]})


ONE = '{"city": "Paris"}'
CALLS = {
    "all under index 0": [call(0, "a", "f", ""), call(0, None, None, ONE), call(0, "b", "g", ""), call(0, None, None, ONE)],
    "all under one id": [call(0, "a", "f", ONE), call(1, "a", "g", ONE)],
    "without ids": [call(0, None, "f", ""), call(0, None, None, ONE), call(1, None, "g", ONE)],
    "all under index 0, without ids": [call(0, None, "f", ONE), call(0, None, "g", ""), call(0, None, None, ONE)],
    "counted from 1": [call(1, "a", "f", ""), call(1, None, None, ONE), call(2, "b", "g", ""), call(2, None, None, ONE)],
    "names after ids": [
        call(0, "a", None, ""),
        call(0, None, "f", ONE),
        call(1, "b", None, ""),
        call(1, None, "g", ""),
        call(1, None, None, ONE),
    ],
    "arguments as an object": [call(0, "a", "f", json.loads(ONE)), call(1, "b", "g", json.loads(ONE))],
}


@pytest.mark.parametrize("events", CALLS.values(), ids=CALLS)
def test_tool_calls_arrive_apart(served, events):
    served.first.script(Fault(raw=chunked(event({"content": "Both."}), *events, event({}, "tool_calls"), b"data: [DONE]\n\n")))
    client = openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0)
    with client, client.chat.completions.stream(model="coding", messages=MESSAGES, tools=[TOOL]) as stream:
        (choice,) = stream.get_final_completion().choices
    assert ("Both.", "tool_calls") == (choice.message.content, choice.finish_reason)
    assert ["f", "g"] == [made.function.name for made in choice.message.tool_calls]
    assert [json.loads(ONE)] * 2 == [json.loads(made.function.arguments) for made in choice.message.tool_calls]
    ids = [made.id for made in choice.message.tool_calls]
    assert all(ids)
    assert 2 == len(set(ids))


@pytest.mark.parametrize(("said", "told"), [("eos", "stop"), ("tool_calls", "stop"), ("max_tokens", "length"), ("whatever", "stop")])
def test_ending_is_told_in_the_words_of_the_format(served, said, told):
    """`tool_calls` without any would have an agent wait for calls that nobody makes."""
    ending = event({"content": " two"}, said), event({}, said)  # some say it again with the usage
    served.first.script(Fault(raw=chunked(event({"content": "One"}), *ending, b"data: [DONE]\n\n")))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        chunks = list(client.chat.completions.create(model="coding", messages=MESSAGES, stream=True))
    assert [told] == [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason]
    assert "One two" == "".join(c.choices[0].delta.content or "" for c in chunks)


def said_with(usage: object) -> list[bytes]:
    """A whole stream whose last event has this usage."""
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return [
        event({"content": "hi"}),
        event({}, "stop"),
        b"data: {}\n\n",
        b"data: " + json.dumps(body).encode() + b"\n\n",
        b"data: [DONE]\n\n",
    ]


@pytest.mark.parametrize("usage", [USAGE, None, "x", {}, {"prompt_tokens": -3, "completion_tokens": 2}, {"prompt_tokens": 1e30}])
def test_usage_that_was_asked_for_comes_once_and_makes_sense(served, usage):
    """Also where the provider leaves it out, or says what cannot be."""
    served.first.script(Fault(raw=chunked(*said_with(usage))))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        ask = {"model": "coding", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
        chunks = list(client.chat.completions.create(**ask))
    (told,) = [chunk.usage for chunk in chunks if chunk.usage]
    assert 0 <= told.prompt_tokens < 100
    assert 0 < told.completion_tokens < 100
    assert all(isinstance(chunk.choices, list) for chunk in chunks)


def test_usage_with_reasoning_beside_the_completion_passes_as_it_is_told(served):
    said = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}}
    served.first.script(Fault(raw=chunked(*said_with(said))))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        ask = {"model": "coding", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
        (told,) = [chunk.usage for chunk in client.chat.completions.create(**ask) if chunk.usage]
    assert 9 == told.total_tokens == told.prompt_tokens + told.completion_tokens + (4 if told.completion_tokens == 2 else 0)


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_is_no_json_reaches_no_caller(served, is_streamed, number):
    """Python's parser takes it, and so do we; most others do not."""
    whole = {"id": "c1", "model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}], "usage": USAGE, "score": 0.5}
    odd = event({"content": "hi", "score": 0.5}, "stop")
    raw = (
        chunked(odd.replace(b"0.5", number), b"data: [DONE]\n\n")
        if is_streamed
        else sized(json.dumps(whole).encode().replace(b"0.5", number))
    )
    served.first.script(Fault(raw=raw))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        said = client.chat.completions.with_raw_response.create(model="coding", messages=MESSAGES, stream=is_streamed).http_response.read()
    assert b'"hi"' in said
    assert number not in said


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Hello."}]


def answered_in_parts() -> Fault:
    """Kept open: what is asked next may use the connection before it is seen to be closed, and would get its answer from another target."""
    return Fault(raw=sized(json.dumps(whole_of({"content": PARTS})).encode()), raw_end="keep")


def streamed_in_parts() -> Fault:
    return Fault(raw=chunked(*[event({"content": [part]}) for part in PARTS], event({"content": " You."}), event({}, "stop")))


def whole_of(message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def test_content_in_parts_is_the_text_that_clients_take(served):
    """Mistral's way of thinking aloud; it is seen under the name that others give it."""
    served.first.script(answered_in_parts(), streamed_in_parts())
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        message = client.chat.completions.create(model="coding", messages=MESSAGES).choices[0].message
        deltas = [c.choices[0].delta for c in client.chat.completions.create(model="coding", messages=MESSAGES, stream=True)]
    assert ("Hello.", "Hm.") == (message.content, message.reasoning_content)
    assert "Hello. You." == "".join(delta.content or "" for delta in deltas)
    assert ["Hm."] == [delta.reasoning_content for delta in deltas if getattr(delta, "reasoning_content", None)]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("finish", "told"), [("tool_calls", "{}"), ("stop", "{}"), ("length", "")])
def test_call_that_is_given_nothing_says_so_in_json(served, is_streamed, finish, told):
    """Claude through many a server; programs that read the arguments as JSON fail at an empty text. A call that was cut stays as it is."""
    made = [{"index": n, "id": i, "type": "function", "function": {"name": "f", "arguments": ""}} for n, i in enumerate("ab")]
    whole = sized(json.dumps(whole_of({"content": None, "tool_calls": made}, finish)).encode())
    events = [*[event({"tool_calls": [call]}) for call in made], event({}, finish), b"data: [DONE]\n\n"]
    served.first.script(Fault(raw=chunked(*events) if is_streamed else whole))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        if not is_streamed:
            calls = client.chat.completions.create(model="coding", messages=MESSAGES, tools=[TOOL]).choices[0].message.tool_calls
            assert [told] * 2 == [call.function.arguments for call in calls]
            return
        chunks = list(client.chat.completions.create(model="coding", messages=MESSAGES, tools=[TOOL], stream=True))
    pieces = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [told] * 2 == ["".join(piece.function.arguments for piece in pieces if piece.index == n) for n in (0, 1)]
    assert [finish] == [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason]


def test_arguments_that_came_as_an_object_are_text(served):
    made = {"id": "a", "type": "function", "function": {"name": "f", "arguments": json.loads(ONE)}}
    served.first.script(Fault(raw=sized(json.dumps(whole_of({"content": None, "tool_calls": [made]}, "tool_calls")).encode())))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        (call,) = client.chat.completions.create(model="coding", messages=MESSAGES, tools=[TOOL]).choices[0].message.tool_calls
    assert json.loads(ONE) == json.loads(call.function.arguments)
