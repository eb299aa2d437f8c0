"""Reading part by part in each format, while conversations grow, shrink and change: always what the general way says of the same body."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from routerkit.catalog import Target
from routerkit.features import features
from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.exchange import parsed
from routerkit.gateway.formats import Format
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.openai_chat import CHAT
from routerkit.gateway.parts import PartsReader
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.responses_events import RESPONSES
from routerkit.gateway.wire import request_of
from routerkit.known import KnownMessages
from routerkit.messages import Reply, Request, ToolCall
from routerkit.normalise import normalise
from routerkit.providers import openai_request

LIMITS = Limits(messages=60, depth=12)
HEAD = Head("POST", "/")
TARGETS = [Target(model, "p", model) for model in ("gpt-5", "claude", "mistral", "qwen")]
MARK = {"cache_control": {"type": "ephemeral"}}
TEXTS = ["hi", "", "ü 😀 \u2028", 'say "x": {"tools": [1], \\ \\u0041}', "Traceback\nError in a.py", "a\x00\x7f\t\n", "x" * 3_000, "ä" * 90]
SCHEMA = {"type": "object", "properties": {"model": {"type": "string"}, "n": {"minimum": 0.5, "maximum": 1e22}}}
Value = dict[str, Any]


class Dice:
    """Chooses."""

    def __init__(self, seed: int) -> None:
        self.rng, self.n = random.Random(seed), 0

    def __call__(self, *values: Any) -> Any:
        """One of these."""
        return self.rng.choice(values)

    def text(self) -> str:
        """Some text."""
        return str(self(*TEXTS))

    def is_rare(self, share: float = 0.02) -> bool:
        """Whether something seldom happens now."""
        return self.rng.random() < share

    def id(self) -> str:
        """Of a new call."""
        self.n += 1
        return str(self(f"call_{self.n}", f"toolu_{self.n}", f"functions.x:{self.n}", f"{self.n:09}"))


def chat_turn(dice: Dice) -> list[Value]:
    calls = [{"id": dice.id(), "type": "function", "function": {"name": "f", "arguments": dice.text()}} for _ in range(dice(1, 1, 2))]
    content = dice(None, "so", [{"type": "text", "text": dice.text()}])
    results: list[Value] = [
        {"role": "tool", "tool_call_id": c["id"], "content": dice(dice.text(), [{"type": "text", "text": "r"}])} for c in calls
    ]
    if dice.is_rare():
        results[0]["tool_call_id"] = dice("nobody", None, 7)
    more: Value = dice({}, {}, {"reasoning_content": "hm"}, {"tool_calls": None}) if dice.is_rare(0.1) else {}
    asked = [{"role": dice("user", "user", "system", "developer", "nobody" if dice.is_rare() else "user"), "content": dice.text()}]
    return [{"role": "assistant", "content": content, "tool_calls": calls} | more, *results, *(asked if dice.is_rare(0.3) else [])]


def messages_turn(dice: Dice) -> list[Value]:
    uses = [{"type": "tool_use", "id": dice.id(), "name": dice("f", "mcp/x.y"), "input": {"a": dice.text()}} for _ in range(dice(1, 1, 2))]
    thought = [{"type": dice("thinking", "redacted_thinking"), "thinking": "hm", "signature": "s"}] if dice.is_rare(0.2) else []
    said = [{"type": "text", "text": dice.text()}] if dice.is_rare(0.5) else []
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    inner = dice(
        dice.text(), [{"type": "text", "text": dice.text()}], [{"type": "text", "text": "x"}, image], None, 7 if dice.is_rare() else ""
    )
    results: list[Value] = [{"type": "tool_result", "tool_use_id": use["id"], "content": inner} for use in uses]
    if dice.is_rare(0.3):
        results[0]["is_error"] = dice(True, False, None)
    if dice.is_rare():
        results[0]["tool_use_id"] = dice("nobody", None)
    more = [{"type": "text", "text": dice.text(), **dice({}, MARK)}] if dice.is_rare(0.3) else []
    answer: Value = {"role": dice("user", "user", "user", "nobody" if dice.is_rare() else "user"), "content": [*results, *more]}
    return [{"role": "assistant", "content": [*thought, *said, *uses]}, answer]


def responses_turn(dice: Dice) -> list[Value]:
    ids = [dice.id() for _ in range(dice(1, 1, 2, 3))]
    thought = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}] if dice.is_rare(0.3) else []
    refers = [{"type": "item_reference", "id": dice("rs_1", "rs_2", "msg_1" if dice.is_rare() else "rs_3")}] if dice.is_rare(0.2) else []
    calls = [{"type": "function_call", "call_id": i, "name": "f", "arguments": dice.text(), **dice({}, {"namespace": "n"})} for i in ids]
    if dice.is_rare(0.2):
        calls[0] = {"type": "custom_tool_call", "call_id": ids[0], "name": "c", "input": dice.text()}
    outputs: list[Value] = [
        {"type": "function_call_output", "call_id": i, "output": dice(dice.text(), [{"type": "input_text", "text": "o"}])} for i in ids
    ]
    if dice.is_rare():
        outputs[0]["call_id"] = dice("nobody", None)
    said = [
        {
            "type": "message",
            "role": dice("assistant", "user"),
            "content": [{"type": dice("output_text", "input_text"), "text": dice.text()}],
        }
    ]
    easy = [{"role": dice("user", "developer", "nobody" if dice.is_rare() else "user"), "content": dice.text()}]
    return [*thought, *refers, *calls, *outputs, *(said if dice.is_rare(0.3) else []), *(easy if dice.is_rare(0.3) else [])]


def chat_rest(dice: Dice) -> Value:
    tool = {"type": "function", "function": {"name": "f", "description": dice.text(), "parameters": SCHEMA}}
    named = {"type": "function", "function": {"name": dice("f", "g" if dice.is_rare() else "f")}}
    more = {"tools": [tool, *dice([], [tool | {"function": {"name": "g"}}], [tool | MARK])]} if dice.is_rare(0.9) else {}
    options: Value = {
        "tool_choice": dice("auto", named, "f"),
        "seed": 7,
        "parallel_tool_calls": dice(True, False),
        "temperature": 0.25,
        "top_p": 1,
    }
    return more | {name: value for name, value in options.items() if dice.is_rare(0.3)} | dice({}, {"stream": True})


def messages_rest(dice: Dice) -> Value:
    tool = {"name": dice("f", "mcp/x.y"), "description": dice.text(), "input_schema": SCHEMA} | dice({}, MARK)
    system = dice(
        "be kind", [{"type": "text", "text": dice.text()}], [{"type": "text", "text": "a"}, {"type": "text", "text": "b", **MARK}], None, []
    )
    more: Value = {"tools": [tool, *dice([], [{"type": "web_search_20250305", "name": "web_search"}])]} if dice.is_rare(0.9) else {}
    choice = dice({"type": "auto"}, {"type": "tool", "name": dice("f", "g")}, {"type": "any", "disable_parallel_tool_use": True})
    options = {
        "system": system,
        "tool_choice": choice,
        "metadata": {"user_id": dice("user_1", '{"session_id":"s"}')},
        "thinking": {"type": "enabled", "budget_tokens": 9},
        "temperature": 1,
        "stop_sequences": ["x"],
        "top_k": 3,
        "cache_control": {"type": "ephemeral"},
    }
    return {"max_tokens": 99} | more | {name: value for name, value in options.items() if dice.is_rare(0.5)} | dice({}, {"stream": True})


def responses_rest(dice: Dice) -> Value:
    tool = {"type": "function", "name": "f", "description": dice.text(), "strict": dice(True, False, None), "parameters": SCHEMA}
    others = [{"type": "custom", "name": "c"}, {"type": "web_search"}, {"type": "namespace", "name": "n", "tools": [tool]}]
    more: Value = {"tools": [tool, *dice([], others)]} if dice.is_rare(0.9) else {}
    options = {
        "instructions": dice.text(),
        "tool_choice": dice("auto", {"type": "function", "name": dice("f", "g")}),
        "parallel_tool_calls": dice(True, False),
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "prompt_cache_key": "k",
        "text": {"verbosity": "low"},
        "max_output_tokens": 9,
        "metadata": {"agent": "a"},
    }
    return more | {name: value for name, value in options.items() if dice.is_rare(0.5)} | dice({}, {"stream": True})


FORMATS: Mapping[str, tuple[Format, str, Callable[[Dice], list[Value]], Callable[[Dice], Value]]] = {
    "chat": (CHAT, "messages", chat_turn, chat_rest),
    "messages": (MESSAGES, "messages", messages_turn, messages_rest),
    "responses": (RESPONSES, "input", responses_turn, responses_rest),
}
CALLED = Reply("x", (ToolCall("1", "f", '{"input":"x"}'), ToolCall("2", "c", '{"input":"x"}'), ToolCall("3", "n__f", "{}")), "tool_calls")


def told(spoken: Format, asked: Mapping[str, Any], body: Mapping[str, Any]) -> list[object]:
    """What follows from a body, down to what targets are sent and what the caller is answered."""
    request = request_of(body, HEAD, LIMITS)
    sent: list[Any] = [normalise(request, target) for target in TARGETS]
    written = [(openai_request.payload(one.request), openai_request.stream_payload(one.request), one.notes) for one in sent]
    answer = spoken.answer(CALLED, asked)
    events = spoken.events(asked, request)
    return [
        repr(request),
        features(request).to_dict(),
        written,
        len(repr(answer)),
        answer.get("content"),
        type(events),
        asked.get("stream"),
    ]


def generally(spoken: Format, data: bytes) -> list[object]:
    asked = parsed(data, LIMITS)
    return told(spoken, asked, spoken.chat_body(asked))


def compare(spoken: Format, reader: PartsReader, data: bytes) -> bool:
    """Whether a body was read part by part; then it says the same, and the same again."""
    try:
        wanted: object = generally(spoken, data)
    except Refusal as refused:
        wanted = refused.body()
    is_taken = False
    for _ in range(2):
        if (read := reader.read(data)) is None:
            continue
        is_taken = True
        try:
            found: object = told(spoken, read.asked, read.body)
        except Refusal as refused:
            found = refused.body()
        assert wanted == found, data
    return is_taken


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(3))
def test_conversations_that_grow_shrink_and_change_are_read_as_always(name, seed):
    spoken, field, turn, rest_of = FORMATS[name]
    assert spoken.parts is not None
    dice, reader = Dice(seed), PartsReader(spoken.parts, LIMITS)
    n_taken = n = 0
    for _ in range(4):
        said: list[Value] = [{"role": "user", "content": dice.text()}]
        rest = {"model": "pool"} | rest_of(dice)
        for _ in range(12):
            if dice.is_rare(0.1):
                del said[dice.rng.randrange(len(said)) :]
            if dice.is_rare(0.1) and said:
                said[dice.rng.randrange(len(said))] = {"role": "user", "content": dice.text()}
            said += turn(dice)
            order = dice(list, reversed)([*rest.items(), (field, said)])
            spaces = dice((",", ":"), (", ", ": "), (", ", ":"))
            data = json.dumps(dict(order), ensure_ascii=dice(True, False), separators=spaces).encode()
            n, n_taken = n + 1, n_taken + compare(spoken, reader, data)
    assert n / 5 < n_taken < n


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(3))
def test_bodies_changed_by_chance_are_read_as_always(name, seed):
    spoken, field, turn, rest_of = FORMATS[name]
    assert spoken.parts is not None
    dice, reader = Dice(seed), PartsReader(spoken.parts, LIMITS)
    marks = [b"0", b'"', b",", b"\\", b" ", b"{", b"}", b"[", b"]", b"\xff", b"null", b'"tools":[],', b'"messages":[],', b"\\ud800", b"{},"]
    for _ in range(50):
        body = {"model": "pool", field: [{"role": "user", "content": "x"}, *turn(dice)], **rest_of(dice)}
        whole = json.dumps(body, separators=(",", ":")).encode()
        for _ in range(4):
            data = bytearray(whole)
            at = dice.rng.randrange(len(data))
            data[at : at + dice(0, 1, 1, 3)] = dice(*marks)
            compare(spoken, reader, bytes(data))


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_conversation_has_shown_is_not_read_again(name):
    spoken, field, *_ = FORMATS[name]
    assert spoken.parts is not None
    reader = PartsReader(spoken.parts, LIMITS)
    said = [{"role": "user", "content": "x"}]

    def request() -> Request:
        read = reader.read(json.dumps({"model": "pool", field: said} | ({"max_tokens": 9} if name == "messages" else {})).encode())
        assert read is not None
        return request_of(read.body, HEAD, LIMITS)

    first = request()
    said += [{"role": "assistant", "content": "y"}, {"role": "user", "content": "z"}]
    second = request()
    assert isinstance(second.messages, KnownMessages)
    assert first.messages[0] is second.messages[0]
