"""Answers that lie, byte by byte: whatever an upstream sends becomes the right text or a typed failure, and the call fails over.

Guards P1 (no call lost while one target is healthy), P2 (nothing silently wrong) and P13 (text equal to the upstream's).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Final, NamedTuple

import pytest

from routerkit.errors import ProviderError
from routerkit.providers.openai_compatible import OpenAICompatible
from tests.contracts.colours import Call
from tests.contracts.provider import ask
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
WHOLE: Final = json.dumps(
    {
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "grüß dich"}, "finish_reason": "stop"}],
        "usage": USAGE,
    },
    ensure_ascii=False,
).encode()


def event(delta: dict[str, object] | None = None, finish: str | None = None, **more: object) -> bytes:
    body = {"model": "m", "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


FIRST, LAST, DONE = event({"role": "assistant", "content": "grüß "}), event({"content": "dich"}), b"data: [DONE]\n\n"
END: Final = event(finish="stop")
STREAM: Final = FIRST + LAST + END + DONE


def head(*lines: bytes, status: bytes = b"200 OK", version: bytes = b"HTTP/1.1") -> bytes:
    return b"\r\n".join([version + b" " + status, *lines]) + b"\r\n\r\n"


def sized(body: bytes, *lines: bytes, n: int | None = None) -> bytes:
    return head(b"content-length: %d" % (len(body) if n is None else n), *lines) + body


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n", lines: tuple[bytes, ...] = ()) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head(b"transfer-encoding: chunked", *lines) + body + end


class Answer(NamedTuple):
    """What is sent to a whole and to a streamed request, and what becomes of it: `ok`, or the codes allowed."""

    name: str
    whole: bytes
    stream: bytes
    ok: bool
    codes: frozenset[str] = frozenset()


def good(name: str, whole: bytes, stream: bytes) -> Answer:
    return Answer(name, whole, stream, ok=True)


def bad(name: str, whole: bytes, stream: bytes, *codes: str) -> Answer:
    return Answer(name, whole, stream, ok=False, codes=frozenset(codes))


_CUT: Final = ("truncated", "disconnected", "malformed")
_SPLIT: Final = STREAM.index("ü".encode()) + 1
_NULL_CONTENT: Final = json.dumps(
    {"choices": [{"index": 0, "message": {"content": None}, "finish_reason": "stop"}], "usage": USAGE}
).encode()
_HTML: Final = b"<html><body>Bad gateway</body></html>"
_NO_TEXT: Final = WHOLE.replace(b'"model"', b'"vendor": "\xff\xfe", "model"')
_NO_TEXT_EVENT: Final = FIRST.strip().removeprefix(b"data: ").replace(b'"model"', b'"vendor": "\xff\xfe", "model"')
_LOST: Final = b'{"error":{"message":"overloaded","type":"overloaded_error"}}'

ANSWERS: Final = [
    good("http/1.0 until the connection closes", head(version=b"HTTP/1.0") + WHOLE, head(version=b"HTTP/1.0") + STREAM),
    good("no length, until the connection closes", head() + WHOLE, head() + STREAM),
    good(
        "100 and 103 before the answer",
        head(status=b"100 Continue") + head(b"link: <x>", status=b"103 Early Hints") + sized(WHOLE),
        head(status=b"100 Continue") + sized(STREAM),
    ),
    good("keep-alive lines before the answer", chunked(b"\n\n", b" \n", WHOLE), chunked(b": waiting\n\n", b"\n\n", STREAM)),
    good("bytes after the answer", sized(WHOLE) + b"HTTP/1.1 500 X\r\n\r\ngarbage", sized(STREAM) + b"garbage"),
    good("garbage after the end mark", sized(WHOLE), chunked(STREAM, b"data: {broken\n\n", b"<html>")),
    good(
        "chunk extensions and trailers",
        chunked(WHOLE, end=b"0;x=y\r\nx-checksum: 1\r\n\r\n"),
        chunked(STREAM, end=b"0\r\nx-cost: 1\r\n\r\n"),
    ),
    good("wrong content type", sized(WHOLE, b"content-type: text/html"), sized(STREAM, b"content-type: application/json")),
    good(
        "gzip nobody asked for",
        sized(gzip.compress(WHOLE), b"content-encoding: gzip"),
        sized(gzip.compress(STREAM), b"content-encoding: gzip"),
    ),
    good("byte order mark", sized(b"\xef\xbb\xbf" + WHOLE), sized(b"\xef\xbb\xbf" + STREAM)),
    good("carriage returns mixed", sized(WHOLE), chunked(FIRST.replace(b"\n", b"\r\n"), LAST.replace(b"\n", b"\r"), END, DONE)),
    good("a character cut in two", chunked(WHOLE[:-80], WHOLE[-80:]), chunked(STREAM[:_SPLIT], STREAM[_SPLIT:])),
    good("finish reason said twice", sized(WHOLE), chunked(FIRST, LAST, END, END, event(finish="stop", usage=USAGE), DONE)),
    good("end mark said twice", sized(WHOLE), chunked(STREAM, DONE, DONE)),
    good("usage in an event of its own after the end", sized(WHOLE), chunked(FIRST, LAST, END, event(choices=[], usage=USAGE), DONE)),
    good(
        "usage counted up in every event",
        sized(WHOLE),
        chunked(event({"content": "grüß "}, usage={**USAGE, "completion_tokens": 1}), LAST, END, DONE),
    ),
    good(
        "a vendor's own events between",
        sized(WHOLE),
        chunked(b"event: ping\ndata: {}\n\n", FIRST, b'data: {"type":"ping"}\n\n', LAST, END, DONE),
    ),
    bad("length too long", sized(WHOLE, n=len(WHOLE) + 9), sized(FIRST + LAST, n=9_999), *_CUT),
    bad("length too short", sized(WHOLE, n=20), sized(STREAM, n=len(FIRST)), *_CUT),
    bad("length negative", head(b"content-length: -5") + WHOLE, head(b"content-length: -5") + STREAM, *_CUT),
    bad("two lengths", sized(WHOLE, b"content-length: 3"), sized(STREAM, b"content-length: 3"), *_CUT),
    bad(
        "length and chunks",
        head(b"content-length: 5", b"transfer-encoding: chunked") + WHOLE,
        sized(STREAM, b"transfer-encoding: chunked"),
        *_CUT,
    ),
    bad(
        "chunk size that is not a number",
        head(b"transfer-encoding: chunked") + b"zz\r\n" + WHOLE,
        head(b"transfer-encoding: chunked") + b"zz\r\n" + STREAM,
        *_CUT,
    ),
    bad(
        "chunk larger than announced",
        head(b"transfer-encoding: chunked") + b"5\r\n" + WHOLE,
        head(b"transfer-encoding: chunked") + b"5\r\n" + STREAM,
        *_CUT,
    ),
    bad("last chunk missing", chunked(WHOLE, end=b""), chunked(FIRST, end=b""), *_CUT),
    bad(
        "gzip cut short",
        sized(gzip.compress(WHOLE)[:-9], b"content-encoding: gzip"),
        sized(gzip.compress(FIRST)[:-9], b"content-encoding: gzip"),
        *_CUT,
    ),
    bad("gzip that is none", sized(WHOLE, b"content-encoding: gzip"), sized(STREAM, b"content-encoding: gzip"), *_CUT),
    bad(
        "a coding nobody knows",
        sized(b"\x1b\x03\x00" + WHOLE, b"content-encoding: br"),
        sized(b"\x1b\x03" + STREAM[9:], b"content-encoding: br"),
        *_CUT,
    ),
    bad("no content", head(status=b"204 No Content"), head(status=b"204 No Content"), "empty_answer", *_CUT),
    bad("empty body", sized(b""), sized(b""), "empty_answer", *_CUT),
    bad("page of a proxy", sized(_HTML), sized(_HTML), *_CUT),
    bad("not http at all", b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", *_CUT),
    bad("tls alert", b"\x15\x03\x01\x00\x02\x02\x0a", b"\x15\x03\x01\x00\x02\x02\x0a", *_CUT),
    bad(
        "switching protocols",
        head(b"upgrade: h2c", b"connection: upgrade", status=b"101 Switching"),
        head(b"upgrade: x", b"connection: upgrade", status=b"101 X"),
        *_CUT,
    ),
    bad("head without an end", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000, b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, *_CUT),
    bad("endless promises", head(status=b"100 Continue") * 20_000, head(status=b"103 Early Hints") * 20_000, *_CUT),
    bad("error with status 200", sized(_LOST), sized(_LOST), "overloaded"),
    bad("error as the first event", sized(_LOST), chunked(b"data: " + _LOST + b"\n\n", DONE), "overloaded"),
    bad("error under its event name", sized(_LOST), chunked(b"event: error\ndata: " + _LOST + b"\n\n"), "overloaded"),
    bad("null content", sized(_NULL_CONTENT), chunked(event({"content": None}), END, DONE), "empty_answer"),
    bad("no choices", sized(b'{"choices": []}'), chunked(event(choices=[]), DONE), "empty_answer"),
    bad("usage and nothing else", sized(b'{"usage": {"prompt_tokens": 3}}'), chunked(event(choices=[], usage=USAGE), DONE), "empty_answer"),
    bad("end mark and nothing else", sized(b"[]"), chunked(DONE), "empty_answer", *_CUT),
    bad("an event that is no json", sized(WHOLE[:-1]), chunked(b"data: {oops\n\n", STREAM), *_CUT),
    good("json with nan", sized(WHOLE.replace(b'"m"', b"NaN")), chunked(FIRST.replace(b'"m"', b"NaN"), LAST, END, DONE)),
    bad("no text in a field that nobody reads", sized(_NO_TEXT), chunked(b"data: " + _NO_TEXT_EVENT + b"\n\n", LAST, END, DONE), *_CUT),
    bad("nested beyond reason", sized(b"[" * 200_000), chunked(b"data: " + b"[" * 200_000 + b"\n\n"), *_CUT),
    bad(
        "gzip bomb",
        sized(gzip.compress(b" " * 70_000_000, 9), b"content-encoding: gzip"),
        sized(gzip.compress(b"data: " + b" " * 70_000_000, 9), b"content-encoding: gzip"),
        *_CUT,
    ),
]


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
    made = OpenAICompatible(openai_server.base_url, openai_server.api_key)
    yield made
    made.close()


@pytest.mark.parametrize("answer", [a for a in ANSWERS if a.ok], ids=lambda a: a.name)
def test_odd_but_honest_answer_is_understood(call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI, answer: Answer) -> None:
    openai_server.script(Fault(raw=answer.stream if call.is_stream else answer.whole))
    reply = call(provider, ask("Hi."))
    assert ("grüß dich", "stop") == (reply.text, reply.finish_reason)


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("answer", [a for a in ANSWERS if not a.ok], ids=lambda a: a.name)
def test_lie_is_a_typed_failure(call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI, answer: Answer) -> None:
    openai_server.script(Fault(raw=answer.stream if call.is_stream else answer.whole))
    with pytest.raises(ProviderError) as caught:
        call(provider, ask("Hi."))
    assert caught.value.code in answer.codes
    assert openai_server.wait_until_idle()
