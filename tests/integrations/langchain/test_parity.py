"""A router in the place of ChatOpenAI changes nothing an observer can count: events, usage and text are the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from langchain_routerkit import ChatRouter
from tests.integrations.langchain.pools import pool_router, server
from tests.integrations.langchain.standard import USAGE
from tests.servers.fault import Fault

PROMPT = "Tell me about 'routers'"


def plain() -> BaseChatModel:
    upstream = server()
    return ChatOpenAI(
        model="model-a",
        base_url=upstream.base_url,
        api_key=upstream.api_key,
        stream_usage=True,
        max_retries=0,
        default_headers={"connection": "close"},  # its client is shared, and outlives the event loop of a test
    )


def routed(path: str = "direct", fault: str | None = None) -> BaseChatModel:
    return ChatRouter(router=pool_router(path, fault), model="pool")


class Counting(BaseCallbackHandler):
    """Counts what a tracer would see."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.text = ""

    def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
        self.counts["start"] += 1

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.text += token if isinstance(token, str) else ""

    def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
        self.counts["end"] += 1

    def on_llm_error(self, *args: Any, **kwargs: Any) -> None:
        self.counts["error"] += 1


def merged(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    total = chunks[0]
    for chunk in chunks[1:]:
        total += chunk
    return total


def by_invoke(model: BaseChatModel, config: Any) -> Any:
    message = model.invoke(PROMPT, config)
    return message.content, message.usage_metadata["total_tokens"]


def by_batch(model: BaseChatModel, config: Any) -> Any:
    return [(m.content, m.usage_metadata["total_tokens"]) for m in model.batch([PROMPT, "second"], config)]


def by_stream(model: BaseChatModel, config: Any) -> Any:
    message = merged(list(model.stream(PROMPT, config)))
    return message.content, message.usage_metadata["total_tokens"]


def by_tool_stream(model: BaseChatModel, config: Any) -> Any:
    message = merged(list(model.bind_tools([weather]).stream("call weather for 'Paris'", config)))
    return [(c["name"], c["args"]) for c in message.tool_calls], message.usage_metadata["total_tokens"]


def by_agent(model: BaseChatModel, config: Any) -> Any:
    """Text pieces, tool arguments and usage as `stream_mode="messages"` hands them out."""
    text, arguments, tokens = "", "", 0
    agent = create_agent(model, [weather])
    for piece, _ in agent.stream({"messages": [("user", "call weather for 'Paris'")]}, config, stream_mode="messages"):
        if isinstance(piece, AIMessageChunk):
            text += piece.text
            arguments += "".join(c["args"] or "" for c in piece.tool_call_chunks)
            tokens += (piece.usage_metadata or {}).get("total_tokens", 0)
    return text, arguments, tokens


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


WAYS: list[Callable[[BaseChatModel, Any], Any]] = [by_invoke, by_batch, by_stream, by_tool_stream, by_agent]
ROUTERS = [("direct", None), ("direct", "busy"), ("litellm", None), ("litellm", "limited")]


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
@pytest.mark.parametrize("router", ROUTERS, ids=str)
def test_events_usage_and_text_are_those_of_the_model_itself(way, router):
    """Also when the first target fails: a failed attempt is no event."""
    seen = []
    for model in (plain(), routed(*router)):
        counting = Counting()
        answer = way(model, {"callbacks": [counting]})
        seen.append((answer, counting.counts, counting.text))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("router", ROUTERS, ids=str)
async def test_astream_events_v2_are_those_of_the_model_itself(router):
    """One start, one end, and the text once."""
    seen = []
    for model in (plain(), routed(*router)):
        events = [e async for e in model.astream_events(PROMPT, version="v2")]
        names = Counter(e["event"] for e in events if e["event"] != "on_chat_model_stream")
        text = "".join(e["data"]["chunk"].text for e in events if e["event"] == "on_chat_model_stream")
        seen.append((names, text, events[-1]["data"]["output"].usage_metadata["total_tokens"]))
    assert seen[0] == seen[1]


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("router", ROUTERS, ids=str)
async def test_v3_events_are_those_of_the_model_itself(router):
    """LangChain's own checker finds the stream valid; text and usage agree."""
    from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

    seen = []
    for model in (plain(), routed(*router)):
        events = list(model.stream_events(PROMPT, version="v3"))
        assert_valid_event_stream(events)
        stream = await model.astream_events(PROMPT, version="v3")
        output = await stream
        seen.append((output.text, output.usage_metadata["total_tokens"], [e["event"] for e in events if "delta" not in e["event"]]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("way", [by_invoke, by_stream], ids=lambda w: w.__name__)
def test_usage_is_counted_under_the_model_that_answered(way):
    """Not under the pool's name."""
    usage = UsageMetadataCallbackHandler()
    way(routed(fault="busy"), {"callbacks": [usage]})
    assert ["model-a"] == list(usage.usage_metadata)


@pytest.mark.parametrize("fault", ["limited", "busy", "cut"])
@pytest.mark.parametrize("path", ["direct", "litellm"])
def test_the_failing_target_was_really_tried(path, fault):
    """Or the suites would prove nothing about failover."""
    before = server("openai", fault).hits
    message = routed(path, fault).invoke(PROMPT)
    chunk = list(routed(path, fault).stream(PROMPT))[-1]
    for answer in (message, chunk):
        assert 2 == answer.response_metadata["routerkit"]["attempts"]
        assert "pool-good" == answer.response_metadata["routerkit"]["target"]
    assert 2 == server("openai", fault).hits - before


def test_message_ids_are_stable_within_a_stream():
    """LangGraph tells messages apart by them."""
    assert 1 == len({chunk.id for chunk in routed().stream(PROMPT)})


@pytest.mark.parametrize("path", ["direct", "litellm"])
@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_every_detail_of_usage_arrives(path, is_streamed):
    """The standard suite asks only whether the details are there."""
    server().script(Fault(usage=USAGE))
    model = routed(path)
    message = merged(list(model.stream(PROMPT))) if is_streamed else model.invoke(PROMPT)
    assert {"cache_creation": 40, "audio": 30} == message.usage_metadata["input_token_details"]
    assert {"audio": 20} == message.usage_metadata["output_token_details"]
