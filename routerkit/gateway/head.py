"""What the head of a request says, and what follows from that: found out once for all requests of a connection that begin alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, cast

import httptools

T = TypeVar("T")
Pairs = Sequence[tuple[bytes, bytes]]
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_NO_NAMES: Final[frozenset[str]] = frozenset()
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]+)\r\n", re.IGNORECASE)
_END: Final = b"\r\n\r\n"
"""Of a head; there is none within it."""
_OFFER: Final = frozenset({b"upgrade", b"connection", b"http2-settings"})
_LONGEST_BYTES: Final = 4 * 1024
"""Heads kept for comparison; there is one for each connection."""
_MOST_DIGITS: Final = 20
"""Of a length; Python turns no more than 4,300 digits into a number."""


class Head:
    """A request before its body, but for how long that is."""

    __slots__ = ("_facts", "headers", "method", "path", "repeated", "route")

    def __init__(self, method: str, path: str, headers: Mapping[str, str] = _NONE, repeated: frozenset[str] = _NO_NAMES) -> None:
        """Keep what was read.

        Args:
            method: As it came.
            path: Without the query.
            headers: By lower-case name, without `content-length`; of repeated ones the last.
            repeated: Names of headers that came more than once.
        """
        self.method, self.path, self.headers, self.repeated = method, path, headers, repeated
        self.route = method, path
        self._facts: dict[Callable[[Head], Any], Any] = {}

    def fact(self, of: Callable[[Head], T]) -> T:
        """What a function says of this head, asked only once unless it raises."""
        try:
            return cast("T", self._facts[of])
        except KeyError:
            found = self._facts[of] = of(self)
            return found


def read_head(method: bytes, url: bytes, pairs: Pairs) -> tuple[Head, int | None]:
    """A head that was parsed, and how many bytes its body is said to have, see `with_length`."""
    if url.startswith(b"/") and b"?" not in url:  # as nearly always
        return with_length(method.decode("ascii"), url.decode("ascii"), pairs)
    return with_length(method.decode("ascii"), (httptools.parse_url(url).path or b"").decode("ascii"), pairs)


def with_length(method: str, path: str, pairs: Pairs) -> tuple[Head, int | None]:
    """A head, and how many bytes its body is said to have: 0 where it says nothing, None where nobody knows before they are there."""
    headers = {_lowered(name): value.decode("latin-1") for name, value in pairs}
    repeated = _NO_NAMES
    if len(headers) != len(pairs):
        repeated = frozenset(name for name, n in Counter(_lowered(name) for name, _ in pairs).items() if n > 1)
    said = headers.pop("content-length", "")
    return Head(method, path, headers, repeated), None if "transfer-encoding" in headers else _number(said)


@lru_cache(maxsize=1024)
def _lowered(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _number(said: str) -> int | None:
    digits = said.lstrip("0") or "0"
    return int(digits[:_MOST_DIGITS]) if digits.isdecimal() else None


def without_offer(method: bytes, url: bytes, pairs: Pairs) -> bytes:
    """The bytes of a head that offers another protocol, as if it did not."""
    lines = [b"%b: %b" % (name, value) for name, value in pairs if name.lower() not in _OFFER]
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, url), *lines, b"", b""])


class Known(NamedTuple):
    """The bytes of a head around the length of the body, and what they say."""

    before: bytes
    after: bytes
    head: Head

    def body(self, data: bytes) -> bytes | None:
        """The body of a request that has this head and is all there is in some bytes; None for anything else."""
        body = data[data.find(_END) + len(_END) :]
        return body if data.startswith(b"%b%d%b" % (self.before, len(body), self.after)) else None


def known(raw: bytes, head: Head) -> Known | None:
    """A head to compare others with; None where that is not safe, or not worth it, or where its body may be coded.

    Args:
        raw: Its bytes, with the line that ends it, as they were parsed.
        head: What the parser made of them.
    """
    is_odd = "transfer-encoding" in head.headers or "content-encoding" in head.headers or raw.find(_END) != len(raw) - len(_END)
    if is_odd or len(raw) > _LONGEST_BYTES or raw.lower().count(b"content-length") != 1:
        return None
    found = _LENGTH.search(raw)
    return None if found is None else Known(raw[: found.start(1)], raw[found.end(1) :], head)
