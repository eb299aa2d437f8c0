"""The quick reading of a plain chat says what the general one says of it, on bodies good and bad."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import pytest

from routerkit.as_written import Written
from routerkit.gateway.chat_shape import checked
from routerkit.gateway.exchange import parsed
from routerkit.gateway.head import Head
from routerkit.gateway.limits import LONG_BYTES, Limits
from routerkit.gateway.openai_chat import ChatEvents
from routerkit.gateway.plain_chat import plain_chat
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.wire import Hints, hints_of, is_streamed, request_of
from routerkit.gateway.written import keep_written
from routerkit.messages import Json, Request

LIMITS = Limits(messages=3, depth=3)
USER = {"role": "user", "content": "hi"}
HEADS = [
    Head("POST", "/"),
    Head("POST", "/", {"x-routerkit-agent": "a", "x-session-id": "7", "x-routerkit-tags": "x, y", "cache-control": "no-store"}),
    Head(
        "POST", "/", {"x-routerkit-kind": "review", "x-routerkit-deadline": "5", "x-routerkit-priority": "batch", "x-routerkit-hops": "1"}
    ),
    Head("POST", "/", {"x-routerkit-deadline": "soon"}),
    Head("POST", "/", {"x-routerkit-kind": "nonsense"}),
]
VALUES: dict[str, list[Any]] = {
    "model": ["pool", "", None, 7, 'a"b', "ü", "po\\ol", "model", ["pool"]],
    "messages": [
        [USER],
        [{"role": "system", "content": ""}, USER, {"role": "assistant", "content": "x"}],
        [{"content": "model", "role": "developer"}],
        [{"role": "user", "content": '"model":"pool" \\u006d {[ \n ü 😀'}],
        [USER] * 4,
        [],
        None,
        "hi",
        [{}],
        [{"role": "user"}],
        [{"content": "x"}],
        [{"role": "tool", "content": "x", "tool_call_id": "1"}],
        [{"role": "tool", "content": "x"}],
        [{"role": "function", "content": "x"}],
        [{"role": "nobody", "content": "x"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": 7}],
        [{"role": "user", "content": [{"type": "text", "text": "x"}]}],
        [{"role": "user", "content": "x", "name": "y"}],
        [{"role": "assistant", "content": None, "tool_calls": []}],
        ["hi"],
        [[USER]],
    ],
    "temperature": [0, 1, 0.2, -0.0, 100, 100.0, 1e2, 100.1, 101, -1, "1", True, None, [], 10**30],
    "max_tokens": [1, 200, 10**9, 10**9 + 1, 0, -1, 1.0, 1.5, "1", True, None],
    "max_completion_tokens": [1, 0, None],
    "stop": ["x", "", ["x"], ["x", "y"], [], [1], None, 7],
    "stream": [True, False, None, "yes", 1],
    "stream_options": [{"include_usage": True}, {"include_usage": False}, {}, None, {"include_usage": True, "x": 1}, "yes"],
    "metadata": [{}, {"agent": "m"}, None, 7],
    "n": [1, 2, None],
    "seed": [7],
    "tools": [[], None, [{"type": "function", "function": {"name": "f"}}]],
    "nonsense": [1],
}
USUAL = {"model": "pool", "messages": [USER]}


def read(data: bytes, head: Head, limits: Limits) -> tuple[Mapping[str, Json], Request]:
    """A body as it is generally read."""
    asked = parsed(data, limits)
    return asked, keep_written(request_of(checked(asked), head, limits), asked)


def generally(data: bytes, head: Head, limits: Limits) -> tuple[object, ...]:
    """What the general reading makes of a body."""
    return seen(*read(data, head, limits))


def quickly(data: bytes, head: Head, limits: Limits) -> tuple[object, ...] | None:
    """What the quick one makes of it; None = nothing."""
    found = plain_chat(data, head, limits, partial(hints_of, limits=limits))
    return None if found is None else seen(*found)


def seen(asked: Mapping[str, Json], request: Request) -> tuple[object, ...]:
    # Requests are told apart by what they look like: 1 and 1.0 are equal, but not the same to a provider.
    return repr(request), is_streamed(asked), ChatEvents(asked, request)._with_usage, said(request.written)


def said(written: Written | None) -> tuple[object, ...] | None:
    """What a provider is told; that an answer is not to come in pieces is the same as nothing."""
    if written is None:
        return None
    sent = json.loads(written.body[: written.model_at.start] + b'"other"' + written.body[written.model_at.stop :])
    if sent.get("stream") is False:
        del sent["stream"]
    return json.dumps(sent, sort_keys=True), written.parts, written.limit_field, written.is_stream, written.asks_usage


def compare(data: bytes, head: Head = HEADS[0], limits: Limits = LIMITS) -> bool:
    """Whether the quick reading took it; then both must have said the same."""
    found = []
    for way in (quickly, generally):
        try:
            found.append(way(data, head, limits))
        except Refusal as refused:
            found.append((refused.status, refused.body()))
    quick, general = found
    if quick is None:
        return False
    assert quick == general, data
    return True


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_every_pair_of_values_is_read_alike(head):
    n_taken = 0
    for (one, ones), (two, twos) in itertools.product(VALUES.items(), repeat=2):
        for first, second in itertools.product(ones, twos):
            for escaped in (True, False):
                body = {**USUAL, one: first, two: second}
                n_taken += compare(json.dumps(body, ensure_ascii=escaped).encode(), head)
    assert n_taken > 500


@pytest.mark.parametrize("seed", range(10))
def test_bodies_changed_by_chance_are_read_alike(seed):
    rng = random.Random(seed)
    for _ in range(1_000):
        fields = rng.sample(sorted(VALUES), 3)
        data = bytearray(json.dumps(USUAL | {name: rng.choice(VALUES[name]) for name in fields}, separators=(",", ":")).encode())
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(2)] = rng.choice(
                [b"0", b'"', b",", b"\\", b" ", b"{", b"}", b"[", b"]", b"\xff", b"e", b"-", b"null"]
            )
        compare(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbf" + json.dumps(USUAL).encode(),
        b'{"model":"pool","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"pool","messages":[{"role":"user","content":"\xff"}]}',
        b'{"mod\\u0065l":"pool","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"pool","messages":[{"r\\u006fle":"user","content":"x"}],"model":"other"}',
        b'{"model":"pool","messages":[{"role":"user","content":"x","role":"system"}],"temperature":1,"temperature":2}',
        b'{"model":"pool","messages":[{"role":"user","content":"x"}],"temperature":1e400}',
        b'{"model":"pool","messages":[{"role":"user","content":"x"}],"temperature":NaN}',
        b'{"model":"pool","messages":[{"role":"user","content":"x"}],"max_tokens":-0}',
        b'{"model":"pool","messages":[{"role":"user","content":"x"}]} x',
        json.dumps({"model": "pool", "messages": [{"role": "user", "content": "x" * LONG_BYTES}]}).encode(),
    ],
)
def test_odd_bytes_are_read_alike(data):
    compare(data)


def test_what_is_nested_deeper_than_a_caller_may_is_left_to_the_general_reading():
    data = json.dumps(USUAL).encode()
    assert compare(data)
    assert not compare(data, limits=Limits(depth=2))


def test_hints_are_fields_of_a_request_in_their_order():
    names = [f.name for f in fields(Request)]
    first = names.index("kind")
    assert Hints._fields == tuple(names[first : first + len(Hints._fields)])
    assert ["inputs", "written", "pass_on"] == names[first + len(Hints._fields) :]


def test_usual_chats_are_taken():
    usual = {**USUAL, "temperature": 0.2, "max_tokens": 200, "stop": ["x"]}
    streamed = {**usual, "stream": True, "stream_options": {"include_usage": True}}
    assert all(compare(json.dumps(body).encode(), head) for body in (USUAL, usual, streamed) for head in HEADS)
