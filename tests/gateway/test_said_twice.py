"""Objects that say something twice, of which servers differ in what they take: what we decide about is what a provider is told."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from routerkit.gateway.wire import KNOWN
from tests.gateway.conftest import Served, dialled

USER = {"role": "user", "content": "said last"}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PART = {"type": "text", "text": "said last"}
BODIES: dict[str, dict[str, Any]] = {
    "plain": {"model": "coding", "messages": [USER], "temperature": 0.5, "max_tokens": 20, "stop": ["x"]},
    "streamed": {"model": "coding", "messages": [USER], "stream": True, "stream_options": {"include_usage": True}},
    "tools": {
        "model": "coding",
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "x"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    },
    "parts": {
        "model": "coding",
        "messages": [{"role": "user", "content": [PART, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    },
    "others": {
        "model": "coding",
        "messages": [USER],
        "seed": 7,
        "top_p": 0.5,
        "user": "u",
        "logit_bias": {"50256": -100},
        "logprobs": True,
        "top_logprobs": 2,
        "reasoning_effort": "low",
        "n": 1,
        "metadata": {"agent": "a"},
        "presence_penalty": 0.1,
        "frequency_penalty": 0.1,
        "parallel_tool_calls": True,
    },
}
OTHERS: list[Any] = ["said first", 1, True, None, [], {}, [USER, USER], {"said": "first"}]
"""What may be said first; it may be of the wrong type."""


class Pairs(list[tuple[str, Any]]):
    """An object that may have a key twice."""


def objects(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Places of all objects in it."""
    if isinstance(value, dict):
        yield path
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from objects(inner, (*path, name))


def twice(value: Any, path: tuple[Any, ...], key: str, first: Any) -> Any:
    """The same with this key of the object at a path said twice, and something else first."""
    if path:
        inner = {path[0]: twice(value[path[0]], path[1:], key, first)}
        return value | inner if isinstance(value, dict) else [inner.get(i, each) for i, each in enumerate(value)]
    return Pairs([pair for name, said in value.items() for pair in [(name, first)] * (name == key) + [(name, said)]])


def written(value: Any, *, is_spaced: bool) -> str:
    comma, colon = (", ", ": ") if is_spaced else (",", ":")
    if isinstance(value, dict | Pairs):
        pairs = value.items() if isinstance(value, dict) else value
        return "{" + comma.join(json.dumps(name) + colon + written(said, is_spaced=is_spaced) for name, said in pairs) + "}"
    if isinstance(value, list):
        return "[" + comma.join(written(each, is_spaced=is_spaced) for each in value) + "]"
    return json.dumps(value)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def ask(served: Served, data: bytes) -> int:
    with dialled(served) as connection:
        connection.request("POST", "/v1/chat/completions", data)
        answer = connection.getresponse()
        answer.read()
        return answer.status


@pytest.mark.parametrize("is_spaced", [False, True])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_said_twice_reaches_a_provider_once_and_as_it_was_understood(served, body, is_spaced):
    """Each key of each object of a body, with all kinds of values said before; twice, because parts of bodies are remembered."""
    n_sent = 0
    for path in objects(body):
        place: Any = body
        for step in path:
            place = place[step]
        for key, first in itertools.product(place, OTHERS):
            data = written(twice(body, path, key, first), is_spaced=is_spaced).encode()
            n_before = served.first.hits
            ask(served, data)
            for raw in served.first.raw[n_before:]:
                n_sent += 1
                told = json.loads(raw, object_pairs_hook=once)
                meant = {**body, "model": "cheap-1"} | ({"stream_options": {"include_usage": True}} if body.get("stream") else {})
                assert {name: value for name, value in meant.items() if name not in {"metadata", "n"}} == told
    assert n_sent


def test_escaped_keys_are_keys_too(served):
    data = b'{"model":"coding","messages":[{"role":"user","c\\u006fntent":"first","content":"last"}],"m\\u0061x_tokens":9,"max_tokens":5}'
    assert 200 == ask(served, data)
    assert {"model": "cheap-1", "messages": [{"role": "user", "content": "last"}], "max_tokens": 5} == json.loads(
        served.first.raw[-1], object_pairs_hook=once
    )


def test_bodies_here_say_every_field_that_a_budget_or_a_key_of_a_cache_depends_on():
    assert {*itertools.chain.from_iterable(BODIES.values())} >= {"messages", "tools", "max_tokens", "stream", "temperature", "seed"}
    assert KNOWN.issuperset(itertools.chain.from_iterable(BODIES.values()))
