"""Items 18 to 32 of the 32 that make an LLM a drop-in for LlamaIndex: for every format and provider path, and behind a target that fails.

LlamaIndex has no standard suite; on this list its own LiteLLM class passes 24 and its OpenAI class 28 of 31.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from llama_index.core import Document, MockEmbedding, SummaryIndex, VectorStoreIndex
from llama_index.core.agent.workflow import AgentOutput, AgentStream, AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock

from llama_index.llms.routerkit import RouterLLM
from routerkit import ProviderError
from tests.integrations.llamaindex.conftest import Upstream
from tests.integrations.llamaindex.suite import ADD, ADD_PROMPT, CITY_PROMPT, HELLO, PNG, WAYS, City, Listener, add, on
from tests.servers.fault import Fault

pytestmark = on(WAYS)
RESULT = re.compile(r'The result is (5|\{"content": "5"\})\.')
"""What the servers' model says of the tool's result; in Gemini's format, that result is always an object."""


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
    assert upstream.is_tool_required
    assert expected == partial[-1]
    assert len(partial) >= (2 if "gemini" in upstream.way.formats else 3)  # Gemini sends arguments whole
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
    """An image is sent inline beside its text."""
    llm.chat([ChatMessage(role="user", blocks=[TextBlock(text="What is this?"), ImageBlock(image=PNG)])])
    assert "What is this?" in upstream.sent
    assert base64.b64encode(PNG).decode() in upstream.sent


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
    upstream.config.write_text("\n".join(lines).replace(next(iter(re.findall(r'model = "([^"]+)"', text))), "openai/house-model-7"))
    assert upstream.llm().metadata.is_function_calling_model


async def test_25_function_agent(llm: RouterLLM) -> None:
    """A FunctionAgent calls the tool and answers from its result."""
    agent = FunctionAgent(tools=[ADD], llm=llm, system_prompt="You compute.")
    result: AgentOutput = await agent.run(user_msg=ADD_PROMPT)
    assert RESULT.fullmatch(str(result))
    assert ["add"] == [c.tool_name for c in result.tool_calls]


async def test_26_agent_workflow_stream(llm: RouterLLM) -> None:
    """An AgentWorkflow streams deltas that add up, and one tool result."""
    handler = AgentWorkflow.from_tools_or_functions([add], llm=llm).run(user_msg=ADD_PROMPT)
    seen = [event async for event in handler.stream_events()]
    said = "".join(e.delta for e in seen if isinstance(e, AgentStream))
    assert RESULT.fullmatch(said)
    assert ["5"] == [e.tool_output.content for e in seen if isinstance(e, ToolCallResult)]
    assert said == str(await handler)


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
    assert next(iter(upstream.goods.values())).api_key not in "".join(repr(e) + e.model_dump_json() for e in events.seen)


def test_29_per_call_model(llm: RouterLLM, upstream: Upstream) -> None:
    """`model=` of one call chooses the target for that call only."""
    name = next(iter(upstream.goods))
    facts = llm.chat(HELLO, model=f"coding/{name}").additional_kwargs["routerkit"]
    assert (name, 1) == (facts["target"], facts["attempts"])
    llm.chat(HELLO)
    assert "coding" == llm.model


def test_30_error_surfaces(llm: RouterLLM, upstream: Upstream) -> None:
    """A refusal of the provider reaches the caller as a typed error with the provider's words."""
    upstream.script(Fault(status=400, body=b'{"error":{"message":"no such dial","type":"invalid_request_error"}}'))
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
    assert not [form for form in forms if next(iter(upstream.goods.values())).api_key in form]
