"""LiteLLM keeps the provider contract, and holds litellm to it."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Request
from routerkit.providers.litellm import LiteLLM
from routerkit.providers.timers import Timers
from tests.contracts.colours import Call
from tests.contracts.provider import MAGIC_TOOL, ProviderContract, ask
from tests.contracts.provider_faults import BETWEEN_CHUNKS_S, ProviderFaultContract
from tests.faults.test_bytes import chunked
from tests.gateway.test_odd_events import CALLS, ONE, event
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_openai import Fault, StrictOpenAI

# Cancelled while it prepares a request, litellm leaves a coroutine behind.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'OpenAIChatCompletion:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def over(server: StrictOpenAI, *, kind: str = "openai") -> LiteLLM:
    return LiteLLM(
        api_key=server.api_key, base_url=server.base_url, custom_llm_provider=kind, timers=Timers(between_chunks_s=BETWEEN_CHUNKS_S)
    )


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    """litellm's import takes seconds; timers of the tests start after it."""
    with StrictOpenAI() as server:
        provider = over(server)
        provider.complete(ask("Hi.", timeout_s=60.0))
        list(provider.stream(ask("Hi.")))
        provider.close()


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[LiteLLM]:
    provider = over(openai_server)
    yield provider
    provider.close()


class TestLiteLLM(ProviderContract, ProviderFaultContract):
    """Over the strict server, as litellm's provider `openai`."""

    lacks = frozenset({"between_chunks", "refusal"})  # of whole answers; of streamed ones, where litellm drops it

    @pytest.fixture
    def provider(self, openai_server: StrictOpenAI) -> Iterator[LiteLLM]:
        provider = over(openai_server)
        yield provider
        provider.close()


def test_refusal_of_a_whole_answer_is_delivered(provider: LiteLLM, openai_server: StrictOpenAI) -> None:
    openai_server.script(Fault(refusal="I cannot help with that."))
    assert "I cannot help with that." == provider.complete(ask("Hi.")).refusal


def test_streamed_refusal_that_litellm_drops_is_an_error_and_not_an_empty_answer(
    stream_call: Call, provider: LiteLLM, openai_server: StrictOpenAI
) -> None:
    openai_server.script(Fault(refusal="I cannot help with that."))
    with pytest.raises(ProviderError) as caught:
        stream_call(provider, ask("Hi."))
    assert "empty_answer" == caught.value.code


def test_silence_within_a_stream_is_limited(stream_call: Call, provider: LiteLLM, openai_server: StrictOpenAI) -> None:
    openai_server.script(Fault(text="some longer text", stall_after=3))
    began = time.monotonic()
    with pytest.raises(ProviderError, match="between chunks timer") as caught:
        stream_call(provider, ask("Hi."))
    assert "timeout" == caught.value.code
    assert time.monotonic() - began < BETWEEN_CHUNKS_S + 5.0


def test_refused_connection_was_certainly_not_processed(call: Call) -> None:
    provider = LiteLLM(api_key="k", base_url="http://127.0.0.1:9/v1", custom_llm_provider="openai")
    try:
        with pytest.raises(ProviderError) as caught:
            call(provider, ask("Hi."))
    finally:
        provider.close()
    assert ("connect", False) == (caught.value.code, caught.value.maybe_billed)


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_proxy_of_the_environment_is_used_and_named_when_dead(
    monkeypatch: pytest.MonkeyPatch, openai_server: StrictOpenAI, kind: str
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    provider = over(openai_server, kind=kind)
    with pytest.raises(ProviderError, match="through the proxy of the environment") as caught:
        provider.complete(ask("Hi."))
    provider.close()
    assert ("connect", 0) == (caught.value.code, openai_server.hits)


@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(hang_up=True)])
def test_connection_lost_before_an_answer_may_have_been_billed(
    call: Call, provider: LiteLLM, openai_server: StrictOpenAI, fault: Fault
) -> None:
    openai_server.script(fault)
    with pytest.raises(ProviderError) as caught:
        call(provider, ask("Hi."))
    assert ("disconnected", True, 1) == (caught.value.code, caught.value.maybe_billed, openai_server.hits)


@pytest.mark.parametrize("kind", ["anthropic", "gemini", "azure", "databricks", "nvidia_nim", "mistral", "hosted_vllm"])
@pytest.mark.parametrize("status", [307, 500])
def test_no_provider_of_litellm_follows_or_retries_on_its_own(openai_server: StrictOpenAI, kind: str, status: int) -> None:
    """Each of these follows redirects, or retries in spite of max_retries=0, when litellm is left alone."""
    with StrictOpenAI() as second:
        openai_server.script(*[Fault(status=status, headers={"location": f"{second.base_url}/chat/completions"}, body=b"")] * 4)
        provider = over(openai_server, kind=kind)
        for call in (Call("complete"), Call("stream")):
            with pytest.raises(ProviderError) as caught:
                call(provider, ask("Hi.", extra={"api_version": "2024-02-01"} if kind == "azure" else {}))
            assert "server" == caught.value.code
        provider.close()
        assert (2, 0) == (openai_server.hits, second.hits)


@pytest.mark.parametrize("kind", ["nvidia_nim", "anthropic"])
def test_dropped_connection_is_not_tried_again(openai_server: StrictOpenAI, kind: str) -> None:
    openai_server.script(*[Fault(hang_up=True)] * 4)
    provider = over(openai_server, kind=kind)
    with pytest.raises(ProviderError) as caught:
        provider.complete(ask("Hi."))
    provider.close()
    assert ("disconnected", 1) == (caught.value.code, openai_server.hits)


def test_answer_that_filled_claudes_window_is_a_cut_one(call: Call) -> None:
    with StrictAnthropic() as server:
        server.script(Fault(text="part", finish_reason="model_context_window_exceeded"))
        provider = over(server, kind="anthropic")
        reply = call(provider, ask("Hi."))
        provider.close()
    assert ("part", "length") == (reply.text, reply.finish_reason)


def test_extra_parameters_reach_the_body(provider: LiteLLM, openai_server: StrictOpenAI) -> None:
    provider.complete(ask("Hi.", extra={"seed": 7, "top_p": 0.5}))
    assert (7, 0.5) == (openai_server.bodies[0]["seed"], openai_server.bodies[0]["top_p"])


@pytest.mark.parametrize(
    "name", ["min_p", "api_base", "base_url", "mock_response", "num_retries", "api_key", "custom_llm_provider", "fallbacks"]
)
def test_what_would_steer_litellm_goes_to_the_server_that_refuses_it(provider: LiteLLM, openai_server: StrictOpenAI, name: str) -> None:
    with StrictOpenAI() as other:
        with pytest.raises(ProviderError, match=f"Unrecognized request argument supplied: {name}"):
            provider.complete(ask("Hi.", extra={name: other.base_url}))
        assert (other.base_url, 1, 0) == (openai_server.bodies[0][name], openai_server.hits, other.hits)


def test_closing_one_provider_leaves_the_others_working(openai_server: StrictOpenAI) -> None:
    one, other = over(openai_server), over(openai_server)
    one.complete(ask("Hi."))
    chunks = other.stream(ask("Say something longer."))
    next(chunks)
    one.close()
    assert [c.finish_reason for c in chunks if c.finish_reason]
    other.close()


def test_caller_metadata_and_messages_are_not_written_to(provider: LiteLLM) -> None:
    metadata = {"trace": "1"}
    request = Request("model-1", ({"role": "user", "content": [{"type": "text", "text": "hi"}]},), extra={"metadata": metadata})
    provider.complete(request)
    assert {"trace": "1"} == metadata


@pytest.mark.parametrize("oddity", sorted(CALLS.keys() - {"arguments as an object"}))
def test_tool_calls_of_a_stream_arrive_apart(provider: LiteLLM, openai_server: StrictOpenAI, oddity: str) -> None:
    openai_server.script(Fault(raw=chunked(*CALLS[oddity], event({}, "tool_calls"), b"data: [DONE]\n\n")))
    calls = Call("stream")(provider, ask("Hi.")).tool_calls
    assert ["f", "g"] == [call.name for call in calls]
    assert [json.loads(ONE)] * 2 == [json.loads(call.arguments) for call in calls]
    assert 2 == len({call.id for call in calls if call.id})


def test_tools_work_without_the_mcp_package(provider: LiteLLM) -> None:
    reply = provider.complete(ask("What is the value of magic_function(3)? Use the tool.", tools=(MAGIC_TOOL,)))
    assert ["magic_function"] == [c.name for c in reply.tool_calls]


async def test_callers_loop_is_free_while_litellm_works(provider: LiteLLM, openai_server: StrictOpenAI) -> None:
    openai_server.script(Fault(hang=True))
    task = asyncio.create_task(provider.acomplete(ask("Hi.", timeout_s=0.3)))
    n_turns = 0
    while not task.done():
        await asyncio.sleep(0.01)
        n_turns += 1
    with pytest.raises(ProviderError, match="total timer"):
        await task
    assert n_turns > 5


def test_provider_works_again_after_close(provider: LiteLLM) -> None:
    assert provider.complete(ask("One.")).text
    provider.close()
    assert provider.complete(ask("Two.")).text


@pytest.mark.parametrize("version", ["1.82.7", "1.82.8", "1.107.0"])
def test_known_bad_versions_are_refused_before_they_are_imported(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: version)
    with pytest.raises(ConfigError, match=version):
        LiteLLM()


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(ConfigError, match=r"pip install 'routerkit\[litellm\]'"):
        LiteLLM()


def test_building_a_provider_imports_nothing_heavy() -> None:
    code = "import sys; from routerkit.providers.litellm import LiteLLM; LiteLLM(); print('litellm' in sys.modules, 'httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert "False False" == done.stdout.strip()


def test_error_within_a_200_is_named_by_what_it_says(whole_call: Call, provider: LiteLLM, openai_server: StrictOpenAI) -> None:
    """litellm calls it a 422, which would end the call as if the caller were to blame."""
    openai_server.script(Fault(body=b'{"error": {"message": "Overloaded, try again", "type": "overloaded_error"}}'))
    with pytest.raises(ProviderError) as caught:
        whole_call(provider, ask("Hi."))
    assert ("overloaded", True) == (caught.value.code, caught.value.maybe_billed)


@pytest.mark.parametrize("status", [200, 500])
def test_megabytes_of_nonsense_do_not_keep_the_loop_busy(
    whole_call: Call, provider: LiteLLM, openai_server: StrictOpenAI, status: int
) -> None:
    """litellm searches what it could not read for keys: two seconds a megabyte, on the loop that all its calls share."""
    openai_server.script(Fault(status=status, body=b"api_key " * 1_000_000))
    began = time.monotonic()
    with pytest.raises(ProviderError):
        whole_call(provider, ask("Hi."))
    assert time.monotonic() - began < 8.0
