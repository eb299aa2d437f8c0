"""A judge we did not write: LLMock breaks its answers and grades what the client does about it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware

from langchain_routerkit import ChatRouter, RoutedError
from routerkit import Policy, Pool, Retry, Router, RouterState, Target
from routerkit.providers.litellm import LiteLLM
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers

PROMPT = "Tell me a long story about routers."
TIMERS = Timers(between_chunks_s=2.0)
"""Far above a pause of a busy machine, far below `STALL_S`: only a real stall may fire it."""
STALL_S = 6.0

pytestmark = pytest.mark.slow  # litellm's import, or waits that the judge asks for


class Patient(random.Random):
    """Dice that always give the longest pause: LLMock tells a repetition from a new call by what it saw end before."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.fixture(params=["direct", "litellm"])
def model(request: pytest.FixtureRequest, llmock: Any) -> Any:
    """One target, LLMock, which is repeated when it fails."""
    url = llmock.base_url("openai")
    if request.param == "direct":
        provider: Any = OpenAICompatible(url, "sk-mock", timers=TIMERS)
    else:
        provider = LiteLLM(api_key="sk-mock", base_url=url, custom_llm_provider="openai", timers=TIMERS)
    state = RouterState({"pool": Pool("pool", (Target("t", "p", "gpt-4o"),), "f")}, {"p": provider}, {"f": Policy("f", "fallback")})
    yield ChatRouter(router=Router(state, retry=Retry(base_s=0.1), rng=Patient()))
    provider.close()


def judged(llmock: Any, *, strict: bool = True) -> None:
    """PASS, and strictly without even a warning."""
    llmock.assert_resilient(strict=strict)


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_rate_limit_is_waited_out_as_long_as_asked(llmock, model, way):
    """429 with Retry-After."""
    llmock.rate_limit(times=1, retry_after=0.3)
    assert answer(model, way)
    judged(llmock)


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_overload_is_repeated(llmock, model, way):
    """503."""
    llmock.fail(503, times=1)
    assert answer(model, way)
    judged(llmock)


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_wrong_request_is_not_repeated(llmock, model, way):
    """400."""
    llmock.fail(400, times=1)
    with pytest.raises(RoutedError) as caught:
        answer(model, way)
    assert not caught.value.is_retryable
    assert 1 == len(llmock.requests)
    judged(llmock)


FAULTS = ["disconnect", "truncate", "corrupt", "stall"]


def inject(llmock: Any, fault: str, *, after_chunks: int) -> None:
    getattr(llmock, fault)(after_chunks=after_chunks, **({"seconds": STALL_S} if fault == "stall" else {}))


@pytest.mark.parametrize("fault", ["disconnect", "truncate", "corrupt"])
def test_stream_that_breaks_before_content_is_repeated(llmock, model, fault):
    """The caller sees nothing of it."""
    inject(llmock, fault, after_chunks=1)
    assert answer(model, "stream")
    assert 2 == len(llmock.requests)
    judged(llmock, strict=fault != "corrupt")  # LLMock goes on writing after it, and so may take the repetition for a new call


def test_stream_that_stalls_before_content_is_a_timeout(llmock, model):
    """A silent target is not asked twice; another one would be asked, were there one."""
    inject(llmock, "stall", after_chunks=1)
    with pytest.raises(RoutedError, match=r"between.chunks timer"):
        answer(model, "stream")
    judged(llmock)


# Not "corrupt": where its packets arrive together, nothing has been handed on yet and the call is rightly repeated.
@pytest.mark.parametrize("fault", ["disconnect", "truncate", "stall"])
def test_stream_that_breaks_after_content_is_an_error(llmock, model, fault):
    """Never taken for a whole answer; what to do is the caller's to say, and the error tells that repeating may help."""
    inject(llmock, fault, after_chunks=4)
    with pytest.raises(RoutedError, match="broke after content") as caught:
        answer(model, "stream")
    assert caught.value.is_retryable


@pytest.mark.parametrize("fault", FAULTS)
def test_agent_with_retry_middleware_repeats_a_broken_stream(llmock, model, fault):
    """LangChain's middleware acts on our errors."""
    inject(llmock, fault, after_chunks=4)
    agent = create_agent(model, middleware=[ModelRetryMiddleware(max_retries=1, initial_delay=0.05, on_failure="error")])
    list(agent.stream({"messages": [("user", PROMPT)]}, stream_mode="messages"))
    assert 2 == len(llmock.requests)
    judged(llmock, strict=fault != "corrupt")  # as above


def test_outage_ends_in_a_typed_error_without_a_storm(llmock, model):
    """503 for ever."""
    llmock.outage()
    with pytest.raises(RoutedError) as caught:
        answer(model, "invoke")
    assert caught.value.is_retryable
    judged(llmock)


def answer(model: ChatRouter, way: str) -> str:
    if way == "invoke":
        return model.invoke(PROMPT).text
    return "".join(chunk.text for chunk in model.stream(PROMPT))
