"""Pieces of several tool calls that come by turns reach callers of the block formats as calls, each whole and under its name."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from tests.faults.test_bytes import chunked
from tests.gateway.test_odd_events import call, event
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault

PIECES = {
    "one after the other": [(0, "a"), (0, '{"n": '), (0, "1}"), (1, "b"), (1, '{"n": 2}'), (2, "c"), (2, "{}")],
    "by turns": [(0, "a"), (1, "b"), (0, '{"n": '), (2, "c"), (1, '{"n":'), (0, "1}"), (1, " 2}"), (2, "{}")],
    "names first": [(0, "a"), (1, "b"), (2, "c"), (2, "{"), (0, '{"n": 1}'), (1, '{"n": 2}'), (2, "}")],
}
EXPECTED = [("a", {"n": 1}), ("b", {"n": 2}), ("c", {})]
TEXT = event({"content": "And so."})


@pytest.fixture(params=PIECES)
def script(served, request):
    """Has the first server call three tools, with text in the middle of the first; gives the URL to ask."""
    events = [call(i, f"id_{said}", said, "") if said.isalpha() else call(i, None, None, said) for i, said in PIECES[request.param]]
    served.first.script(Fault(raw=chunked(events[0], TEXT, *events[1:], event({}, "tool_calls"), b"data: [DONE]\n\n")))
    return served


def test_anthropics_sdk_puts_them_together(script):
    with anthropic.Anthropic(base_url=script.url, api_key="x", max_retries=0) as client:
        tools = [{"name": name, "input_schema": {"type": "object"}} for name in "abc"]
        said = [{"role": "user", "content": "go"}]
        with client.messages.stream(model="coding", max_tokens=50, messages=said, tools=tools) as stream:
            blocks = stream.get_final_message().content
    assert EXPECTED == [(block.name, block.input) for block in blocks if block.type == "tool_use"]
    assert ["And so."] == [block.text for block in blocks if block.type == "text"]


def test_openais_sdk_puts_responses_together(script):
    with openai.OpenAI(base_url=script.base_url, api_key="x", max_retries=0) as client:
        tools = [{"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False} for name in "abc"]
        with client.responses.stream(model="coding", input="go", tools=tools) as stream:
            answer = stream.get_final_response()
    assert EXPECTED == [(item.name, json.loads(item.arguments)) for item in answer.output if item.type == "function_call"]
    assert "And so." == answer.output_text


BROKEN = '{"path": "a.txt", "text": "half a'
CHAT_TURN = [
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": BROKEN}}],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "your arguments are not JSON"},
]
RESPONSES_TURN = [
    {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": BROKEN},
    {"type": "function_call_output", "call_id": "call_1", "output": "your arguments are not JSON"},
]


@pytest.mark.parametrize(
    ("path", "field", "turn"),
    [("/v1/chat/completions", "messages", CHAT_TURN), ("/v1/responses", "input", RESPONSES_TURN)],
)
def test_call_that_a_model_broke_off_does_not_end_the_conversation(served, path, field, turn):
    """Also when its turn is one that was seen before."""
    said = [{"role": "user", "content": "go"}, *turn, {"role": "user", "content": "again"}]
    for _ in range(2):
        assert 200 == post(served, json.dumps({"model": "coding", field: said}).encode(), path=path)[0]
        (sent,) = served.first.bodies[-1]["messages"][1]["tool_calls"]
        assert {"_invalid_json": BROKEN} == json.loads(sent["function"]["arguments"])
        said.append({"role": "user", "content": "and again"})
