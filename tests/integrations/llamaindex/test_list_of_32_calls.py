"""Items 1 to 17 of the 32 that make an LLM a drop-in for LlamaIndex: for every format and provider path, and behind a target that fails.

LlamaIndex has no standard suite; on this list its own LiteLLM class passes 24 and its OpenAI class 28 of 31.
"""

from __future__ import annotations

import copy
import json

from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.llms import ChatMessage
from llama_index.core.llms.custom import CustomLLM
from llama_index.core.llms.function_calling import FunctionCallingLLM

from llama_index.llms.routerkit import RouterLLM
from tests.integrations.llamaindex.conftest import Upstream
from tests.integrations.llamaindex.suite import ADD, ADD_PROMPT, ANSWER, EXPECTED_COUNTS, HELLO, WAYS, counts, on

pytestmark = on(WAYS)


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
    assert upstream.is_tool_required
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
    bodies = [body for server in upstream.goods.values() for body in server.bodies]
    about_tools = {"tools", "tool_choice", "parallel_tool_calls", "toolConfig", "tool_config"}
    assert [set(), set()] == [about_tools & body.keys() for body in bodies]
