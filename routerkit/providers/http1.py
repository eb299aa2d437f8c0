"""One HTTP/1.1 exchange with an upstream, without any I/O: where it is, what to send, what came back.

`http1_sync` and `http1_async` move the bytes. Redirects are never followed, and neither proxies nor the environment are consulted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httptools

from routerkit.errors import ConfigError, ProviderError
from routerkit.providers.inflate import CODINGS, Inflate, too_large

MAX_HEADER_BYTES: Final = 128 * 1024
"""Largest head of an answer; gateways in front of models are known to send 100 KB."""
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""Largest answer after decompression."""
_LONG_BYTES: Final = 16 * 1024
"""Bodies that are sent in pieces: joining shorter ones costs less than telling the kernel of each piece."""
Pieces: TypeAlias = tuple[bytes | memoryview, ...]
"""Of what is sent, in their order."""
_FRAMING_HEADERS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_NO_BODY_STATUS: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an upstream listens."""

    host: str
    port: int
    is_tls: bool
    prefix: str
    """Path of the base URL without its trailing slash."""
    query: str = ""
    """Query of the base URL; sent with every request (Azure's `api-version`)."""

    @property
    def name(self) -> str:
        """`host:port`, with brackets around an IPv6 address; the port is left out when it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse_origin(base_url: str) -> Origin:
    """Split a base URL.

    Raises:
        ConfigError: if it is not a plain http or https URL with a host and without credentials or fragment.
    """
    parts, port = _split(base_url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"base_url {_shown(base_url)!r} is not an http or https URL; write it like 'https://api.example.com/v1'")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("base_url contains a user name or password; remove it and give the credential as api_key")
    if parts.fragment:
        raise ConfigError(f"base_url {_shown(base_url)!r} has a fragment; remove everything from '#'")
    is_tls = parts.scheme == "https"
    return Origin(_ascii_host(parts.hostname), port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"), parts.query)


def _split(base_url: str) -> tuple[SplitResult | None, int | None]:
    if any(c <= " " or c == "\x7f" for c in base_url):
        return None, None
    try:
        parts = urlsplit(base_url)
        return (parts if (parts.path + parts.query).isascii() else None), parts.port
    except ValueError:
        return None, None


def _shown(base_url: str) -> str:
    # A URL that did not parse may still hold credentials before its "@".
    return base_url.rpartition("@")[2][:200]


def _ascii_host(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as exc:
        raise ConfigError(f"base_url host {host!r} is not a valid name; write it in its xn-- form") from exc


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that could break or take over the framing of a request; values are never shown.

    Raises:
        ConfigError: naming the header.
    """
    for name, value in headers.items():
        if not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ConfigError(f"header name {name!r} is not valid; use letters, digits, '-' and '_'")
        if name.lower() in _FRAMING_HEADERS:
            raise ConfigError(f"header {name!r} is set by the connection itself; remove it")
        if not value.isascii() or not value.isprintable():
            raise ConfigError(f"the value of header {name!r} has characters outside printable ASCII; check for a stray line break")


def request_head(origin: Origin, path: str, headers: Mapping[str, str]) -> bytes:
    """Everything of a POST up to the value of content-length, which `with_body` completes."""
    target = f"{origin.prefix}{path}" + (f"?{origin.query}" if origin.query else "")
    lines = [f"POST {target} HTTP/1.1", f"host: {origin.name}", "accept-encoding: identity", "content-type: application/json"]
    lines += [f"{name.lower()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "content-length: "]).encode("ascii")


def with_body(head: bytes, *body: bytes | memoryview) -> Pieces:
    """A whole request from `request_head` and the pieces of its body: as one, but for long ones, which are not worth copying."""
    n_bytes = sum(map(len, body))
    whole = b"%b%d\r\n\r\n" % (head, n_bytes), *body
    return whole if n_bytes >= _LONG_BYTES else (b"".join(whole),)


class Exchange:
    """The answers to the requests of one connection, one after the other, each built from bytes as they arrive."""

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body = max_body_bytes
        self._raw: dict[bytes, bytes] = {}
        self.waiting: list[bytes] = []
        """The pieces that `take` would join."""
        # Called by the parser: without a step of ours, because there are dozens of headers, and as many chunks as events of a stream.
        self.on_header: Final = self._raw.__setitem__
        self.on_body: Final = self.waiting.append
        self.begin()
        self._parser = httptools.HttpResponseParser(self)

    def begin(self) -> None:
        """A request is being sent, and what comes now is its answer."""
        self.status = 0
        """HTTP status; 0 until the head has arrived."""
        self.is_complete = self.is_keep_alive = False
        """Whether the answer is whole, and whether its connection may then be used again."""
        self._n_fed = self.n_taken = 0
        """Bytes that have arrived, and those of the body that were taken."""
        self._inflate: Inflate | None = None
        self._raw.clear()
        self.waiting.clear()

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case; of repeated headers the last counts, and what comes after the body changes nothing any more."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._head.items()} if self.status else {}

    @property
    def has_answer(self) -> bool:
        """Whether any byte has arrived."""
        return self._n_fed > 0

    @property
    def is_failure(self) -> bool:
        """Whether its status names a failure; then whatever is wrong with the rest is not."""
        return self.status >= 300

    def feed(self, data: bytes) -> None:
        """Take in bytes from the peer.

        Raises:
            ProviderError: `malformed` if they are not HTTP, or too many.
        """
        self._n_fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:  # the latter is no kind of the former
            # Bytes after a complete answer are ignored, and the connection is not used again.
            if not (self.is_complete or self.is_failure):
                why = exc.__context__ if isinstance(exc, httptools.HttpParserCallbackError) else exc
                raise ProviderError(f"answer is not HTTP/1.1 as we read it: {why}", code="malformed", maybe_billed=True) from exc
            self.is_complete, self.is_keep_alive = True, False
        if self._n_fed > self._max_body or not self.status:
            self._check_size()

    def _check_size(self) -> None:
        if not self.status and self._n_fed > MAX_HEADER_BYTES:
            raise too_large("head", MAX_HEADER_BYTES)
        if self.n_taken + sum(map(len, self.waiting)) > self._max_body:
            raise too_large("body", self._max_body)

    def feed_eof(self) -> bool:
        """Take in that the peer closed; True when that ends the answer properly (no length was announced)."""
        self.is_keep_alive = False
        self.is_complete = self.is_complete or self._is_eof_framed()
        return self.is_complete

    def _is_eof_framed(self) -> bool:
        headers = self.headers
        has_length = "content-length" in headers or headers.get("transfer-encoding", "identity").lower() != "identity"
        return self.status > 0 and not has_length and self.status not in _NO_BODY_STATUS

    def take(self) -> bytes:
        """Body bytes that arrived since the last call, decompressed.

        Raises:
            ProviderError: `malformed` if they do not decompress, or to too much.
        """
        data = b"".join(self.waiting)
        self.waiting.clear()
        self.n_taken += len(data)
        if self._inflate is None or not (data or self.is_complete):
            return data
        return self._inflate.feed(data, is_last=self.is_complete)

    def pass_on(self, taker: Callable[[bytes], bool]) -> bool:
        """Hand what has arrived to somebody who may take it, if that is a piece of a plain body that goes on; returns whether he did."""
        waiting = self.waiting
        if len(waiting) != 1 or self.is_complete or self._inflate is not None or not taker(waiting[0]):
            return False
        self.n_taken += len(waiting.pop())
        return True

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Refuse a second answer behind the first, which would overwrite it; `feed` then ignores the rest."""
        if self.is_complete:
            raise ValueError("bytes after the answer")

    def on_headers_complete(self) -> None:
        """Learn how the body is coded."""
        status = self._parser.get_status_code()
        if status < 200:  # 100 and 103 announce the real answer, which follows
            self._raw.clear()
            return
        self.status, self._head = status, self._raw.copy()
        if b"content-encoding" in map(bytes.lower, self._head):
            self._choose_coding(self.headers["content-encoding"].strip().lower())

    def on_message_complete(self) -> None:
        """Learn that the answer is whole."""
        if self.status:
            self.is_complete = True
            self.is_keep_alive = self._parser.should_keep_alive()

    def _choose_coding(self, coding: str) -> None:
        if coding in CODINGS:
            self._inflate = Inflate(self._max_body)
        elif not self.is_failure and coding not in {"identity", ""}:  # a failure is named by its status, whatever its body
            raise ValueError(f"content-encoding {coding[:20]!r}, though none was asked for")
