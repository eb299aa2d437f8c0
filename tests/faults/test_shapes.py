"""Answers of the wrong shape: every value of a healthy answer replaced by every other kind of value, one at a time.

Guards P2: what comes out is an answer or a typed failure, never another exception. No server: the pure readers are asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Request
from routerkit.providers import as_written, embedding_format, openai_errors, openai_format
from routerkit.providers.openai_stream import StreamDecoder
from tests.faults.shapes import CALL, surprises

UPSTREAM: Final = openai_errors.Upstream("upstream")
ASK: Final = Request("m", ({"role": "user", "content": "hi"},))
DETAILS: Final = {"prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 1}}
USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, **DETAILS}
MESSAGE: Final = {
    "role": "assistant",
    "content": [{"type": "text", "text": "a"}],
    "refusal": "no",
    "reasoning_content": "because",
    "tool_calls": [CALL],
    "audio": {"id": "a"},
}
WHOLE: Final = {
    "id": "1",
    "model": "m",
    "choices": [{"index": 0, "message": MESSAGE, "logprobs": {"content": []}, "finish_reason": "stop"}],
    "usage": USAGE,
}
EVENT: Final = {
    "id": "1",
    "object": "chat.completion.chunk",
    "model": "m",
    "choices": [{"index": 0, "delta": MESSAGE, "logprobs": None, "finish_reason": "stop"}],
    "usage": USAGE,
    "error": None,
}
ERROR: Final = {"error": {"message": "m", "type": "t", "code": 429, "status": "s", "details": [{"retryDelay": "2s"}]}}


def written(value: Any) -> bytes:
    return json.dumps(value).encode()


def read_whole(value: Any) -> object:
    return openai_format.reply(openai_format.decode(written(value)), ASK)


def read_whole_as_written(value: Any) -> object:
    parsed = openai_format.decode(written(value))
    return as_written.with_body(openai_format.reply(parsed, ASK), parsed, written(value)).as_written()


def _decoded(decoder: StreamDecoder, value: Any) -> list[Chunk]:
    event = b"data: " + written(value) + b"\n\n"
    return decoder.feed(event) + decoder.feed(event) + decoder.feed(b"data: [DONE]\n\n")


def read_stream(value: Any) -> object:
    return _decoded(StreamDecoder(ASK, UPSTREAM), value)


def read_stream_as_written(value: Any) -> object:
    return _decoded(as_written.PassingDecoder(ASK, UPSTREAM), value)


def read_error(value: Any) -> object:
    raise openai_errors.error(UPSTREAM, 429, {}, written(value))


def read_error_event(value: Any) -> object:
    raise openai_errors.error_event(UPSTREAM, openai_format.decode(written(value)))


VECTORS: Final[Any] = {
    "model": "m",
    "data": [{"index": 0, "embedding": [0.1, 2]}, {"index": 1, "embedding": "AACAPwAAAEA="}],
    "usage": USAGE,
}


def read_vectors(value: Any) -> object:
    """What is taken for vectors are numbers, or bytes of four each."""
    rows: Any = embedding_format.reply(openai_format.decode(written(value)), Request("m", (), inputs=("a", "b"))).extra["data"]
    for row in rows:
        vector = row["embedding"]
        assert (len(base64.b64decode(vector)) >= 4) if isinstance(vector, str) else all(type(n) in {int, float} for n in vector)
    return None


def test_vectors_in_another_order_are_not_passed_on_as_written() -> None:
    rows, asked = VECTORS["data"], Request("m", (), inputs=("a", "b"))
    assert b"as it came" == embedding_format.reply(VECTORS, asked, b"as it came").as_written()
    turned = embedding_format.reply({**VECTORS, "data": rows[::-1]}, asked, b"as it came")
    assert (None, rows) == (turned.as_written(), turned.extra["data"])


@pytest.mark.parametrize(
    ("healthy", "read"),
    [
        (WHOLE, read_whole),
        (WHOLE, read_whole_as_written),
        (EVENT, read_stream),
        (EVENT, read_stream_as_written),
        (ERROR, read_error),
        (ERROR, read_error_event),
        (VECTORS, read_vectors),
    ],
)
def test_wrong_shape_is_an_answer_or_a_typed_failure(healthy: Any, read: Callable[[Any], object]) -> None:
    assert [] == surprises(healthy, read, (ProviderError,))
