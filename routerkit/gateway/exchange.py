"""One HTTP request and its answer, as the gateway sees them; `connection` and `asgi` know how the bytes travel."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Final, Protocol, TypeVar

import msgspec

from routerkit import fastjson
from routerkit.as_written import PassOn
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits, holds_more, is_deeper
from routerkit.gateway.refusal import Refusal, bad
from routerkit.messages import Json

T = TypeVar("T")

JSON: Final = b"application/json"
EVENTS: Final = b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\nx-accel-buffering: no\r\n"
"""Headers of a stream of server-sent events."""
_PLAIN: Final = (("content-encoding", "identity"), ("transfer-encoding", "chunked"))
"""The only coding that is taken of each kind: unpacking would let a small body fill our memory."""
encode: Final = fastjson.dumps
_BOM: Final = b"\xef\xbb\xbf"
_HIGH, _LOW = rb"[dD][89abAB][0-9a-fA-F]{2}", rb"[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF: Final = re.compile(rb"\\u(?:%b(?!\\u%b)|(?P<second>%b))" % (_HIGH, _LOW, _LOW))
"""Half of a letter, unless it is the second one of a whole letter or its backslash is escaped."""
_FIRST_HALF: Final = re.compile(rb"\\u%b" % _HIGH)
_MOST_HALVES: Final = 10_000
"""Looked at in one body; no cut text has as many, and each takes a microsecond in which no other caller is served."""
_decode: Final = msgspec.json.Decoder().decode


class GoneError(Exception):
    """The caller went away."""


class Exchange(Protocol):
    """Reads one request and writes one answer."""

    head: Head
    announced: int | None
    """Bytes its body is said to have; None where nobody knows before they are there."""
    whole: bytes | None
    """The body, if it came with the head and nothing but its size can be said against it."""
    is_started: bool
    """Whether anything of the answer was written."""

    async def body(self, limits: Limits) -> bytes:
        """The whole body.

        Raises:
            Refusal: too large or too slow.
            GoneError: the caller went away within it.
        """
        ...

    def until_gone(self, work: Awaitable[T]) -> Awaitable[T]:
        """What the work comes to, but it is given up, upstream call included, when the caller goes away.

        Raises:
            GoneError: it did, and nobody else cancels the task.
        """
        ...

    def ending(self) -> Refusal | None:
        """What the caller of work that was cancelled is to be told, because the gateway ends; then the task may go on to tell it.

        None if it was cancelled for another reason.
        """
        ...

    async def answer(self, status: int, body: bytes, lines: bytes = b"", content_type: bytes = JSON) -> None:
        """Write a whole answer; `lines` are further headers, each with the end of its line."""

    @property
    def pass_on(self) -> PassOn | None:
        """Writes a piece of a stream that has begun at once, unless the caller reads too slowly; None where that cannot be done."""
        ...

    def is_flowing(self) -> bool:
        """Whether `pass_on` would write now."""
        ...

    async def write(self, data: bytes, *, more: bool = True) -> None:
        """Write a piece of a stream of server-sent events, which the first one begins; waits while the caller reads too slowly."""


def parsed(data: bytes, limits: Limits) -> Mapping[str, Json]:
    """The JSON object that a body is.

    Raises:
        Refusal: it is none, nested too deeply, or has too many parts.
    """
    if holds_more(data, limits.containers):
        raise bad(f"the body holds more than {limits.containers:,} objects and lists", code="invalid_body")
    try:
        value = _value(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise bad(f"the body is not JSON ({exc}; {len(data):,} bytes)", code="invalid_body") from None
    if is_deeper(value, data, limits.depth):
        raise bad(f"the body is nested more than {limits.depth} levels deep", code="invalid_body")
    if not isinstance(value, dict):  # parsed JSON holds dicts, never other Mappings
        raise bad("the body must be a JSON object")
    return value


def _value(data: bytes) -> Json:
    """What JSON says, without a mark before it. Halves of letters become U+FFFD: JavaScript has them where it cut a text in an emoji."""
    try:
        value: Json = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        whole = _HALF.sub(_whole, data.removeprefix(_BOM), _MOST_HALVES)
        if whole == data:
            raise
        value = _decode(whole)
    return value


def _whole(found: re.Match[bytes]) -> bytes:
    data, at = found.string, found.start()
    return found[0] if _is_escaped(data, at) or (found["second"] and _is_first(data, at - len(found[0]), at)) else rb"\ufffd"


def _is_first(data: bytes, start: int, end: int) -> bool:
    return start >= 0 and _FIRST_HALF.fullmatch(data, start, end) is not None and not _is_escaped(data, start)


def _is_escaped(data: bytes, at: int) -> bool:
    """Whether what stands there is only text, behind an odd number of backslashes."""
    n = 64
    while n < at and not data[at - n : at].rstrip(b"\\"):
        n *= 2
    before = data[max(at - n, 0) : at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1


def check_size(n_bytes: int, limits: Limits) -> None:
    """Refuse a body that is too large.

    Raises:
        Refusal: it is.
    """
    if n_bytes > limits.body_bytes:
        raise Refusal(413, f"the body is larger than {limits.body_bytes:,} bytes", code="request_too_large")


def check_plain(head: Head) -> None:
    """Refuse a body that comes in another form than it is.

    Raises:
        Refusal: it does.
    """
    for name, plain in _PLAIN:
        if (coding := head.headers.get(name, plain).lower()) != plain:
            raise bad(f"{name} is {coding[:40]!r}; send it plain", code="unsupported_encoding", status=415)


def too_slow(limits: Limits) -> Refusal:
    """A body that did not arrive in time."""
    return Refusal(408, f"the body did not arrive within {limits.body_s:g} s", code="request_timeout")
