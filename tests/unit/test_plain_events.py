"""Events read together in one step say what each of them says, on streams good and bad, however they are cut."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Request
from routerkit.providers import as_written, openai_stream, tool_index
from routerkit.providers.as_written import PassingDecoder
from routerkit.providers.openai_errors import Upstream
from routerkit.providers.openai_stream import StreamDecoder
from routerkit.providers.plain_events import plain_events
from tests.unit.test_as_written import asked

DELTAS: list[Any] = [
    {"content": "one "},
    {"content": "ü 😀"},
    {"content": 'a "quoted" \n\ndata: {"x": 1}'},
    {"content": ""},
    {"content": None},
    {"role": "assistant", "content": ""},
    {"role": "assistant", "content": "two ", "refusal": None, "tool_calls": None},
    {},
    {"content": "x", "reasoning_content": None},
    {"reasoning_content": "hm"},
    {"content": "x", "vendor": 1},
    {"content": 7},
    {"refusal": "no"},
    {"reasoning": "so"},
    {"reasoning": "so", "reasoning_content": "hm", "content": ""},
    {"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{}"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": '{"NaN": 1'}}]},
    {"tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": ""}}], "content": None},
    {"tool_calls": [{"index": 0, "id": "c2", "function": {"name": "g", "arguments": "{"}}, {"index": 1, "function": {"arguments": "}"}}]},
    {"tool_calls": [{"index": 1, "function": {"arguments": "}"}}, {"index": 0, "function": {"arguments": "}"}}]},
    {"tool_calls": [{"index": 0, "function": {"arguments": {}}}]},
    None,
]
FINISHES = ["stop", "length", "content_filter", "tool_calls", "eos", "", 7]
CHOICES: list[dict[str, Any]] = [{"index": 0}, {}, {"logprobs": None}, {"logprobs": {"content": []}}, {"index": 1}, {"stop_reason": "END"}]
TOPS: list[dict[str, Any]] = [
    {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    {"usage": {"prompt_tokens": 0, "completion_tokens": 0}},
    {"usage": {"prompt_tokens": 3, "completion_tokens": -1}},
    {"usage": {"prompt_tokens": 3, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 2}}},
    {"usage": None},
    {"id": ""},
    {"id": None},
    {"error": {"message": "overloaded", "code": 529}},
    {"error": None},
    {"choices": []},
    {"choices": [{"index": 0, "delta": {"content": "x"}}, {"index": 1, "delta": {"content": "y"}}]},
    {"model": None},
    {"vendor": [{}, {"data": "{}"}]},
]


def event(rng: random.Random, *, is_odd: bool) -> bytes:
    """Data of an event; odd ones say more than a text, or nonsense."""
    delta, choice = rng.choice(DELTAS if is_odd else DELTAS[:3]), rng.choice(CHOICES if is_odd else CHOICES[:3])
    finish = rng.choice(FINISHES) if is_odd and rng.random() < 0.3 else None
    top = rng.choice(TOPS) if is_odd and rng.random() < 0.3 else {}
    body = {"id": "1", "model": "m", "choices": [{**choice, "delta": delta, "finish_reason": finish}], **top}
    data = json.dumps(body, ensure_ascii=rng.random() < 0.5, indent=1 if is_odd and rng.random() < 0.05 else None).encode()
    return (
        data if rng.random() < 0.95 else rng.choice([data[:-1], data + b" ", b" " + data, data + data, data.replace(b"m", b"\xff"), b"[]"])
    )


def stream(seed: int) -> list[bytes]:
    """Bytes of a stream, in the pieces in which they arrive."""
    rng = random.Random(seed)
    odd_share = rng.choice([0.0, 0.1, 0.5])
    events = [event(rng, is_odd=rng.random() < odd_share) for _ in range(rng.randrange(20))]
    if rng.random() < 0.8:
        events.append(json.dumps({"id": "1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).encode())
    if rng.random() < 0.5:
        events.append(json.dumps({"id": "1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}).encode())
    if rng.random() < 0.8:
        events.append(b"[DONE]")
    framed = [b"data: " + data.replace(b"\n", b"\ndata: ") + rng.choice([b"\n\n"] * 9 + [b"\r\n\r\n"]) for data in events]
    if rng.random() < 0.3:
        data = b"".join(framed)
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(5)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
    pieces: list[bytes] = []
    while framed:
        n = rng.choice([1, 2, 5, 20])
        pieces.append(b"".join(framed[:n]))
        framed = framed[n:]
    return pieces


def read(pieces: list[bytes], request: Request) -> tuple[object, ...]:
    """What a stream comes to, and how it ended."""
    decoder, chunks, error = PassingDecoder(request, Upstream("up")), list[Chunk](), ""
    try:
        for piece in [*pieces, b""]:
            if not decoder.is_done:
                chunks += decoder.feed(piece)
    except ProviderError as exc:
        error = f"{exc.code}: {exc}"
    written = [None if chunk.as_written() is None else events_of(chunk.as_written() or b"") for chunk in chunks]
    said = [(c.text, c.tool_calls, c.finish_reason, c.usage, c.reasoning, c.refusal, c.extra) for c in chunks]
    return error, said, written, chunks[-1].model if chunks and not error else ""


def events_of(written: bytes) -> list[object]:
    """What the events say, whoever wrote them: text that looks like what only Python reads is written anew by one of the two."""
    framed = written.removesuffix(b"\n\n").split(b"\n\n") if written else []
    return [json.loads(b"\n".join(line.removeprefix(b"data: ") for line in lines.split(b"\n"))) for lines in framed]


@pytest.mark.parametrize("start", range(0, 4_000, 500))
def test_streams_say_the_same_when_their_events_are_read_one_by_one(start, monkeypatch):
    requests = asked(stream=True), asked(stream=True, stream_options={"include_usage": True})
    streams = [(stream(seed), requests[seed % 2]) for seed in range(start, start + 500)]
    monkeypatch.setattr(tool_index, "new_call_id", lambda: "call_new")
    together = [read(pieces, request) for pieces, request in streams]
    monkeypatch.setattr(as_written, "plain_events", lambda *_: None)
    monkeypatch.setattr(as_written, "plain_text", lambda _: None)
    for (pieces, request), found in zip(streams, together, strict=True):
        assert read(pieces, request) == found, b"|".join(pieces)


@pytest.mark.parametrize("start", range(0, 2_000, 500))
def test_streams_that_are_written_anew_say_the_same_when_texts_are_read_as_all_else(start, monkeypatch):
    def chunks_of(pieces: list[bytes]) -> tuple[list[Chunk], str]:
        decoder, chunks = StreamDecoder(asked(stream=True), Upstream("up")), list[Chunk]()
        try:
            for piece in [*pieces, b""]:
                chunks += [] if decoder.is_done else decoder.feed(piece)
        except ProviderError as exc:
            return chunks, f"{exc.code}: {exc}"
        return chunks, ""

    more = [{"object": "error"}, {"id": None}, {"model": 7}, {"object": 7}, {"model": "other"}]
    rng = random.Random(start)
    streams = [stream(seed) for seed in range(start, start + 500)]
    plain = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "x"}}]}
    streams += [[b"data: " + json.dumps({**plain, **rng.choice([{}, {}, *more])}).encode() + b"\n\n" for _ in range(5)] for _ in range(200)]
    monkeypatch.setattr(tool_index, "new_call_id", lambda: "call_new")
    found = [chunks_of(pieces) for pieces in streams]
    monkeypatch.setattr(openai_stream, "said", lambda _: None)
    for pieces, read_quickly in zip(streams, found, strict=True):
        assert chunks_of(pieces) == read_quickly, b"|".join(pieces)


PLAIN = b'{"id":"1","choices":[{"delta":{"content":"a"}}]}'
ENDED = PLAIN.replace(b"}}]", b'},"finish_reason":"stop"}]')
CUT = [PLAIN[:-1] + b',"x":[{},', b"{}]}"]


@pytest.mark.parametrize("events", [CUT, [*CUT, PLAIN + b" " + PLAIN], [PLAIN + PLAIN], [PLAIN, b""], [ENDED, PLAIN], [b"[DONE]"], []])
def test_what_is_no_list_of_plain_events_is_left_to_the_general_reading(events):
    assert plain_events(events) is None


def test_usual_events_are_read_together():
    head = b'{"id":"1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":'
    said = [b'{"role":"assistant","content":"","refusal":null}', b'{"content":"a"}', b'{"content":"b"}', b"{}"]
    ends = [b',"finish_reason":null}]}'] * 3 + [b',"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}']
    found = plain_events([head + delta + end for delta, end in zip(said, ends, strict=True)])
    assert found is not None
    assert ("ab", "stop", "m", 4) == (found.text, found.finish, found.model, found.usage and found.usage.output_tokens)


def test_usage_that_comes_alone_behind_a_whole_answer_passes_only_for_who_asked():
    usage = b'{"id":"1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}'
    events = [ENDED, usage]
    found = plain_events(events)
    assert found is not None
    assert found.ends_in_usage
    data = b"".join(b"data: %b\n\n" % said for said in [*events, b"[DONE]"])
    for options, passed in ({}, 1), ({"stream_options": {"include_usage": True}}, 2):
        (chunk,) = PassingDecoder(asked(stream=True, **options), Upstream("up")).feed(data)
        assert ("a", "stop", 4) == (chunk.text, chunk.finish_reason, chunk.usage and chunk.usage.output_tokens)
        assert b"".join(b"data: %b\n\n" % said for said in events[:passed]) == chunk.as_written()
