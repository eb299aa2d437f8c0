"""What is fuzzed: everything that reads bytes we did not write. A target raises when one of its laws is broken.

The laws: only the typed error that belongs to a reader may come out of it, in one printable line; how bytes are cut into pieces changes
nothing; a path that leads out of a task's folder is never written.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from routerkit.config.load import parse
from routerkit.errors import ConfigError, ProviderError
from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.connection import Connection
from routerkit.gateway.exchange import encode, parsed
from routerkit.gateway.head import Head
from routerkit.gateway.http_exchange import HttpExchange
from routerkit.gateway.limits import Limits
from routerkit.gateway.openai_chat import CHAT
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.responses_events import RESPONSES
from routerkit.gateway.wire import is_streamed, request_of
from routerkit.messages import Request
from routerkit.predictor import SCHEMA, Predictor, _digest
from routerkit.providers import openai_errors, openai_format
from routerkit.providers.http1 import Exchange
from routerkit.providers.openai_stream import StreamDecoder
from routerkit.providers.retry_after import retry_after_s
from routerkit.providers.sse import SseDecoder
from routerkit.scorecard import Scorecard
from routerkit_evals.extract import extract
from routerkit_evals.patch import apply_edits

KEY: Final = "sk-fuzz-8f14e45fceea"
_LIMITS: Final = Limits(body_bytes=100_000)
_NOW_S: Final = 1_800_000_000.0


def sse(data: bytes) -> None:
    """A stream of events is the same however it arrives."""
    whole = _events([data])
    cut = data[0] if data else 0
    assert whole == _events([data[:cut], data[cut : cut + 3], data[cut + 3 :]])
    assert whole == _events([data[i : i + 1] for i in range(len(data))])


def _events(pieces: list[bytes]) -> list[bytes]:
    decoder = SseDecoder(max_event_bytes=1_000_000)
    return [event for piece in pieces for event in decoder.feed(piece)]


def http(data: bytes) -> None:
    """An upstream's answer is whole, or a ProviderError."""
    exchange = Exchange(max_body_bytes=100_000)
    with suppress(ProviderError):
        for i in range(0, len(data), 7):
            exchange.feed(data[i : i + 7])
        exchange.feed_eof()
        assert len(exchange.take()) <= 100_000


def request(data: bytes) -> None:
    """Whatever a caller sends gets no answer, or one that blames nobody but the caller; the first is the same however the bytes arrive."""
    first = asyncio.run(_answered([data]))
    assert first == asyncio.run(_answered([data[i : i + 7] for i in range(0, len(data), 7)]))
    assert first == b"" or re.fullmatch(rb"HTTP/1\.1 [124]\d\d [A-Za-z -]+", first)


async def _answered(pieces: list[bytes]) -> bytes:
    """First line of the first answer, after the permission to send a body, which is only given to those who wait for it."""
    caller = _Caller()
    connection = Connection(_count_body, lambda _: None)
    connection.connection_made(caller)
    for piece in pieces:
        if not caller.is_closed:
            connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(5):  # an answer takes a step or two of the loop
        await asyncio.sleep(0)
    connection.connection_lost(None)
    return caller.read.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n")[0]


async def _count_body(exchange: HttpExchange) -> None:
    try:
        await exchange.answer(200, b"%d" % len(await exchange.body(_LIMITS)))
    except Refusal as refused:
        await exchange.answer(refused.status, encode(refused.body()), refused.headers())


class _Caller(asyncio.Transport):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.is_closed = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.read += data

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def body(data: bytes) -> None:
    """A caller's body is a request, or refused in one line."""
    for spoken in (CHAT, MESSAGES, RESPONSES):
        try:
            chat = spoken.chat_body(parsed(data, _LIMITS))
            is_streamed(chat)
            request_of(chat, Head("POST", "/"), _LIMITS)
        except Refusal as refused:
            assert 400 <= refused.status < 500  # noqa: PT017  a law of a target, not a test


def reply(data: bytes) -> None:
    """What an upstream answered, whatever a model wrote in it, can be given to callers of every format, whole and streamed."""
    request = Request("m", ({"role": "user", "content": "x"},))
    with suppress(ProviderError):
        found = openai_format.reply(openai_format.decode(data), request)
        for spoken in (CHAT, MESSAGES, RESPONSES):
            encode(spoken.answer(found, {}))
    with suppress(ProviderError):
        decoder, written = StreamDecoder(request, openai_errors.Upstream("api.example")), MESSAGES.events({}, request)
        for chunk in (*decoder.feed(data), *decoder.feed(b"")):
            written.of(chunk)


def config(data: bytes) -> None:
    """A configuration is right, or wrong in one line."""
    with suppress(ConfigError):
        parse(data.decode("utf-8", "replace"))


def wait(data: bytes) -> None:
    """What a server asks for is a finite number of seconds from 0, or nothing."""
    text = data.decode("latin-1")
    names = ("retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")
    for headers in ({name: text} for name in names):
        found = retry_after_s(headers, now_s=_NOW_S)
        assert found is None or (math.isfinite(found) and found >= 0)
    found = retry_after_s({}, [{"retryDelay": text}], text, now_s=_NOW_S)
    assert found is None or (math.isfinite(found) and found >= 0)


def failure(data: bytes) -> None:
    """Whatever a server answers is named in one short printable line without our key."""
    status = 400 + data[0] if data else 500
    error = openai_errors.error(openai_errors.Upstream("api.example", (KEY,)), status, {}, data[1:].replace(b"KEY", KEY.encode()))
    assert KEY not in str(error)
    assert len(str(error)) < 500
    assert not any(c in str(error) for c in "\x00\x07\x1b\r\n\x85\u2028")


def scorecard(data: bytes) -> None:
    """A scorecard is one, or a ConfigError."""
    with suppress(ConfigError):
        Scorecard.from_json(data.decode("utf-8", "replace"))


def predictor(data: bytes) -> None:
    """A predictor is one, or a ConfigError, also when whoever wrote it wrote its hash."""
    text = data.decode("utf-8", "replace")
    with suppress(ConfigError):
        Predictor.from_json(text)
    with suppress(ConfigError, ValueError, RecursionError):
        body = json.loads(text)
        if isinstance(body, dict):
            body["schema"], body["sha256"] = SCHEMA, _digest({k: v for k, v in body.items() if k not in {"schema", "sha256"}})
            Predictor.from_json(json.dumps(body))


def answer(data: bytes) -> None:
    """An answer writes what it may and nothing else."""
    text = data.decode("utf-8", "replace")
    for editable in (["a.py"], ["app/*.py", "b.py"]):
        for path in extract(text, editable).files:
            assert path in {"a.py", "b.py"} or path.startswith("app/")
            assert ".." not in path.split("/")


def edits(data: bytes) -> None:
    """Edits apply whole, or not at all and with the reason."""
    text = data.decode("utf-8", "replace")
    for form in ("search-replace", "diff"):
        found = apply_edits(text, form, {"a.py": "x = 1\ny = 2\n", "app/b.py": ""}, path="a.py")  # type: ignore[arg-type]
        assert bool(found.files) != bool(found.problem)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (sse, http, request, body, reply, config, wait, failure, scorecard, predictor, answer, edits)
}
