"""What `ChatRouter` adds to the standard contract, on a scripted provider."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelError
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from pydantic import BaseModel, ValidationError

from langchain_routerkit import ChatRouter, RoutedError
from routerkit import Chunk, ProviderError, Reply, ToolCall, UnknownModelError, Usage
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def scripted(*script: Any, **options: Any) -> tuple[ChatRouter, ScriptedProvider]:
    provider = ScriptedProvider(script or [make_reply("a good answer")])
    return ChatRouter(router=make_router({"a": provider}), **options), provider


def run(model: Any, way: str, *args: Any, **kwargs: Any) -> None:
    if way == "invoke":
        model.invoke(*args, **kwargs)
    else:
        list(model.stream(*args, **kwargs))


async def arun(model: Any, way: str, *args: Any, **kwargs: Any) -> None:
    if way == "ainvoke":
        await model.ainvoke(*args, **kwargs)
    else:
        async for _ in model.astream(*args, **kwargs):
            pass


def test_answer_names_the_model_and_explains_itself():
    """Without a look into the ledger."""
    model, _ = scripted()
    metadata = model.invoke("hi").response_metadata
    assert ("test-model", "routerkit", "stop") == tuple(metadata[k] for k in ("model_name", "model_provider", "finish_reason"))
    ours = metadata["routerkit"]
    assert ("a", 1, pytest.approx(15e-6)) == (ours["target"], ours["attempts"], ours["cost_usd"])
    assert ours["record_id"]
    assert "picked 'a'" in ours["reason"]


def test_usage_has_cache_reasoning_and_audio_details():
    """As far as the provider told."""
    model, _ = scripted(Reply("x", usage=Usage(10, 5, 4, 3, 2, audio_input_tokens=1, audio_output_tokens=2)))
    usage = model.invoke("hi").usage_metadata
    assert {"cache_read": 4, "cache_creation": 3, "audio": 1} == usage["input_token_details"]
    assert {"reasoning": 2, "audio": 2} == usage["output_token_details"]


@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "1"])
def test_arguments_that_are_no_object_are_never_guessed(arguments):
    """They come as they were written."""
    model, _ = scripted(Reply("", (ToolCall("c1", "f", arguments),), "tool_calls"))
    message = model.invoke("hi")
    assert [] == message.tool_calls
    assert arguments == message.invalid_tool_calls[0]["args"]


def test_call_options_override_the_constructors():
    """Everything that can be set once can be set per call, bound or given."""
    model, provider = scripted(temperature=0.1, max_tokens=5, kind="explain", agent="planner", session="s", timeout=9, seed=1, tags=["x"])
    model.bind(temperature=0.2).invoke(
        "hi", max_tokens=6, kind="review", agent="coder", session="t", timeout=8, seed=2, tags=["y"], stop=["z"]
    )
    request = provider.requests[0]
    assert (0.2, 6, "review", "coder", "t") == (request.temperature, request.max_tokens, request.kind, request.agent, request.session)
    assert (("x", "y"), ("z",), {"seed": 2}) == (request.tags, request.stop, request.extra)
    assert 7 < request.timeout_s <= 8


def test_other_chat_models_constructor_arguments_work():
    """The change of an existing agent is one line."""
    model, provider = scripted(
        model_name="pool", max_completion_tokens=7, request_timeout=3, top_p=0.5, api_key="unused", base_url="http://x", max_retries=5
    )
    model.invoke("hi")
    assert (7, {"top_p": 0.5}) == (provider.requests[0].max_tokens, provider.requests[0].extra)
    assert "unused" not in repr(model)


def test_unknown_constructor_argument_is_refused():
    """A typo must not be a silent default."""
    with pytest.raises(ValidationError, match="temprature"):
        scripted(temprature=1)


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_thread_id_of_a_direct_call_becomes_the_session(way):
    """LangChain itself hands it to no model."""
    model, provider = scripted()
    run(model.bind(seed=1), way, "hi", {"configurable": {"thread_id": "t1"}})
    run(model, way, "hi")
    assert ["t1", None] == [r.session for r in provider.requests]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_thread_id_of_a_direct_async_call_becomes_the_session(way):
    """As above."""
    model, provider = scripted()
    await arun(model, way, "hi", {"configurable": {"thread_id": "t1"}})
    assert "t1" == provider.requests[0].session


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_thread_id_reaches_event_streams(version):
    """They are pumped later, where no context variable of the call is left."""
    model, provider = scripted()
    events = model.astream_events("hi", {"configurable": {"thread_id": "t1"}}, version=version)
    async for _ in events if version == "v2" else await events:
        pass
    assert "t1" == provider.requests[0].session


@pytest.mark.parametrize("mode", ["values", "messages"])
async def test_thread_id_of_a_graph_becomes_the_session(mode):
    """Inside a node the model is called without a config."""
    model, provider = scripted()

    async def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("n", node).add_edge(START, "n").compile()
    async for _ in graph.astream({"messages": [("user", "hi")]}, {"configurable": {"thread_id": "t1"}}, stream_mode=mode):
        pass
    assert "t1" == provider.requests[0].session


def test_config_of_one_call_is_not_seen_by_the_next():
    """Also not through a stream that was left half read."""
    model, provider = scripted()
    stream = model.stream("hi", {"configurable": {"thread_id": "t1"}})
    next(stream)
    model.invoke("hi")
    stream.close()
    assert ["t1", None] == [r.session for r in provider.requests]


def test_batch_keeps_sessions_apart():
    """Each input has its own config."""
    model, provider = scripted()
    model.batch(["a", "b"], [{"configurable": {"thread_id": t}} for t in "xy"])
    assert {("a", "x"), ("b", "y")} == {(r.messages[0]["content"], r.session) for r in provider.requests}


def test_cached_answers_end_with_the_policy_that_gave_them():
    """LangChain's cache asks `_identifying_params`."""
    from dataclasses import replace

    model, provider = scripted(cache=InMemoryCache())
    model.invoke("hi")
    model.invoke("hi", {"configurable": {"thread_id": "other"}})
    assert 1 == len(provider.requests)
    model.router.swap(replace(model.router.state, revision="new"))
    model.invoke("hi")
    assert 2 == len(provider.requests)


def test_profile_is_what_every_target_can_do():
    """The smallest window; a capability only if all have it; unknown stays unknown."""
    targets = [
        make_target("a", context_tokens=8_000, can={"tools": True, "vision": True}),
        make_target("b", context_tokens=32_000, can={"tools": True, "vision": False}),
    ]
    model = ChatRouter(router=make_router({}, targets=targets))
    assert {"max_input_tokens": 8_000, "tool_calling": True, "image_inputs": False}.items() <= model.profile.items()
    assert "structured_output" not in model.profile


def test_tokens_are_counted_offline():
    """LangChain's default loads a tokenizer from the internet."""
    model, _ = scripted()
    assert 3 == model.get_num_tokens("twelve chars")
    few = model.get_num_tokens_from_messages([HumanMessage("x" * 400)])
    assert 100 <= few <= 102
    assert few < model.get_num_tokens_from_messages([HumanMessage("x" * 400)], tools=[{"name": "f", "description": "d", "parameters": {}}])


def test_models_of_one_file_share_their_router(tmp_path):
    """And so what it learned about health."""
    path = tmp_path / "routerkit.toml"
    path.write_text(
        '[providers.p]\nkind="openai"\nbase_url="http://127.0.0.1:9/v1"\n[targets.t]\nprovider="p"\nmodel="m"\n[pools.c]\ntargets=["t"]\n'
    )
    first, second = ChatRouter(config=path), ChatRouter(config=str(path), model="c/t")
    assert first.router is second.router
    assert ("c", "c/t") == (first.model, second.model)


def test_stream_without_usage():
    """As `stream_usage=False` says elsewhere."""
    model, _ = scripted(stream_usage=False)
    assert all(c.usage_metadata is None for c in model.stream("hi"))
    assert any(c.usage_metadata for c in model.stream("hi", stream_usage=True))


def test_reasoning_and_refusal_are_content_blocks_and_fields():
    """A translator is registered for our answers."""
    model, _ = scripted(Reply("x", reasoning="because", refusal="no"))
    message = model.invoke("hi")
    assert [{"type": "reasoning", "reasoning": "because"}, {"type": "text", "text": "x"}] == message.content_blocks
    assert "no" == message.additional_kwargs["refusal"]


class Point(BaseModel):
    """A point."""

    x: int


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured_output_with_raw_reports_what_cannot_be_read(method):
    """Instead of raising."""
    model, _ = scripted(make_reply("no json"))
    result = model.with_structured_output(Point, method=method, include_raw=True).invoke("hi")
    assert result["parsed"] is None
    assert result["parsing_error"] is not None
    assert "no json" == result["raw"].content


def test_strict_schema_is_sent():
    """Name, schema and strictness in the body."""
    model, provider = scripted(make_reply('{"x": 1}'))
    assert Point(x=1) == model.with_structured_output(Point, strict=True).invoke("hi")
    sent = provider.requests[0].response_format["json_schema"]
    assert ("Point", True, False) == (sent["name"], sent["strict"], sent["schema"]["additionalProperties"])


def test_structured_output_falls_back_to_tools_where_schemas_are_known_not_to_work():
    """Else every target of the pool would be dropped."""
    provider = ScriptedProvider([Reply("", (ToolCall("c", "Point", '{"x": 2}'),), "tool_calls")])
    model = ChatRouter(router=make_router({"a": provider}, targets=[make_target("a", can={"json_schema": False})]))
    assert Point(x=2) == model.with_structured_output(Point).invoke("hi")


def test_choice_of_a_tool_that_is_not_there_is_refused():
    """The provider's answer to it would cost a call."""
    with pytest.raises(ValueError, match="tool_choice 'g' is no tool of this call; it has Point"):
        scripted()[0].bind_tools([Point], tool_choice="g")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("any", "required"),
        (True, "required"),
        ("auto", "auto"),
        ("Point", {"type": "function", "function": {"name": "Point"}}),
        ({"type": "tool", "name": "Point"}, {"type": "function", "function": {"name": "Point"}}),
        ({"type": "any"}, "required"),
        (None, None),
    ],
)
def test_every_way_to_choose_a_tool(choice, sent):
    """LangChain's, OpenAI's and Anthropic's."""
    model, provider = scripted()
    model.bind_tools([Point], tool_choice=choice).invoke("hi")
    assert sent == provider.requests[0].tool_choice


def test_no_tools_means_no_tool_parameters():
    """Providers refuse an empty list."""
    model, provider = scripted()
    model.bind_tools([], tool_choice="any").invoke("hi")
    assert ((), None) == (provider.requests[0].tools, provider.requests[0].tool_choice)


ERRORS = [
    (ProviderError("x", code="rate_limit", status=429), "ModelRateLimitError", True),
    (ProviderError("x", code="overloaded", status=503), "ModelAPIError", True),
    (ProviderError("x", code="connect"), "ModelConnectionError", True),
    (ProviderError("x", code="timeout"), "ModelTimeoutError", True),
    (ProviderError("x", code="truncated"), "ModelAPIError", True),
    (ProviderError("x", code="auth", status=401), "ModelAuthenticationError", False),
    (ProviderError("x", code="auth", status=403), "ModelPermissionDeniedError", False),
    (ProviderError("x", code="quota", status=402), "ModelPermissionDeniedError", False),
    (ProviderError("x", code="not_found", status=404), "ModelNotFoundError", False),
    (ProviderError("x", code="context_length", status=400), "ContextOverflowError", False),
    (ProviderError("x", code="invalid_request", status=400), "ModelInvalidRequestError", False),
]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize(("error", "name", "is_retryable"), ERRORS, ids=lambda v: getattr(v, "code", str(v)))
def test_failures_are_langchains_and_ours(error, name, is_retryable, way):
    """LangChain's retry middleware reads `is_retryable`; our record is one attribute away."""
    model, _ = scripted(error)
    with pytest.raises(ModelError) as caught:
        run(model, way, "hi")
    raised = caught.value
    assert name in {c.__name__ for c in type(raised).__mro__}
    assert is_retryable == raised.is_retryable
    assert isinstance(raised, ProviderError)
    assert isinstance(raised, RoutedError)
    assert error.code == raised.error.last.code


def test_unknown_pool_is_refused_before_the_first_call():
    """With the nearest name."""
    with pytest.raises(UnknownModelError, match="did you mean 'pool'"):
        scripted(model="pol")
    model, provider = scripted()
    with pytest.raises(ModelError, match="did you mean 'pool'"):
        model.invoke("hi", model="pol")
    assert [] == provider.requests


def test_unknown_task_kind_is_refused():
    """It would be routed as if nothing had been said."""
    with pytest.raises(RoutedError, match="unknown task kind 'explian'"):
        scripted()[0].invoke("hi", kind="explian")


TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
BAD_INPUT = [
    (
        "tools",
        {"can": {"tools": False}},
        [HumanMessage("hi")],
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        "cannot do tools",
    ),
    ("image", {"can": {"vision": False}}, [HumanMessage([PNG])], {}, "cannot do vision"),
    ("long", {"context_tokens": 100}, [HumanMessage("word " * 500)], {}, "needs about 971 tokens > 100"),
]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize(("_", "target", "messages", "options", "why"), BAD_INPUT, ids=lambda v: v if isinstance(v, str) else "")
def test_request_that_no_target_can_take_names_each_and_sends_nothing(_, target, messages, options, why, way):
    """Typed, not retryable, complete."""
    providers = {name: ScriptedProvider([make_reply()]) for name in "ab"}
    model = ChatRouter(router=make_router(providers, targets=[make_target(name, **target) for name in "ab"]))
    with pytest.raises(RoutedError) as caught:
        run(model, way, messages, **options)
    assert all(f"{name} dropped by" in str(caught.value) for name in "ab")
    assert why in str(caught.value)
    assert not caught.value.is_retryable
    assert [] == providers["a"].requests + providers["b"].requests


def test_prompt_longer_than_every_window_is_an_overflow_to_langchain():
    """Its summarising middleware waits for that type."""
    from langchain_core.exceptions import ContextOverflowError

    model = ChatRouter(router=make_router({"a": ScriptedProvider([make_reply()])}, targets=[make_target("a", context_tokens=100)]))
    with pytest.raises(ContextOverflowError):
        model.invoke("word " * 500)


def test_stream_that_breaks_after_content_raises_and_keeps_what_came():
    """No other model's text is spliced in."""
    provider = ScriptedProvider([ProviderError("cut", code="disconnected")], break_after=2)
    model = ChatRouter(router=make_router({"a": provider, "b": ScriptedProvider([make_reply()])}))
    got: list[str] = []
    with pytest.raises(RoutedError, match="broke after content"):
        got.extend(chunk.text for chunk in model.stream("hi"))
    assert ["part0 ", "part1 "] == got


def test_streams_close_their_upstream_when_left():
    """A caller who stops reading stops paying."""
    closed: list[bool] = []

    class Endless(ScriptedProvider):
        def stream(self, request: Any) -> Any:
            try:
                while True:
                    yield Chunk(text="x")
            finally:
                closed.append(True)

    stream = ChatRouter(router=make_router({"a": Endless([])})).stream("hi")
    next(stream)
    stream.close()
    assert [True] == closed


def test_works_in_chains():
    """It is a Runnable like any other model."""
    model, _ = scripted()
    assert "A GOOD ANSWER" == (model | RunnableLambda(lambda m: m.content.upper())).invoke("hi")


def test_tool_loop_goes_back_to_the_target_that_began_it():
    """Its name travels in the message."""
    call = Reply("", (ToolCall("c1", "f", "{}"),), "tool_calls")
    providers = {
        "a": ScriptedProvider([ProviderError("x", code="overloaded"), make_reply("from a")]),
        "b": ScriptedProvider([call, make_reply("from b")]),
    }
    model = ChatRouter(router=make_router(providers))
    first = model.invoke("go")
    history = [HumanMessage("go"), AIMessage.model_validate(first.model_dump()), ToolMessage("42", tool_call_id="c1")]
    assert "from b" == model.invoke(history).content
    assert "from a" == model.invoke([*history, AIMessage("done"), HumanMessage("next")]).content
