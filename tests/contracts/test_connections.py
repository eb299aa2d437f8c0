"""Connections: opened, kept, replaced, secured, and never used where they must not be."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from routerkit.as_written import Written
from routerkit.errors import ProviderError
from routerkit.messages import Request
from routerkit.providers import http1, http1_async, http1_sync
from routerkit.providers.http1 import parse_origin, request_head, with_body
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers, Watch
from tests.contracts.colours import Call
from tests.servers.strict_openai import Fault, StrictOpenAI

ASK = Request(model="m", messages=({"role": "user", "content": "hi"},), timeout_s=5.0)


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
    """A provider on the strict server."""
    provider = OpenAICompatible(openai_server.base_url, openai_server.api_key)
    yield provider
    provider.close()


class TestReuse:
    def test_connection_is_reused(self, call: Call, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        if call.colour in {"complete", "stream"}:
            for _ in range(3):
                call(provider, ASK)
        else:
            asyncio.run(_three(provider, call))
        assert (3, 1) == (openai_server.hits, openai_server.connections)

    def test_closing_from_another_thread_closes_what_a_running_loop_holds(
        self, openai_server: StrictOpenAI, provider: OpenAICompatible
    ) -> None:
        """A reload closes the replaced provider from wherever it runs; the provider still answers whoever comes late."""

        async def run() -> None:
            await provider.acomplete(ASK)
            assert 1 == len(provider._async()._idle)
            await asyncio.to_thread(provider.close)
            assert 0 == len(provider._async()._idle)
            await provider.acomplete(ASK)

        asyncio.run(run())
        assert (2, 2) == (openai_server.hits, openai_server.connections)

    def test_connection_after_a_failed_answer_is_reused(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        openai_server.script(Fault(status=500, body=b"{}"))
        with pytest.raises(ProviderError):
            list(provider.stream(ASK))
        provider.complete(ASK)
        assert 1 == openai_server.connections

    def test_connection_that_the_server_closed_meanwhile_is_replaced_unnoticed(
        self, openai_server: StrictOpenAI, provider: OpenAICompatible
    ) -> None:
        async def both() -> None:
            await provider.acomplete(ASK)
            openai_server.close_idle()  # blocks this loop, so that it cannot notice before the next call
            await provider.acomplete(ASK)

        provider.complete(ASK)
        openai_server.close_idle()
        provider.complete(ASK)
        asyncio.run(both())
        assert (4, 4) == (openai_server.hits, openai_server.connections)

    def test_nothing_is_sent_twice_however_long_the_connection_was_idle(self, openai_server: StrictOpenAI) -> None:
        """The upstream may have read the request, and billed it: sending it again is an attempt of its own."""
        now = [0.0]
        pool = http1_sync.Connections(parse_origin(openai_server.base_url), n_idle=1, max_body_bytes=1000, clock=lambda: now[0])
        _ask(pool)
        now[0] += 5.0
        openai_server.script(Fault(reset=True))
        with pytest.raises(ProviderError) as caught:
            _ask(pool)
        assert ("connect", True, 2) == (caught.value.code, caught.value.maybe_billed, openai_server.hits)

    def test_nothing_is_sent_twice_on_the_event_loop_either(self, openai_server: StrictOpenAI) -> None:
        now = [0.0]

        async def run() -> None:
            pool = http1_async.Connections(parse_origin(openai_server.base_url), n_idle=1, max_body_bytes=1000, clock=lambda: now[0])
            await _aask(pool)
            now[0] += 5.0
            openai_server.script(Fault(hang_up=True))
            with pytest.raises(ProviderError, match="closed the connection without an answer"):
                await _aask(pool)

        asyncio.run(run())
        assert 2 == openai_server.hits

    def test_idle_connections_go_with_the_one_that_was_lost_unanswered(self, openai_server: StrictOpenAI) -> None:
        """A router or firewall that forgot the connections of an hour ago forgot all of them: repeating must not meet the next dead one."""
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, connections=3)
        openai_server.script(*[Fault(text="x", delay_s=0.05)] * 3)
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(provider.complete, [ASK] * 3))
        _lose_one_then_ask(openai_server, lambda: provider.complete(ASK))
        provider.close()
        assert 4 == openai_server.connections

    def test_idle_connections_of_the_event_loop_go_likewise(self, openai_server: StrictOpenAI) -> None:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, connections=3)
        openai_server.script(*[Fault(text="x", delay_s=0.05)] * 3)
        with asyncio.Runner() as runner:
            runner.run(_all([provider.acomplete(ASK) for _ in range(3)]))
            _lose_one_then_ask(openai_server, lambda: runner.run(provider.acomplete(ASK)))
            runner.run(provider.aclose())
        assert 4 == openai_server.connections

    def test_fresh_connection_lost_without_a_byte_is_a_failure(
        self, call: Call, openai_server: StrictOpenAI, provider: OpenAICompatible
    ) -> None:
        openai_server.script(Fault(reset=True))
        with pytest.raises(ProviderError) as caught:
            call(provider, ASK)
        assert ("connect", 1) == (caught.value.code, openai_server.hits)

    def test_connection_idle_for_too_long_is_not_used(self, openai_server: StrictOpenAI) -> None:
        now = [0.0]
        pool = http1_sync.Connections(parse_origin(openai_server.base_url), n_idle=1, max_body_bytes=1000, clock=lambda: now[0])
        _ask(pool)
        now[0] += 61.0
        _ask(pool)
        pool.close()
        assert 2 == openai_server.connections

    def test_threads_share_a_bounded_number_of_idle_connections(self, openai_server: StrictOpenAI) -> None:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, connections=2)
        openai_server.script(*[Fault(text="x", delay_s=0.05)] * 8)
        with ThreadPoolExecutor(8) as threads:
            texts = [reply.text for reply in threads.map(provider.complete, [ASK] * 8)]
        assert ["x"] * 8 == texts
        busy = openai_server.connections
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(provider.complete, [ASK] * 2))
        provider.close()
        assert busy == openai_server.connections <= 8

    def test_child_process_does_not_use_its_parents_connections(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        provider.complete(ASK)
        provider._sync._pid = os.getpid() + 1  # what a fork looks like from within the child
        provider.complete(ASK)
        assert 2 == openai_server.connections


class TestConnecting:
    def test_refused_connection_is_certainly_not_billed(self, call: Call) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with pytest.raises(ProviderError) as caught:
            call(OpenAICompatible(f"http://127.0.0.1:{port}"), ASK)
        assert ("connect", False) == (caught.value.code, caught.value.maybe_billed)

    def test_unknown_host_is_a_connect_failure(self, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object, **__: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", fail)
        with pytest.raises(ProviderError) as caught:
            call(OpenAICompatible("http://no-such-host.invalid"), ASK)
        assert "connect" == caught.value.code

    def test_name_lookup_that_hangs_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        release = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20) and [])
        began = time.monotonic()
        with pytest.raises(ProviderError) as caught:
            OpenAICompatible("http://slow.invalid", timers=Timers(connect_s=0.1)).complete(ASK)
        release.set()
        assert "connect" == caught.value.code
        assert time.monotonic() - began < 4  # a busy machine's; untold, it would be 5

    def test_name_lookups_that_hang_keep_no_other_upstream_waiting(
        self, openai_server: StrictOpenAI, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many calls want the same name, it takes one thread of the event loop's few."""
        release = threading.Event()

        def look_up(host: str, port: int, *_: object, **__: object) -> list[object]:
            if host == "slow.invalid":
                release.wait(5)
                raise socket.gaierror(-2, "Name or service not known")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        timers = Timers(connect_s=0.3)
        slow = OpenAICompatible("http://slow.invalid", timers=timers)
        good = OpenAICompatible(openai_server.base_url.replace("127.0.0.1", "good.invalid"), openai_server.api_key, timers=timers)

        async def run() -> None:
            stuck = [asyncio.create_task(slow.acomplete(ASK)) for _ in range(50)]
            await asyncio.sleep(0)
            assert (await good.acomplete(ASK)).text
            failures = await asyncio.gather(*stuck, return_exceptions=True)
            assert {"connect"} == {getattr(failure, "code", "") for failure in failures}
            release.set()

        asyncio.run(run())

    def test_server_that_never_accepts_is_bounded(self, call: Call) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # TLS handshake without an answer
            provider = OpenAICompatible(f"https://127.0.0.1:{silent.getsockname()[1]}", timers=Timers(connect_s=0.1))
            began = time.monotonic()
            with pytest.raises(ProviderError) as caught:
                call(provider, ASK)
        assert ("connect", False) == (caught.value.code, caught.value.maybe_billed)
        assert time.monotonic() - began < 4  # a busy machine's; untold, it would be 5

    def test_upload_that_is_never_read_is_bounded(self, call: Call) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            huge = Request(model="m", messages=({"role": "user", "content": "x" * 20_000_000},), timeout_s=0.3)
            began = time.monotonic()
            with pytest.raises(ProviderError) as caught:
                call(OpenAICompatible(f"http://127.0.0.1:{deaf.getsockname()[1]}"), huge)
        assert "timeout" == caught.value.code
        assert time.monotonic() - began < 10

    def test_proxies_of_the_environment_are_ignored(self, call: Call, provider: OpenAICompatible, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        assert call(provider, ASK).text


class TestTls:
    @pytest.fixture(scope="class")
    def certificate(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
        """A self-signed certificate for 127.0.0.1 and its key."""
        folder = tmp_path_factory.mktemp("tls")
        cert, key = folder / "cert.pem", folder / "key.pem"
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *subject]
        subprocess.run([*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True, timeout=20)
        return cert, key

    @pytest.fixture
    def server(self, certificate: tuple[Path, Path]) -> Iterator[StrictOpenAI]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
        with StrictOpenAI(ssl_context=context) as server:
            yield server

    def test_trusted_server_is_used_and_its_connection_kept(
        self, call: Call, server: StrictOpenAI, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        provider = OpenAICompatible(server.base_url, server.api_key)
        assert call(provider, ASK).text
        assert call(provider, ASK).text
        provider.close()
        assert 2 == server.hits

    def test_long_body_arrives_as_it_was_written(
        self, call: Call, server: StrictOpenAI, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        asked, body = long_request(is_stream=call.is_stream)
        provider = OpenAICompatible(server.base_url, server.api_key)
        assert call(provider, asked).text
        provider.close()
        assert body.items() <= server.bodies[0].items()

    def test_untrusted_certificate_is_refused_before_anything_is_sent(self, call: Call, server: StrictOpenAI) -> None:
        with pytest.raises(ProviderError) as caught:
            call(OpenAICompatible(server.base_url, server.api_key), ASK)
        assert ("connect", 0) == (caught.value.code, server.hits)

    def test_certificate_for_another_host_is_refused(
        self, call: Call, server: StrictOpenAI, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        with pytest.raises(ProviderError) as caught:
            call(OpenAICompatible(f"https://localhost:{server.port}/v1", server.api_key), ASK)
        assert ("connect", 0) == (caught.value.code, server.hits)


class TestLongBodies:
    """Sent in pieces that nobody joins."""

    def test_they_arrive_as_they_were_written(self, call: Call, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        asked, body = long_request(is_stream=call.is_stream)
        assert call(provider, asked).text
        assert body.items() <= openai_server.bodies[0].items()

    def test_uvloop_sends_them_as_asyncio_does(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        uvloop = pytest.importorskip("uvloop")
        asked, body = long_request(is_stream=False)
        assert uvloop.run(provider.acomplete(asked)).text
        assert [body] == openai_server.bodies


def long_request(*, is_stream: bool) -> tuple[Request, dict[str, Any]]:
    """A request of some 4 MB, more than a socket takes at once, as somebody wrote it; and what should arrive of it at least."""
    body = {"messages": [{"role": "user", "content": "hi \u00fc\n" * 300_000}], "model": "pool", "stream": is_stream}
    data = json.dumps(body).encode()
    at = data.index(b'"pool"')
    request = Request("small", tuple(body["messages"]), timeout_s=10.0)
    written = Written(data, slice(at, at + len(b'"pool"')), request.parts, None, is_stream)
    return replace(request, written=written), body | {"model": "small"}


async def _three(provider: OpenAICompatible, call: Call) -> None:
    for _ in range(3):
        if call.is_stream:
            _ = [chunk async for chunk in provider.astream(ASK)]
        else:
            await provider.acomplete(ASK)


def _request(origin: http1.Origin) -> tuple[http1.Pieces, Watch]:
    return with_body(request_head(origin, "/chat/completions", {}), b"{}"), Watch(Timers(), timeout_s=5, first_token_s=None)


async def _all(calls: Iterable[Awaitable[object]]) -> None:
    await asyncio.gather(*calls)


def _lose_one_then_ask(server: StrictOpenAI, ask: Callable[[], object]) -> None:
    assert 3 == server.connections
    server.script(Fault(hang_up=True))
    with pytest.raises(ProviderError, match="without an answer"):
        ask()
    ask()


def _ask(pool: http1_sync.Connections) -> int:
    connection = pool.open(*_request(pool._origin))
    connection.body()
    connection.release()
    return connection.exchange.status


async def _aask(pool: http1_async.Connections) -> int:
    connection = await pool.open(*_request(pool._origin))
    await connection.body()
    connection.release()
    return connection.exchange.status
