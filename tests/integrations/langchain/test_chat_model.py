"""What `ChatRouter` adds to the standard contract, on a scripted provider."""

from __future__ import annotations

import copy
import functools
import operator
import pickle

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from pydantic import ValidationError

from langchain_routerkit import ChatRouter
from routerkit import ConfigError, ProviderError, Reply, ToolCall, Usage
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.langchain.scripting import scripted
from tests.integrations.repeating import write_repeating


def test_answer_names_the_model_and_explains_itself():
    """Without a look into the ledger."""
    model, _ = scripted()
    metadata = model.invoke("hi").response_metadata
    assert ("test-model", "routerkit", "stop") == tuple(metadata[k] for k in ("model_name", "model_provider", "finish_reason"))
    ours = metadata["routerkit"]
    assert ("a", 1, pytest.approx(15e-6)) == (ours["target"], ours["attempts"], ours["cost_usd"])
    assert ours["record_id"]
    assert "picked 'a'" in ours["reason"]


def test_answer_that_repeats_another_names_the_record_it_is_from(tmp_path):
    """A paid answer, whole or streamed, names none."""
    model = ChatRouter(config=write_repeating(tmp_path), model="coding", temperature=0)
    streamed = [
        chunk.response_metadata["routerkit"] for i in range(2) for chunk in model.stream("hi") if "routerkit" in chunk.response_metadata
    ]
    paid, repeated, whole = *streamed, model.invoke("hi").response_metadata["routerkit"]
    assert [None, paid["record_id"], paid["record_id"]] == [facts["cached_from"] for facts in (paid, repeated, whole)]
    assert 3 == len({facts["record_id"] for facts in (paid, repeated, whole)})
    model.router.close()


def test_usage_has_cache_reasoning_and_audio_details():
    """As far as the provider told."""
    model, _ = scripted(Reply("x", usage=Usage(10, 5, 4, 3, 2, audio_input_tokens=1, audio_output_tokens=2)))
    usage = model.invoke("hi").usage_metadata
    assert {"cache_read": 4, "cache_creation": 3, "audio": 1} == usage["input_token_details"]
    assert {"reasoning": 2, "audio": 2} == usage["output_token_details"]


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("arguments", ['{"a":', "[1]", "1", "[" * 100_000])
def test_arguments_that_are_no_object_are_never_guessed(arguments):
    """They come as they were written."""
    model, _ = scripted(Reply("", (ToolCall("c1", "f", arguments),), "tool_calls"))
    message = model.invoke("hi")
    assert [] == message.tool_calls
    assert arguments == message.invalid_tool_calls[0]["args"]


@pytest.mark.parametrize(
    "arguments", ['{"a":', '{"a": "x', '{"a": "x\\\\', '{"a": [1', '{"a": ["x', '{"a": {"b": 1}', '{"a": 1} and more', "[1]", "nothing"]
)
def test_arguments_that_are_no_object_are_not_guessed_in_a_stream_either(arguments):
    """LangChain closes what is open when it puts chunks together, and an agent would run the tool on half a text."""
    model, _ = scripted(Reply("", (ToolCall("c0", "f", '{"a": 1}'), ToolCall("c1", "f", arguments)), "tool_calls"))
    message = functools.reduce(operator.add, model.stream("hi"))
    assert ["c0"] == [call["id"] for call in message.tool_calls]
    assert "c1" == message.invalid_tool_calls[0]["id"]
    assert message.invalid_tool_calls[0]["args"].startswith(arguments)


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_blocks_of_a_call_that_cannot_be_read_are_as_it_was_written(version):
    """The mark against completing it is in none of them; v3 events are made of blocks."""
    model, _ = scripted(Reply("", (ToolCall("c1", "f", '{"a": "x'),), "length"), output_version=version)
    (call,) = model.stream_events("hi", version="v3").output.invalid_tool_calls
    assert ("c1", '{"a": "x') == (call["id"], call["args"])
    assert "]" not in "".join(str(block.get("args")) for chunk in model.stream("hi") for block in chunk.content_blocks)


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


def test_extra_body_is_part_of_the_body():
    """As ChatOpenAI's users write what their server knows and OpenAI does not."""
    model, provider = scripted(extra_body={"top_k": 3, "min_p": 0.1}, seed=1)
    model.invoke("hi", extra_body={"top_k": 4})
    assert {"top_k": 4, "min_p": 0.1, "seed": 1} == provider.requests[0].extra


def test_one_tag_may_be_a_text():
    """Its letters are no tags."""
    model, provider = scripted()
    model.invoke("hi", tags="legacy")
    assert ("legacy",) == provider.requests[0].tags


def test_unknown_constructor_argument_is_refused():
    """A typo must not be a silent default."""
    with pytest.raises(ValidationError, match="temprature"):
        scripted(temprature=1)


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


def test_copies_share_the_router_and_pickles_load_it_again(tmp_path, monkeypatch):
    """Processes and copies of an agent call models that were made elsewhere."""
    monkeypatch.chdir(tmp_path)
    model = ChatRouter(config=write_repeating(tmp_path).name, model="coding", temperature=0)
    assert model.router is copy.deepcopy(model).router is model.model_copy(deep=True).router
    stored = pickle.dumps(model.bind(max_tokens=7))
    monkeypatch.chdir("/")
    again = pickle.loads(stored)
    assert ("coding", 0) == (again.bound.model, again.bound.temperature)
    assert model.invoke("hi").text == again.invoke("hi").text
    model.router.close()


def test_a_model_on_a_given_router_cannot_be_pickled():
    """Its providers hold keys and connections."""
    with pytest.raises(ConfigError, match="build it with config="):
        pickle.dumps(scripted()[0])


def test_several_generations_tell_all_their_tokens():
    """Evaluators read `llm_output`."""
    model, _ = scripted()
    tokens = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
    assert {"token_usage": tokens, "model_name": "test-model"} == model.generate([[HumanMessage("a")], [HumanMessage("b")]]).llm_output


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
