"""The quick way to read a whole answer says what the thorough one says, or leaves it to that."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.errors import ProviderError
from routerkit.messages import Reply, Request, Usage
from routerkit.providers import as_written, openai_format
from routerkit.providers.plain_answer import plain_answer
from tests.unit.test_as_written import asked

REQUEST = Request("m", ({"role": "user", "content": "hi"},))
PLAIN: dict[str, Any] = {
    "id": "x",
    "model": "gpt-x",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "ok", "refusal": None}, "logprobs": None, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}},
}


def changed(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(PLAIN))
    change(body, path, value)
    return body


def change(body: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value


def thorough(data: bytes, request: Request) -> Reply | str:
    try:
        parsed = openai_format.decode(data)
        reply = openai_format.reply(parsed, request)
    except ProviderError as error:
        return str(error)
    return reply if request.written is None else as_written.with_body(reply, parsed, data)


@pytest.mark.parametrize("request_", [REQUEST, asked()])
def test_plain_answer_is_read_quickly_and_whole(request_: Request) -> None:
    data = json.dumps(PLAIN).encode()
    quick = plain_answer(data, request_)
    assert quick == thorough(data, request_)
    assert quick is not None
    assert quick.as_written() == (None if request_.written is None else data)
    assert Usage(5, 2, cached_input_tokens=3) == quick.usage


FIELDS = [
    ("model",),
    ("error",),
    ("choices",),
    ("choices", 0, "index"),
    ("choices", 0, "logprobs"),
    ("choices", 0, "finish_reason"),
    *[("choices", 0, "message", name) for name in ("role", "content", "refusal", "reasoning", "reasoning_content", "annotations", "audio")],
    ("usage",),
    *[
        ("usage", name)
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens", "prompt_cache_hit_tokens", "completion_tokens_details")
    ],
    *[("usage", "prompt_tokens_details", name) for name in ("cached_tokens", "audio_tokens", "cache_write_tokens")],
]
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLS = [
    *(None, [], [CALL], [CALL, CALL], [CALL, {**CALL, "id": "d"}], [{**CALL, "id": None}], [{"id": "c"}], ["c"], "c"),
    *([{**CALL, "function": function}] for function in ({"name": "", "arguments": "{}"}, {"name": "f", "arguments": {}}, {"name": "f"})),
]
USUAL = ["stop", "length", "tool_calls"]
"""Finish reasons."""
VALUES: list[Any] = [
    *(None, True, 0, 1, -1, 2.5, 10**15, 10**30, "", " \n", "ok", "stop", "length", "eos", "error", "tool_calls", [], {}, [{}]),
    [CALL],
    {"reasoning_tokens": 1, "audio_tokens": 2},
    {"cached_tokens": True},
]


@given(
    changes=st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(VALUES)), max_size=2),
    finish=st.sampled_from(USUAL),
    calls=st.sampled_from(CALLS),
    content=st.sampled_from(["ok", "", None]),
)
@settings(max_examples=1_000, deadline=None)
def test_quick_reading_never_differs_from_the_thorough_one(
    changes: list[tuple[tuple[Any, ...], Any]], finish: str, calls: Any, content: str | None
) -> None:
    body = changed(("choices", 0, "finish_reason"), finish)
    body["choices"][0]["message"] |= {"tool_calls": calls, "content": content}
    for path, value in changes:
        with suppress(TypeError, LookupError):  # a part of the path is gone already
            change(body, path, value)
    data = json.dumps(body).encode()
    quick, slow = plain_answer(data, REQUEST), thorough(data, REQUEST)
    assert quick is None or quick == slow


@pytest.mark.parametrize(
    "message",
    [
        {"content": "ok", "refusal": None, "annotations": []},
        {"content": None, "refusal": None, "annotations": [], "tool_calls": [CALL]},
        {"content": "ok", "tool_calls": [], "reasoning_content": "hm", "annotations": None, "audio": None, "function_call": None},
    ],
    ids=["OpenAI", "tool call", "vLLM"],
)
def test_usual_answers_are_read_quickly_and_passed_as_written(message: dict[str, Any]) -> None:
    body = changed(("choices", 0, "message"), {"role": "assistant", **message})
    body["choices"][0]["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
    data = json.dumps(body).encode()
    quick = plain_answer(data, asked())
    assert quick is not None
    assert quick == thorough(data, asked())
    assert data == quick.as_written()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, json.dumps(PLAIN)[:-1].encode()])
def test_what_is_no_answer_is_left_to_the_thorough_reading(data: bytes) -> None:
    assert plain_answer(data, REQUEST) is None


def test_answer_without_a_model_is_the_one_asked() -> None:
    quick = plain_answer(json.dumps(changed(("model",), None)).encode(), replace(REQUEST, model="mine"))
    assert quick is not None
    assert quick.model == "mine"
