"""Reading a chat part by part says what the general way says of it, on bodies good and bad, be the parts known or new."""

from __future__ import annotations

import copy
import itertools
import json
import random
from typing import Any

import pytest

from routerkit.features import features
from routerkit.gateway.chat_parts import ChatParts
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.parts import PartsReader
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.wire import request_of
from routerkit.gateway.written import keep_written
from routerkit.known import KnownMessages, KnownTools
from routerkit.messages import Request
from routerkit.providers import as_written
from routerkit.providers.litellm_params import arguments
from tests.gateway.test_plain_chat import HEADS, read, seen

LIMITS = Limits(messages=5, depth=9)
USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "f", "description": "ü", "parameters": {"type": "object", "properties": {"x": {}}}}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "1", "content": "x"}
VALUES: dict[str, list[Any]] = {
    "model": ["pool", "", None, 7, "model", "tools"],
    "messages": [
        [USER],
        [USER, CALLED, RESULT],
        [{"role": "system", "content": "s"}, USER, {**CALLED, "content": "so"}, RESULT, USER],
        [USER, CALLED, {**RESULT, "tool_call_id": "2"}],
        [USER, CALLED, {**RESULT, "tool_call_id": None}],
        [USER, CALLED, {**RESULT, "tool_call_id": [CALL]}],
        [USER, CALLED, {**RESULT, "content": [CALL]}],
        [USER, CALLED, {**RESULT, "content": [{"type": "text"}]}],
        [USER, CALLED, {**RESULT, "content": [{"type": "text", "text": "x"}]}],
        [USER, {**RESULT, "tool_calls": [CALL]}, RESULT],
        [USER, RESULT],
        [USER, {**CALLED, "tool_calls": []}],
        [USER, {**CALLED, "tool_calls": None}],
        [USER, {**CALLED, "tool_calls": "x"}],
        *[
            [USER, {**CALLED, "tool_calls": [call]}, RESULT]
            for call in (
                {**CALL, "id": 1},
                {**CALL, "type": None},
                {**CALL, "type": "other"},
                {**CALL, "type": {"name": "f"}},
                {**CALL, "function": "f"},
                {**CALL, "function": None},
                {**CALL, "function": {"name": "f"}},
                {**CALL, "function": {"name": "f", "arguments": {}}},
                {**CALL, "function": {"name": "f", "arguments": '{"tools": [], "model": 1}'}},
                {**CALL, "extra": 1},
                {"id": "1", "function": CALL["function"]},
                {"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}},
                {"type": "function", "function": CALL["function"]},
                {},
            )
        ],
        [{**USER, "name": "n"}],
        [{**USER, "name": None}],
        [{**USER, "name": 7}],
        [{**USER, "name": []}],
        [{"role": None, "content": "x"}],
        [{"role": [], "content": "x"}],
        [{"role": "nobody", "content": "x"}],
        [{"content": "x"}],
        [{}],
        [USER] * 6,
        [],
        None,
    ],
    "tools": [
        [TOOL],
        [TOOL, {**TOOL, "cache_control": {"type": "ephemeral"}}],
        [TOOL] * 300,
        [{"type": "web_search"}],
        [{"type": "custom", "custom": {"name": "c"}}],
        [{"type": "custom"}],
        [{"type": "function"}],
        [{"type": "function", "function": None}],
        [{"type": "function", "function": {"name": ""}}],
        [{"type": "function", "function": {"name": "f", "parameters": []}}],
        [{"type": "function", "function": {"name": "f", "parameters": {"a": [[[1]]]}}}],
        [{"type": "function", "function": {"name": "f", "parameters": {"a": [[[[1]]]]}}}],
        [{"type": "function", "function": {"name": "tools", "parameters": {"model": 1}}}],
        [{"type": "function", "function": {"name": "f", "parameters": {"n": 10**30, "x": 1.0, "y": -0.0}}}],
        [TOOL, None],
        ["f"],
        [[]],
        [{}],
        [],
        {},
        None,
        "f",
        7,
    ],
    "tool_choice": ["auto", "none", "required", "any", "f", "", None, 7, {"type": "function", "function": {"name": "f"}}, {"type": "x"}],
    "parallel_tool_calls": [True, False, None, 1, "yes"],
    "temperature": [0, 0.2, 101, None],
    "max_tokens": [1, 0, None],
    "max_completion_tokens": [1],
    "stop": ["x", ["x"], []],
    "stream": [True, False, None, 1],
    "stream_options": [{"include_usage": True}, {"include_usage": False}, None],
    "metadata": [{"agent": "m"}],
    "seed": [7],
    "nonsense": [1],
}
USUAL = {"model": "pool", "messages": [USER, CALLED, RESULT], "tools": [TOOL]}
READERS: dict[Limits, PartsReader] = {}


def by_parts(data: bytes, head: Head, limits: Limits) -> tuple[Any, Request] | None:
    """A body as it is read part by part."""
    found = READERS.setdefault(limits, PartsReader(ChatParts(), limits)).read(data)
    if found is None:
        return None
    asked, body, known = found
    return asked, keep_written(request_of(body, head, limits), body, known)


def quickly(data: bytes, head: Head, limits: Limits) -> tuple[object, ...] | None:
    """What that makes of a body; None = nothing."""
    found = by_parts(data, head, limits)
    return None if found is None else all_of(*found)


def slowly(data: bytes, head: Head, limits: Limits) -> tuple[object, ...]:
    """What the general one makes of it."""
    return all_of(*read(data, head, limits))


def all_of(asked: Any, request: Request) -> tuple[object, ...]:
    """What a body was read as, what follows from it, what is sent to a provider, and whether that is what was written."""
    *told, written = seen(asked, request)
    field = (request.written.limit_field if request.written else None) or "max_tokens"
    sent = as_written.whole_body(request, field) or as_written.streamed_body(request, field)
    return told, features(request).to_dict(), json.loads(b"".join(sent)) if sent else None, written


def compare(data: bytes, head: Head = HEADS[0], limits: Limits = LIMITS) -> bool:
    """Whether the quick reading took it; then both must have said the same, and the quick one the same again."""
    found: list[Any] = []
    for way in (quickly, quickly, slowly):
        try:
            found.append(way(data, head, limits))
        except Refusal as refused:
            found.append((refused.status, refused.body()))
    assert found[0] == found[1], data
    if (quick := found[0]) is None:
        return False
    assert quick == found[2], data
    if len(quick) > 2 and quick[-2] is not None:
        assert quick[-2] == json.loads(data) | ({"stream_options": {"include_usage": True}} if quick[-2].get("stream") else {})
    return True


@pytest.mark.parametrize("head", HEADS[:4:3], ids=range(2))
def test_every_pair_of_values_is_read_alike(head):
    n_taken = 0
    for (one, ones), (two, twos) in itertools.combinations(VALUES.items(), 2):
        for first, second in itertools.product(ones, twos):
            n_taken += compare(json.dumps({**USUAL, one: first, two: second}).encode(), head)
    assert n_taken > 300


@pytest.mark.parametrize("seed", range(4))
def test_bodies_changed_by_chance_are_read_alike(seed):
    rng = random.Random(seed)
    marks = [b"0", b'"', b",", b"\\", b" ", b"{", b"}", b"[", b"]", b"\xff", b"e", b"-", b"null", b'"tools":[],', b"\\ud800", b"\\u006f"]
    for _ in range(1_000):
        fields = rng.sample(sorted(VALUES), 2)
        data = bytearray(json.dumps(USUAL | {name: rng.choice(VALUES[name]) for name in fields}, ensure_ascii=rng.random() < 0.5).encode())
        for _ in range(rng.randrange(3)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(2)] = rng.choice(marks)
        compare(bytes(data))


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("tools", [
    b"[ %b , %b\n]", b"[%b,{}]", b"[%b]]", b"[%b", b"[%b,1e999]", b"[%b],\"tools\":[%b]", b"[%b,\"\xff\"],\"tools\":[%b]",
    b"[1e999],\"tools\":[%b,%b]", b"[1e999],\"to\\u006fls\":[%b]", b"[%b],\"t\\u006Fols\":[1e999]", b"[%b],\"seed\":1,\"seed\":2",
    b"[%b],\"tool_choice\":\"f\",\"tool_choice\":\"auto\"", b"[%b] x",
    b"[{\"type\":\"function\",\"function\":{\"name\":\"\\u00fc\",\"name\":\"f\"}}]", b"\t[%b]\r\n", b"[" * 900 + b"]" * 900, b"[" * 5000,
])  # fmt: skip
@pytest.mark.parametrize("is_last", [True, False])
def test_odd_lists_of_tools_are_read_alike(tools, is_last):
    written = tools.replace(b"%b", json.dumps(TOOL).encode())
    model, messages = b'"model":"pool"', b'"messages":[{"role":"user","content":"hi"}]'
    fields = [model, messages, b'"tools":' + written] if is_last else [b'"tools":' + written, messages, model]
    compare(b"{" + b",".join(fields) + b"}")


@pytest.mark.parametrize("depth", range(1, 12))
def test_what_is_nested_deeper_than_a_caller_may_is_refused_alike(depth):
    data = json.dumps({**USUAL, "tools": [{**TOOL, "x": "x" * 5_000}]}).encode()
    assert compare(data, limits=Limits(depth=depth)) == (depth >= 7)
    assert compare(json.dumps(USUAL).encode(), limits=Limits(depth=depth)) == (depth >= 7)


def test_the_same_parts_are_read_once_and_others_for_themselves():
    def read_of(**more: Any) -> Request:
        found = by_parts(json.dumps({**USUAL, **more}).encode(), HEADS[0], LIMITS)
        assert found is not None
        return found[1]

    other = copy.deepcopy(TOOL)
    other["function"]["description"] = "u"
    first, again = read_of(), read_of(temperature=1)
    assert isinstance(first.tools, KnownTools)
    assert first.tools is again.tools
    assert (TOOL,) == first.tools != read_of(tools=[other]).tools == (other,)
    assert isinstance(first.messages, KnownMessages)
    changed = read_of(messages=[USER, {**CALLED, "content": "so"}, RESULT])
    assert [True, False, True] == [one is two for one, two in zip(again.messages, changed.messages, strict=True)]


def test_litellm_gets_tools_of_its_own():
    found = by_parts(json.dumps(USUAL).encode(), HEADS[0], LIMITS)
    assert found is not None
    given: Any = arguments(found[1])["tools"]
    given[0]["function"]["parameters"]["properties"]["x"]["y"] = 1
    given[0].pop("type")
    assert (TOOL,) == found[1].tools
