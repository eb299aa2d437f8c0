"""The HTTP/1.1 exchange, byte by byte, where it goes, and how long it may take."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from routerkit.errors import ConfigError, ProviderError
from routerkit.providers.http1 import MAX_HEADER_BYTES, Exchange, parse_origin, request_head, with_body
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers, Watch
from tests.servers import wire


def read(exchange: Exchange, raw: bytes, size: int) -> bytes:
    """Body of an answer that arrives in pieces of this size."""
    body = b""
    for i in range(0, len(raw), size):
        exchange.feed(raw[i : i + size])
        body += exchange.take()
    return body


class TestExchange:
    @pytest.mark.parametrize("size", [1, 2, 7, 1000])
    @pytest.mark.parametrize(
        "raw",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        ],
    )
    def test_body_is_the_same_however_it_arrives(self, raw: bytes, size: int) -> None:
        exchange = Exchange()
        assert b"hello" == read(exchange, raw, size)
        assert (200, True, True) == (exchange.status, exchange.is_complete, exchange.is_keep_alive)
        assert "link" not in exchange.headers

    @pytest.mark.parametrize("header", [b"", b"Transfer-Encoding: Identity\r\n"])
    def test_end_of_connection_ends_only_a_body_without_length(self, header: bytes) -> None:
        free, counted = Exchange(), Exchange()
        free.feed(b"HTTP/1.1 200 OK\r\n" + header + b"\r\nhel")
        counted.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel")
        assert (True, False) == (free.feed_eof(), counted.feed_eof())
        assert not free.is_keep_alive

    @pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nconnection: close", b"HTTP/1.0 200 OK"])
    def test_connection_is_not_kept_when_the_server_says_so(self, head: bytes) -> None:
        exchange = Exchange()
        exchange.feed(head + b"\r\ncontent-length: 0\r\n\r\n")
        assert (True, False) == (exchange.is_complete, exchange.is_keep_alive)

    def test_headers_after_the_body_change_nothing(self) -> None:
        exchange = Exchange()
        read(exchange, b"HTTP/1.1 429 X\r\nretry-after: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nretry-after: 9\r\nx: y\r\n\r\n", 1000)
        assert (True, "1", None) == (exchange.is_complete, exchange.headers["retry-after"], exchange.headers.get("x"))

    def test_bytes_after_the_body_are_ignored_and_end_the_reuse(self) -> None:
        exchange = Exchange()
        assert b"hi" == read(exchange, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiGARBAGE", 1000)
        assert (True, False) == (exchange.is_complete, exchange.is_keep_alive)

    @pytest.mark.parametrize(
        "raw",
        [
            b"<html>",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEADER_BYTES,
            b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n" + b"x" * 11,
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
        ],
    )
    def test_what_is_not_http_or_too_much_is_malformed(self, raw: bytes) -> None:
        with pytest.raises(ProviderError) as caught:
            read(Exchange(max_body_bytes=10), raw, 100)
        assert "malformed" == caught.value.code

    def test_head_of_100_kb_is_accepted(self) -> None:
        exchange = Exchange()
        read(exchange, b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\ncontent-length: 0\r\n\r\n", 4096)
        assert 100_000 == len(exchange.headers["x"])

    @pytest.mark.parametrize("size", [1, 1000])
    @pytest.mark.parametrize("how", ["gzip", "deflate", "raw_deflate"])
    def test_compressed_bodies_are_read(self, how: str, size: int) -> None:
        coded = wire.compressed(b"hello" * 100, how)
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (how.removeprefix("raw_").encode(), len(coded))
        assert b"hello" * 100 == read(Exchange(), head + coded, size)

    # The time of compression is part of the format, and must not be part of a test's name.
    @pytest.mark.parametrize(
        "coded",
        [gzip.compress(bytes(1_000_000), mtime=0), gzip.compress(b"hello", mtime=0)[:-3], gzip.compress(b"hello", mtime=0) + b"more"],
    )
    def test_bombs_and_broken_compression_are_malformed(self, coded: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(coded)
        with pytest.raises(ProviderError) as caught:
            read(Exchange(max_body_bytes=50_000), head + coded, 1000)
        assert "malformed" == caught.value.code


class TestOrigin:
    @pytest.mark.parametrize(
        ("url", "name", "port", "target"),
        [
            ("https://api.example.com/v1", "api.example.com", 443, "/v1/x"),
            ("https://api.example.com/v1/", "api.example.com", 443, "/v1/x"),
            ("http://localhost:8080", "localhost:8080", 8080, "/x"),
            ("http://[::1]:8080/v1", "[::1]:8080", 8080, "/v1/x"),
            ("https://a.example/openai/d?api-version=2", "a.example", 443, "/openai/d/x?api-version=2"),
        ],
    )
    def test_base_url_says_where_to_send(self, url: str, name: str, port: int, target: str) -> None:
        origin = parse_origin(url)
        assert (name, port) == (origin.name, origin.port)
        (sent,) = with_body(request_head(origin, "/x", {"A": "b"}), b"{}")
        lines = bytes(sent).split(b"\r\n")
        assert [f"POST {target} HTTP/1.1".encode(), f"host: {name}".encode()] == lines[:2]
        assert [b"a: b", b"content-length: 2", b"", b"{}"] == lines[4:]

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "api.example.com",
            "ftp://x/v1",
            "file:///etc/passwd",
            "http://",
            "http://x:port/",
            "http://x/\r\nevil: 1",
            "http://x/a b",
            "http://x/#f",
            "http://x/é",
        ],
    )
    def test_other_urls_are_refused(self, url: str) -> None:
        with pytest.raises(ConfigError, match="base_url"):
            OpenAICompatible(url)

    def test_credentials_in_the_url_are_refused_and_not_shown(self) -> None:
        with pytest.raises(ConfigError) as caught:
            OpenAICompatible("https://user:sekret@x/v1")
        assert "sekret" not in str(caught.value)

    @pytest.mark.parametrize("headers", [{"a b": "x"}, {"a": "x\r\ny: z"}, {"Host": "x"}, {"Content-Length": "1"}, {"": "x"}, {"a": "é"}])
    def test_headers_that_break_the_framing_are_refused(self, headers: dict[str, str]) -> None:
        with pytest.raises(ConfigError, match="header"):
            OpenAICompatible("http://x", headers=headers)

    def test_key_with_a_line_break_is_refused_and_not_shown(self) -> None:
        with pytest.raises(ConfigError) as caught:
            OpenAICompatible("http://x", "sekret\n")
        assert "sekret" not in str(caught.value)

    def test_repr_shows_the_address_and_no_key(self) -> None:
        assert "OpenAICompatible('https://x:1/v1')" == repr(OpenAICompatible("https://x:1/v1", "sk-secret-key"))

    @pytest.mark.parametrize("make", [lambda: Timers(connect_s=0), lambda: OpenAICompatible("http://x", connections=0)])
    def test_numbers_out_of_range_are_refused(self, make: Callable[[], object]) -> None:
        with pytest.raises(ConfigError):
            make()


class TestWatch:
    def test_the_earlier_of_stage_and_total_counts_and_is_named(self) -> None:
        now = [0.0]
        watch = Watch(Timers(connect_s=1, between_chunks_s=3), timeout_s=10, first_token_s=2, clock=lambda: now[0])
        seen = []
        for step, at in ((watch.connecting, 0.0), (watch.sending, 0.5), (watch.heard, 2.0), (watch.began, 2.0), (watch.heard, 9.0)):
            now[0] = at
            step()
            error = watch.error("up")
            seen.append((watch.due(), error.code, str(error), error.maybe_billed))
        assert [
            (1.0, "connect", "up: connect timer of 1 s fired", False),
            (2.5, "timeout", "up: first token timer of 2 s fired", True),
            (2.5, "timeout", "up: first token timer of 2 s fired", True),
            (5.0, "timeout", "up: between chunks timer of 3 s fired", True),
            (10.0, "timeout", "up: total timer of 10 s fired", True),
        ] == seen
