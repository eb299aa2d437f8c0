"""OpenAICompatible keeps the provider contract, and does some more."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from routerkit.errors import ProviderError
from routerkit.messages import Request
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers
from tests.contracts.colours import Call
from tests.contracts.provider import ProviderContract
from tests.contracts.provider_faults import BETWEEN_CHUNKS_S, ProviderFaultContract
from tests.servers.strict_openai import Fault, StrictOpenAI

ASK = Request(model="m", messages=({"role": "user", "content": "hi"},), timeout_s=5.0)


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
    """A provider on the strict server."""
    provider = OpenAICompatible(openai_server.base_url, openai_server.api_key)
    yield provider
    provider.close()


class TestOpenAICompatible(ProviderContract, ProviderFaultContract):
    """Over the strict server."""

    @pytest.fixture
    def provider(self, openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, timers=Timers(between_chunks_s=BETWEEN_CHUNKS_S))
        yield provider
        provider.close()


class TestAnswers:
    @pytest.mark.parametrize("framing", ["crlf", "cr", "comments", "multiline", "no_space", "bom", "fields", "bytes", "unended"])
    def test_every_framing_of_a_stream_gives_the_same_text(
        self, openai_server: StrictOpenAI, provider: OpenAICompatible, framing: str
    ) -> None:
        openai_server.script(Fault(text="é你🙂 text", framing=framing))  # type: ignore[arg-type]  # parametrize gives str
        assert "é你🙂 text" == Call("stream")(provider, ASK).text

    @pytest.mark.parametrize("how", ["gzip", "deflate", "raw_deflate"])
    def test_compressed_answer_is_read_though_not_asked_for(
        self, call: Call, openai_server: StrictOpenAI, provider: OpenAICompatible, how: str
    ) -> None:
        if call.is_stream:
            body = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        else:
            body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
        openai_server.script(Fault(body=body, gzip=how))  # type: ignore[arg-type]  # parametrize gives str
        assert "hi" == call(provider, ASK).text
        assert "identity" == openai_server.headers[0]["accept-encoding"]

    def test_answer_of_8_mb_passes_and_one_above_the_limit_does_not(self, call: Call, openai_server: StrictOpenAI) -> None:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, max_body_bytes=10_000_000)
        event = b'data: {"choices":[{"delta":{"content":"%b"},"finish_reason":"stop"}]}\n\n'
        body = event if call.is_stream else b'{"choices":[{"message":{"content":"%b"},"finish_reason":"stop"}]}'
        openai_server.script(Fault(body=body % (b"x" * 8_000_000)), Fault(body=body % (b"x" * 11_000_000)))
        assert 8_000_000 == len(call(provider, ASK).text)
        with pytest.raises(ProviderError) as caught:
            call(provider, ASK)
        provider.close()
        assert "malformed" == caught.value.code

    def test_error_in_a_200_is_an_error(self, call: Call, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        body = b'{"error": {"message": "Rate limit reached", "code": 429}}'
        openai_server.script(Fault(body=b"data: " + body + b"\n\n" if call.is_stream else body))
        with pytest.raises(ProviderError) as caught:
            call(provider, ASK)
        assert "rate_limit" == caught.value.code

    async def test_slow_reader_holds_the_upstream_back_and_loses_nothing(self, openai_server: StrictOpenAI) -> None:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, timers=Timers(between_chunks_s=0.1))
        openai_server.script(Fault(text="0123456789" * 2000))
        chunks = provider.astream(ASK)
        text = (await anext(chunks)).text
        await asyncio.sleep(0.3)  # longer than the silence allowed, but the silence is the reader's
        text += "".join([chunk.text async for chunk in chunks])
        await provider.aclose()
        assert "0123456789" * 2000 == text

    def test_post_sends_json_below_the_base_url(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        openai_server.script(Fault(body=b'{"ok": true}'))
        assert {"ok": True} == provider.post("/completions", {"prompt": "x"}, timeout_s=2.0)
        assert (["/v1/completions"], [{"prompt": "x"}]) == (openai_server.paths, openai_server.bodies)

    def test_post_names_failures(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        with pytest.raises(ProviderError) as caught:
            provider.post("/no-such-path", {}, timeout_s=2.0)
        assert "not_found" == caught.value.code


class TestEventLoops:
    def test_one_provider_serves_several_loops_at_once(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        with ThreadPoolExecutor(3) as threads:
            texts = list(threads.map(lambda _: Call("acomplete")(provider, ASK).text, range(9)))
        assert ["You said: hi"] * 9 == texts

    def test_uvloop_works_like_asyncio(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        uvloop = pytest.importorskip("uvloop")

        async def run() -> tuple[str, str]:
            whole = await provider.acomplete(ASK)
            return whole.text, "".join([c.text async for c in provider.astream(ASK)])

        assert ("You said: hi", "You said: hi") == uvloop.run(run())

    def test_closed_loops_are_forgotten(self, openai_server: StrictOpenAI, provider: OpenAICompatible) -> None:
        for _ in range(3):
            Call("acomplete")(provider, ASK)
        assert provider._pools is not None
        assert len(provider._pools._of_loop) <= 1

    def test_importing_the_provider_does_not_import_asyncio(self) -> None:
        code = "import sys, routerkit.providers.openai_compatible; sys.exit('asyncio' in sys.modules or 'ssl' in sys.modules)"
        assert 0 == subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode
