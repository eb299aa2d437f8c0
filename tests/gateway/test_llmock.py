"""Clients as they are before a gateway before LLMock, a judge we did not write: it breaks its answers and grades who asks it."""

from __future__ import annotations

import json

import openai
import pydantic
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI

CONFIG = """
[providers.mock]
kind = "openai"
base_url = "{url}"
api_key = "env:FIRST_KEY"

[targets.mock]
provider = "mock"
model = "gpt-4o"
usd_per_mtok = {{ input = 0.10, output = 0.20 }}
context_tokens = 128000
can = ["tools", "json_schema"]

[pools.coding]
targets = ["mock"]
policy = "fallback"
"""
HELLO = [{"role": "user", "content": "Tell me a long story about routers."}]
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}

pytestmark = pytest.mark.slow  # LLMock asks for real pauses


class Invoice(pydantic.BaseModel):
    """An invoice."""

    number: str
    total: float


@pytest.fixture
def served(make_served, llmock):
    found = make_served()
    found.config.write_text(CONFIG.format(url=llmock.base_url("openai")))
    found.start()
    return found


@pytest.fixture
def sdk(served):
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        yield client


@pytest.fixture
def langchain(served):
    return ChatOpenAI(model="coding", base_url=served.base_url, api_key="x", max_retries=0)


def of_sdk(sdk: openai.OpenAI, *, is_streamed: bool) -> str:
    if not is_streamed:
        return sdk.chat.completions.create(model="coding", messages=HELLO).choices[0].message.content or ""
    stream = sdk.chat.completions.create(model="coding", messages=HELLO, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    "break_it",
    [
        lambda llmock: llmock.rate_limit(times=1, retry_after=0.3),
        lambda llmock: llmock.fail(500, times=1),
        lambda llmock: llmock.fail(503, times=1),
        lambda llmock: llmock.delay(0.5),
    ],
    ids=["429", "500", "503", "slow"],
)
def test_what_can_be_mended_is_not_noticed_and_well_behaved(llmock, sdk, langchain, break_it, is_streamed):
    break_it(llmock)
    assert of_sdk(sdk, is_streamed=is_streamed)
    llmock.assert_resilient()
    break_it(llmock)
    assert "".join(chunk.text for chunk in langchain.stream("hi")) if is_streamed else langchain.invoke("hi").text
    llmock.assert_resilient()


# Not "corrupt": where its packets arrive together, nothing has been handed on yet and the call is rightly repeated.
@pytest.mark.parametrize("fault", ["disconnect", "truncate"])
def test_stream_that_breaks_after_content_is_an_error_after_which_the_client_asks_again(llmock, sdk, fault):
    getattr(llmock, fault)(after_chunks=4)
    with pytest.raises(openai.APIError):
        of_sdk(sdk, is_streamed=True)
    assert of_sdk(sdk, is_streamed=True)
    llmock.assert_resilient()


def test_wrong_request_comes_back_as_one_after_one_attempt(llmock, sdk, langchain):
    llmock.fail(400, times=2)
    for ask in (lambda: of_sdk(sdk, is_streamed=False), lambda: langchain.invoke("hi")):
        with pytest.raises(openai.BadRequestError):
            ask()
    assert 2 == len(llmock.requests)
    llmock.assert_resilient()


def test_tools_and_structured_answers_of_the_sdk(llmock, sdk):
    call = sdk.chat.completions.create(model="coding", messages=[{"role": "user", "content": "weather in Paris?"}], tools=[TOOL]).choices[0]
    assert ("tool_calls", "get_weather") == (call.finish_reason, call.message.tool_calls[0].function.name)
    result = {"role": "tool", "tool_call_id": call.message.tool_calls[0].id, "content": "sunny"}
    told = [{"role": "user", "content": "weather in Paris?"}, call.message, result]
    assert sdk.chat.completions.create(model="coding", messages=told, tools=[TOOL]).choices[0].message.content
    assert sdk.chat.completions.parse(model="coding", messages=HELLO, response_format=Invoice).choices[0].message.parsed
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tools_and_structured_answers_of_chat_openai(llmock, langchain, is_streamed):
    bound, asked = langchain.bind_tools([TOOL]), [HumanMessage("weather in Paris?")]
    call = _joined(bound.stream(asked)) if is_streamed else bound.invoke(asked)
    assert ["get_weather"] == [c["name"] for c in call.tool_calls]
    told = [*asked, call, ToolMessage("sunny", tool_call_id=call.tool_calls[0]["id"])]
    assert (_joined(bound.stream(told)) if is_streamed else bound.invoke(told)).text
    for method in ("json_schema", "function_calling"):
        assert isinstance(langchain.with_structured_output(Invoice, method=method).invoke("an invoice"), Invoice)
    llmock.assert_resilient(strict=True)


def test_broken_tool_arguments_reach_the_client_as_they_are(llmock, langchain):
    llmock.break_tool_call("malformed_arguments")
    answer = langchain.bind_tools([TOOL]).invoke("weather in Paris?")
    assert (1, 0) == (len(answer.invalid_tool_calls), len(answer.tool_calls))
    with pytest.raises(ValueError, match="char"):
        json.loads(answer.invalid_tool_calls[0]["args"])


def _joined(chunks):
    first, *rest = chunks
    return sum(rest, first)
