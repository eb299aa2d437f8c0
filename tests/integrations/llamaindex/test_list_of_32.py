"""The 32 behaviours that make an LLM a drop-in for LlamaIndex, on both provider paths and behind a target that always fails.

LlamaIndex has no standard suite; on this list its own LiteLLM class passes 24 and its OpenAI class 28 of 31.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, MockEmbedding, SummaryIndex, VectorStoreIndex
from llama_index.core.agent.workflow import AgentOutput, AgentStream, AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # as its documentation says
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from llama_index.llms.routerkit import RouterLLM
from routerkit import ProviderError
from tests.integrations.llamaindex.conftest import KEY_NAME, Upstream, open_upstream
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

PATHS = {
    "direct": ("openai", ""),
    "litellm": ("litellm", ""),
    "direct-after-503": ("openai", "503"),
    "direct-after-429": ("openai", "429"),
    "direct-after-cut": ("openai", "cut"),
    "litellm-after-503": ("litellm", "503"),
    "litellm-after-429": ("litellm", "429"),
    "litellm-after-cut": ("litellm", "cut"),
}
HELLO = [ChatMessage("Say hello", role="user")]
ANSWER = "You said: Say hello"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)


class City(BaseModel):
    """A city with its population."""

    name: str
    population: int


CITY_PROMPT = PromptTemplate("Describe the city '{name}' with population 2100000")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
ADD_PROMPT = "Please add 2 and 3 with the add tool"


@pytest.fixture(params=PATHS)
def upstream(
    request: pytest.FixtureRequest, tmp_path: Path, openai_server: StrictOpenAI, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Upstream]:
    kind, failure = PATHS[request.param]
    monkeypatch.setenv(KEY_NAME, openai_server.api_key)
    yield from open_upstream(tmp_path, openai_server, kind, failure)


@pytest.fixture
def llm(upstream: Upstream) -> RouterLLM:
    return upstream.llm()


class Listener(BaseEventHandler):
    """Keeps the events of LlamaIndex's dispatcher."""

    seen: list[Any] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Listener"

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.seen.append(event)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.seen]


@pytest.fixture
def events() -> Iterator[Listener]:
    root = get_dispatcher("root")
    listener = Listener()
    before = list(root.event_handlers)
    root.add_event_handler(listener)
    yield listener
    root.event_handlers = before


def counts(response: Any) -> tuple[int, int]:
    return response.raw["usage"]["prompt_tokens"], response.raw["usage"]["completion_tokens"]


EXPECTED_COUNTS = (3, 5)
"""Four characters to a token, as the strict server counts `Say hello` and the answer to it."""


def test_01_is_llm(llm: RouterLLM) -> None:
    """It is a function calling LLM, and not a completion-only one with imitated async."""
    assert isinstance(llm, FunctionCallingLLM)
    assert isinstance(llm, BaseLLM)
    assert not isinstance(llm, CustomLLM)


def test_02_chat(llm: RouterLLM) -> None:
    """`chat` gives an assistant message."""
    response = llm.chat(HELLO)
    assert (ANSWER, "assistant") == (response.message.content, response.message.role.value)


async def test_03_achat(llm: RouterLLM) -> None:
    """`achat` gives the same."""
    assert ANSWER == (await llm.achat(HELLO)).message.content


def test_04_complete(llm: RouterLLM) -> None:
    """`complete` gives text."""
    assert ANSWER == llm.complete("Say hello").text


async def test_05_acomplete(llm: RouterLLM) -> None:
    """`acomplete` gives the same."""
    assert ANSWER == (await llm.acomplete("Say hello")).text


def is_cumulative(texts: list[str], deltas: list[str]) -> bool:
    """Whether every text is the concatenation of the deltas up to it."""
    return texts == ["".join(deltas[: i + 1]) for i in range(len(deltas))]


def test_06_stream_chat(llm: RouterLLM) -> None:
    """Streamed messages grow by their delta, up to the whole answer."""
    seen = list(llm.stream_chat(HELLO))
    assert len(seen) > 3
    assert is_cumulative([r.message.content or "" for r in seen], [r.delta or "" for r in seen])
    assert ANSWER == seen[-1].message.content


async def test_07_astream_chat(llm: RouterLLM) -> None:
    """Async twin of the above."""
    seen = [r async for r in await llm.astream_chat(HELLO)]
    assert len(seen) > 3
    assert is_cumulative([r.message.content or "" for r in seen], [r.delta or "" for r in seen])
    assert ANSWER == seen[-1].message.content


def test_08_stream_complete(llm: RouterLLM) -> None:
    """Streamed completions grow by their delta."""
    seen = list(llm.stream_complete("Say hello"))
    assert is_cumulative([r.text for r in seen], [r.delta or "" for r in seen])
    assert ANSWER == seen[-1].text


async def test_09_astream_complete(llm: RouterLLM) -> None:
    """Async twin of the above."""
    seen = [r async for r in await llm.astream_complete("Say hello")]
    assert is_cumulative([r.text for r in seen], [r.delta or "" for r in seen])
    assert ANSWER == seen[-1].text


def test_10_usage_chat(llm: RouterLLM) -> None:
    """Tokens are where LlamaIndex looks for them: `raw["usage"]` and `additional_kwargs`."""
    response = llm.chat(HELLO)
    assert EXPECTED_COUNTS == counts(response)
    assert EXPECTED_COUNTS == (response.additional_kwargs["prompt_tokens"], response.additional_kwargs["completion_tokens"])
    assert dict(response.raw)


def test_11_usage_stream(llm: RouterLLM) -> None:
    """The last response of a stream carries the usage, and no other one does."""
    seen = list(llm.stream_chat(HELLO))
    assert EXPECTED_COUNTS == counts(seen[-1])
    assert all(r.raw["usage"] is None for r in seen[:-1])


def test_12_chat_with_tools(llm: RouterLLM) -> None:
    """A tool call comes back with parsed arguments."""
    response = llm.chat_with_tools([ADD], user_msg=ADD_PROMPT)
    (call,) = llm.get_tool_calls_from_response(response)
    assert ("add", {"a": 2, "b": 3}) == (call.tool_name, call.tool_kwargs)


async def test_13_astream_chat_with_tools(llm: RouterLLM) -> None:
    """A streamed tool call is complete at the end, in both places where consumers look."""
    stream = await llm.astream_chat_with_tools([ADD], user_msg=ADD_PROMPT)
    last = [r async for r in stream][-1]
    (call,) = llm.get_tool_calls_from_response(last)
    assert {"a": 2, "b": 3} == call.tool_kwargs
    assert {"a": 2, "b": 3} == json.loads(last.message.additional_kwargs["tool_calls"][0]["function"]["arguments"])


def test_14_tool_required(llm: RouterLLM, upstream: Upstream) -> None:
    """`tool_required` forces a call even where the prompt does not suggest one."""
    response = llm.chat_with_tools([ADD], user_msg="Say hello", tool_required=True)
    assert "required" == upstream.body["tool_choice"]
    assert ["add"] == [c.tool_name for c in llm.get_tool_calls_from_response(response)]


def test_15_predict_and_call(llm: RouterLLM) -> None:
    """`predict_and_call` runs the tool."""
    assert "5" == llm.predict_and_call([ADD], user_msg=ADD_PROMPT).response


def test_16_history_not_mutated(llm: RouterLLM) -> None:
    """The caller's history is the same after a call as before."""
    history = [ChatMessage("Be brief", role="system"), *HELLO]
    before = copy.deepcopy(history)
    llm.chat_with_tools([ADD], user_msg=ADD_PROMPT, chat_history=history)
    llm.chat(history)
    assert before == history


def test_17_no_tools_ok(llm: RouterLLM, upstream: Upstream) -> None:
    """Without tools, nothing about tools is sent, whatever was asked for."""
    assert ANSWER == llm.chat_with_tools([], user_msg="Say hello", tool_required=True, allow_parallel_tool_calls=True).message.content
    llm.chat(HELLO, tools=[], tool_choice="auto", parallel_tool_calls=True)
    assert not [body for body in upstream.good.bodies if {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()]


def test_18_structured_predict(llm: RouterLLM) -> None:
    """A pydantic object comes back."""
    assert City(name="Paris", population=2_100_000) == llm.structured_predict(City, CITY_PROMPT, name="Paris")


async def test_19_astructured_predict(llm: RouterLLM) -> None:
    """Async twin of the above."""
    assert City(name="Paris", population=2_100_000) == await llm.astructured_predict(City, CITY_PROMPT, name="Paris")


async def test_20_stream_structured_predict(llm: RouterLLM, upstream: Upstream) -> None:
    """Partial objects end in the whole one, sync and async, and the tool is required also here."""
    expected = City(name="Paris", population=2_100_000)
    partial = list(llm.stream_structured_predict(City, CITY_PROMPT, name="Paris"))
    assert "required" == upstream.body["tool_choice"]
    assert expected == partial[-1]
    assert len(partial) > 2
    assert expected == [o async for o in await llm.astream_structured_predict(City, CITY_PROMPT, name="Paris")][-1]


async def test_21_as_structured_llm(llm: RouterLLM) -> None:
    """`as_structured_llm` gives the object in `raw`, whole, async and streamed."""
    structured = llm.as_structured_llm(City)
    messages = [ChatMessage(CITY_PROMPT.format(name="Paris"), role="user")]
    expected = City(name="Paris", population=2_100_000)
    assert expected == structured.chat(messages).raw
    assert expected == (await structured.achat(messages)).raw
    assert expected == list(structured.stream_chat(messages))[-1].raw


def test_22_image(llm: RouterLLM, upstream: Upstream) -> None:
    """An image is sent as a data URL beside its text."""
    llm.chat([ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), ImageBlock(image=PNG)])])
    text, image = upstream.body["messages"][0]["content"]
    assert "What is this?" == text["text"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_23_metadata(llm: RouterLLM) -> None:
    """Metadata says what the pool can do."""
    found = llm.metadata
    assert (32_000, "coding", True, True) == (
        found.context_window,
        found.model_name,
        found.is_chat_model,
        found.is_function_calling_model,
    )


def test_24_metadata_unknown_model(tmp_path: Path, upstream: Upstream) -> None:
    """A model name that no price map knows, with nothing declared, still counts as able to call tools."""
    text = upstream.config.read_text()
    lines = [line for line in text.splitlines() if not line.startswith(("can", "context_tokens", "usd_per_mtok"))]
    upstream.config.write_text("\n".join(lines).replace("gpt-test", "house-model-7"))
    assert upstream.llm().metadata.is_function_calling_model


async def test_25_function_agent(llm: RouterLLM) -> None:
    """A FunctionAgent calls the tool and answers from its result."""
    agent = FunctionAgent(tools=[ADD], llm=llm, system_prompt="You compute.")
    result: AgentOutput = await agent.run(user_msg=ADD_PROMPT)
    assert "The result is 5." == str(result)
    assert ["add"] == [c.tool_name for c in result.tool_calls]


async def test_26_agent_workflow_stream(llm: RouterLLM) -> None:
    """An AgentWorkflow streams deltas that add up, and one tool result."""
    handler = AgentWorkflow.from_tools_or_functions([add], llm=llm).run(user_msg=ADD_PROMPT)
    seen = [event async for event in handler.stream_events()]
    assert "The result is 5." == "".join(e.delta for e in seen if isinstance(e, AgentStream))
    assert ["5"] == [e.tool_output.content for e in seen if isinstance(e, ToolCallResult)]
    assert "The result is 5." == str(await handler)


async def test_27_events(llm: RouterLLM, events: Listener) -> None:
    """Each of the eight calls sends exactly one start and one end event, of its own kind."""
    llm.chat(HELLO)
    await llm.achat(HELLO)
    list(llm.stream_chat(HELLO))
    [r async for r in await llm.astream_chat(HELLO)]
    chat = [name for name in events.names() if "InProgress" not in name]
    assert ["LLMChatStartEvent", "LLMChatEndEvent"] * 4 == chat
    events.seen.clear()
    llm.complete("Say hello")
    await llm.acomplete("Say hello")
    list(llm.stream_complete("Say hello"))
    [r async for r in await llm.astream_complete("Say hello")]
    completion = [name for name in events.names() if "InProgress" not in name]
    assert ["LLMCompletionStartEvent", "LLMCompletionEndEvent"] * 4 == completion


def test_28_no_secret_in_events(llm: RouterLLM, upstream: Upstream, events: Listener) -> None:
    """No event, nor anything it holds, contains the key."""
    llm.chat(HELLO)
    llm.complete("Say hello")
    assert events.seen
    assert upstream.good.api_key not in "".join(repr(e) + e.model_dump_json() for e in events.seen)


def test_29_per_call_model(llm: RouterLLM) -> None:
    """`model=` of one call chooses the target for that call only."""
    response = llm.chat(HELLO, model="coding/good")
    facts = response.additional_kwargs["routerkit"]
    assert ("good", 1) == (facts["target"], facts["attempts"])
    llm.chat(HELLO)
    assert "coding" == llm.model


def test_30_error_surfaces(llm: RouterLLM, upstream: Upstream) -> None:
    """A refusal of the provider reaches the caller as a typed error with the provider's words."""
    upstream.good.script(Fault(status=400, body=b'{"error":{"message":"no such dial","type":"invalid_request_error"}}'))
    with pytest.raises(ProviderError, match="no such dial") as caught:
        llm.chat(HELLO)
    assert "invalid" == caught.value.kind


def test_31_query_engine(llm: RouterLLM) -> None:
    """A query engine over an in-memory index answers through it."""
    documents = [Document(text="The ledger is written by a thread."), Document(text="Routing takes a tenth of a millisecond.")]
    engine = VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=8)).as_query_engine(llm=llm)
    response = engine.query("Who writes the ledger?")
    assert "The ledger is written by a thread." in str(response)
    assert "Context information" in str(SummaryIndex.from_documents(documents).as_query_engine(llm=llm).query("Which?"))


def test_32_to_dict_secret(llm: RouterLLM, upstream: Upstream) -> None:
    """No form in which the object can be stored contains the key."""
    forms = [str(llm.to_dict()), llm.to_json(), str(llm.to_payload()), repr(llm), str(llm.__getstate__())]
    assert not [form for form in forms if upstream.good.api_key in form]
