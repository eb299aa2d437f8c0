"""HTTP as callers speak it to the gateway's own connections, byte by byte."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from tests.gateway.conftest import serving
from tests.gateway.test_refusals import OK
from tests.servers.fault import Fault

BODY = json.dumps(OK).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One for all, because nothing here changes it."""
    with serving(tmp_path_factory.mktemp("gateway")) as make:
        found = make()
        found.start()
        yield found


def asking(body: bytes = BODY, *headers: bytes, path: bytes = b"/v1/chat/completions") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"host: localhost", b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@contextmanager
def dialled(served) -> Iterator[socket.socket]:
    place = urlsplit(served.url)
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        yield sock


def read_until(sock: socket.socket, end: bytes, n: int = 1) -> bytes:
    data = b""
    while data.count(end) < n:
        piece = sock.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def test_one_connection_serves_one_request_after_the_other(served):
    with dialled(served) as sock:
        for _ in range(3):
            sock.sendall(asking())
            assert b"HTTP/1.1 200 OK" in read_until(sock, b"total_tokens")
            sock.sendall(HEALTH)
            assert b'{"status":"ok"}' in read_until(sock, b'"ok"}')


def test_requests_sent_ahead_are_answered_in_order(served):
    """The first waits for its provider; the others must not overtake it."""
    served.first.script(Fault(delay_s=0.1))
    with dialled(served) as sock:
        sock.sendall(asking() + HEALTH * 20 + asking(b"{}"))
        got = read_until(sock, b"missing_required_parameter")
    places = [got.index(sign) for sign in (b"chat.completion", b'"status":"ok"', b"missing_required_parameter")]
    assert sorted(places) == places
    assert 20 == got.count(b'"status":"ok"')


def test_long_body_behind_requests_sent_ahead_keeps_none_of_them_waiting(served):
    """It is not read to its end before its turn comes, so what waits before it must not wait for that end."""
    served.first.script(Fault(delay_s=0.1))
    long = json.dumps({**OK, "messages": [{"role": "user", "content": "x" * 1_000_000}]}).encode()
    with dialled(served) as sock:
        sock.sendall(asking() + HEALTH + asking(long))
        read_until(sock, b"context: needs about")


def test_request_in_single_bytes_is_understood(served):
    with dialled(served) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in asking(b"{}"):
            sock.sendall(bytes([byte]))
        assert b" 400 " in read_until(sock, b"missing_required_parameter")


def test_caller_that_waits_for_permission_to_send_gets_it(served):
    """As curl does with bodies above 1 MB."""
    with dialled(served) as sock:
        sock.sendall(asking(b"", b"expect: 100-continue").replace(b"length: 0", b"length: %d" % len(BODY)))
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        sock.sendall(BODY)
        assert b" 200 " in read_until(sock, b"total_tokens")


def test_offer_of_http_2_is_passed_over(served):
    """Java's client makes it with every body sent in clear."""
    offer = (b"connection: upgrade, http2-settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQCAAAAAAIAAAAA")
    with dialled(served) as sock:
        for _ in range(2):
            sock.sendall(asking(BODY, *offer)[:-5])
            sock.sendall(BODY[-5:])
            assert b"HTTP/1.1 200 OK" in read_until(sock, b"total_tokens")


@pytest.mark.parametrize("stream", [False, True])
def test_old_http_gets_its_answer_until_the_connection_closes(served, stream):
    body = json.dumps({**OK, "stream": stream}).encode()
    with dialled(served) as sock:
        sock.sendall(asking(body).replace(b"HTTP/1.1", b"HTTP/1.0"))
        got = read_all(sock)
    assert b"connection: close" in got
    assert b"transfer-encoding" not in got
    assert got.rstrip().endswith(b"[DONE]" if stream else b"}")


def test_connection_closes_after_the_answer_when_asked(served):
    with dialled(served) as sock:
        sock.sendall(asking(BODY, b"connection: close"))
        assert b"connection: close" in read_all(sock)


NO_HTTP = {
    "words": b"nonsense\r\n\r\n",
    "HTTP/9": b"GET / HTTP/9\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "ends of lines without a carriage return": asking(BODY).replace(b"\r\n", b"\n"),
    "head without end": b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000,
    "head of 70 kB": asking(BODY, b"x: " + b"y" * 70_000),
    "5,000 headers": asking(BODY, *(b"x%d: 123456789" % i for i in range(5_000))),
    "proxy": b"CONNECT example.com:443 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    "two lengths": asking(BODY, b"content-length: 3"),
    "length and chunks": asking(BODY, b"transfer-encoding: chunked"),
    "no length": asking().replace(b"content-length: ", b"content-length: x"),
    "bad chunk": b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
}

TOO_LARGE = ("head without end", "head of 70 kB", "5,000 headers")


@pytest.mark.parametrize("kind", NO_HTTP)
def test_what_is_no_http_is_refused_in_a_body_that_clients_read_and_closed(served, kind, caplog):
    hits = served.first.hits
    with dialled(served) as sock:
        sock.sendall(NO_HTTP[kind])
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 431 " if kind in TOO_LARGE else b"HTTP/1.1 400 ")
    assert {"message", "type", "param", "code"} == json.loads(body)["error"].keys()
    assert (hits, "") == (served.first.hits, caplog.text)


def test_what_is_no_http_is_refused_in_the_format_of_its_path(served):
    with dialled(served) as sock:
        sock.sendall(asking(BODY, b"content-length: 3").replace(b"/v1/chat/completions", b"/v1/messages"))
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert ("error", "invalid_request_error") == (json.loads(body)["type"], json.loads(body)["error"]["type"])


@pytest.mark.parametrize("header", [b"content-encoding: gzip", b"content-encoding: zstd", b"transfer-encoding: gzip, chunked"])
def test_coded_body_is_refused_by_its_name(served, header):
    sent = (
        asking(b"0\r\n\r\n", header)
        if header.startswith(b"content")
        else asking(b"0\r\n\r\n", header).replace(b"content-length: 5\r\n", b"")
    )
    with dialled(served) as sock:
        sock.sendall(sent)
        assert b"send it plain" in read_until(sock, b"unsupported_encoding")


def test_length_with_zeros_before_it_is_a_length(served):
    """More digits than Python turns into a number."""
    with dialled(served) as sock:
        sock.sendall(asking(BODY).replace(b"content-length: ", b"content-length: " + b"0" * 5_000))
        assert b" 200 OK" in read_until(sock, b"total_tokens")


def test_large_body_in_the_same_piece_as_its_head_is_no_large_head(served):
    with dialled(served) as sock:
        sock.sendall(asking(json.dumps({**OK, "messages": [{"role": "user", "content": "x" * 150_000}]}).encode()))
        assert b" 200 OK" in read_until(sock, b"total_tokens")


def test_refused_body_is_read_to_its_end_so_that_the_answer_arrives(served):
    """A caller that is still sending would see a reset instead."""
    with dialled(served) as sock:
        sock.sendall(asking(b"x" * 12_000_000) + HEALTH)
        assert b" 413 " in read_until(sock, b'"ok"}')


def test_head_is_answered_without_a_body(served):
    with dialled(served) as sock:
        sock.sendall(HEALTH.replace(b"GET", b"HEAD") + HEALTH)
        assert 1 == read_until(sock, b'"status":"ok"').count(b"{")


STAGES = {
    "before the head": (b"", b"", 0),
    "within the head": (asking()[:30], b"", 0),
    "within the body": (asking()[:-5], b"", 0),
    "within a chunk": (b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n40\r\n{", b"", 0),
    "before the answer": (asking(), b"", 1),
    "after the answer": (asking(), b"total_tokens", 1),
    "after a stream": (asking(json.dumps({**OK, "stream": True}).encode()), b"[DONE]", 1),
    "in the second request": (asking() + asking()[:-5], b"total_tokens", 1),
}


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("stage", STAGES)
def test_caller_that_goes_away_leaves_nothing_behind(served, stage, is_reset, caplog):
    sent, awaited, n_calls = STAGES[stage]
    hits = served.first.hits
    with dialled(served) as sock:
        sock.sendall(sent)
        read_until(sock, awaited, 1 if awaited else 0)
        if n_calls:
            assert served.first.wait_for_hits(hits + n_calls)
        if is_reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with dialled(served) as sock:
        sock.sendall(HEALTH)
        read_until(sock, b'"ok"}')
    assert served.first.wait_until_idle()
    assert (hits + n_calls, "") == (served.first.hits, caplog.text)


def test_burst_of_events_is_not_held_back(served):
    """Without TCP_NODELAY each further packet of a stream waits 40 ms for an acknowledgement."""
    body = json.dumps({**OK, "stream": True}).encode()
    took_s = []
    with dialled(served) as sock:
        while min(took_s, default=1.0) >= 0.035 and len(took_s) < 50:  # a busy machine may be as slow, but not every time
            served.first.script(Fault(text=" ".join("word" for _ in range(18))))
            started = time.perf_counter()
            sock.sendall(asking(body))
            read_until(sock, b"0\r\n\r\n")
            took_s.append(time.perf_counter() - started)
    assert min(took_s) < 0.035


def test_vendors_body_and_events_pass_but_not_its_headers(served):
    served.first.script(
        Fault(text="x", message={"vendor": 1}, headers={"set-cookie": "a=b", "x-upstream": "1"}),
        Fault(text="x", message={"vendor": 1}, headers={"set-cookie": "a=b", "x-upstream": "1"}),
    )
    for stream in (False, True):
        with dialled(served) as sock:
            sock.sendall(asking(json.dumps({**OK, "stream": stream}).encode(), b"connection: close"))
            got = read_all(sock)
        assert b'"vendor": 1' in got
        assert b"cookie" not in got
        assert b"x-upstream" not in got
