"""What the list of 32 leaves open: counting, failures, settings and copies."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler

from llama_index.llms.routerkit import RouterLLM
from routerkit import ConfigError, NoCandidateError, StreamBrokenError, UnknownModelError
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.llamaindex.conftest import Upstream
from tests.integrations.llamaindex.suite import ADD, HELLO, scripted
from tests.integrations.repeating import write_repeating
from tests.servers.fault import Fault

# Counting and events


async def test_token_counting_handler_counts_what_the_provider_reported(upstream: Upstream) -> None:
    """Whole, streamed and async calls are all counted with the provider's own numbers."""
    counter = TokenCountingHandler(tokenizer=lambda text: [0] * 1_000)
    llm = upstream.llm(callback_manager=CallbackManager([counter]))
    llm.chat(HELLO)
    list(llm.stream_chat(HELLO))
    [r async for r in await llm.astream_complete("Say hello")]
    assert [(3, 5)] * 3 == [(c.prompt_token_count, c.completion_token_count) for c in counter.llm_token_counts]


def test_callback_handlers_see_one_event_per_call(upstream: Upstream) -> None:
    """`complete` is one LLM event, not one of its own and another of the chat beneath it."""
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = upstream.llm(callback_manager=CallbackManager([debug]))
    llm.complete("Say hello")
    list(llm.stream_complete("Say hello"))
    assert 2 == len(debug.get_event_pairs(CBEventType.LLM))


def test_response_says_what_routerkit_did(upstream: Upstream) -> None:
    """Record, target, attempts, cost and reason are on the response, streamed or not, and travel with the message."""
    llm = upstream.llm()
    for response in (llm.chat(HELLO), list(llm.stream_chat(HELLO))[-1]):
        facts = response.additional_kwargs["routerkit"]
        assert {"record_id", "target", "attempts", "cost_usd", "reason", "verified", "cached_from"} == facts.keys()
        assert ("good", 1, pytest.approx(13e-6)) == (facts["target"], facts["attempts"], facts["cost_usd"])
        assert facts == response.message.additional_kwargs["routerkit"]
        assert json.dumps(response.message.model_dump(mode="json"))


def test_response_that_repeats_another_names_the_record_it_is_from(tmp_path: Path) -> None:
    """A paid answer, whole or streamed, names none."""
    llm = RouterLLM(config=write_repeating(tmp_path), model="coding", temperature=0)
    paid, whole, streamed = llm.chat(HELLO), llm.chat(HELLO), list(llm.stream_chat(HELLO))[-1]
    first, *repeated = (response.additional_kwargs["routerkit"] for response in (paid, whole, streamed))
    assert [None, first["record_id"], first["record_id"]] == [facts["cached_from"] for facts in (first, *repeated)]
    assert 3 == len({facts["record_id"] for facts in (first, *repeated)})
    llm.router.close()


def test_reply_with_reasoning_has_a_thinking_block_and_thinking_deltas(upstream: Upstream) -> None:
    """Reasoning is a block of its own; agents read it piecewise from `thinking_delta`."""
    upstream.good.script(Fault(text="yes", reasoning="because"), Fault(text="yes", reasoning="because"))
    llm = upstream.llm()
    whole = llm.chat(HELLO).message
    assert ("yes", "because") == (whole.content, whole.blocks[0].content)
    seen = list(llm.stream_chat(HELLO))
    assert "because" == "".join(r.additional_kwargs.get("thinking_delta", "") for r in seen)
    assert whole.blocks == seen[-1].message.blocks


def test_refusal_is_shown_as_text(upstream: Upstream) -> None:
    """A refusal does not look like an empty answer."""
    upstream.good.script(Fault(refusal="I may not."), Fault(refusal="I may not."))
    llm = upstream.llm()
    assert "I may not." == llm.chat(HELLO).message.content
    assert "I may not." == list(llm.stream_chat(HELLO))[-1].message.content


# Failures


def test_stream_that_breaks_after_content_raises_and_is_not_continued(upstream: Upstream) -> None:
    """Nobody gets two halves of different answers."""
    upstream.good.script(Fault(text="one two three four", cut_after=3))
    llm, seen = upstream.llm(), []
    with pytest.raises(StreamBrokenError):
        seen.extend(llm.stream_chat(HELLO))
    assert 1 == upstream.good.hits


async def test_abandoned_stream_is_closed_upstream(upstream: Upstream) -> None:
    """Closing the response stream ends the request at the server."""
    upstream.good.script(Fault(text="word " * 200, stall_after=5))
    stream = await upstream.llm().astream_chat(HELLO)
    await anext(stream)
    await stream.aclose()
    del stream
    gc.collect()  # LlamaIndex's own wrapper leaves the inner stream to the collector
    assert await asyncio.to_thread(upstream.good.wait_until_idle)


def test_unknown_pool_is_refused_when_the_llm_is_made(upstream: Upstream) -> None:
    """With the nearest name."""
    with pytest.raises(UnknownModelError, match="did you mean 'coding'"):
        upstream.llm(model="codign")


def test_tools_without_a_target_that_can_call_them() -> None:
    """The error names the target and why it was dropped; nothing is sent."""
    provider = ScriptedProvider([make_reply()])
    router = make_router({"mute": provider}, targets=[make_target("mute", can={"tools": False})])
    llm = RouterLLM(router=router, model="pool")
    assert not llm.metadata.is_function_calling_model
    with pytest.raises(NoCandidateError, match="mute"):
        llm.chat_with_tools([ADD], user_msg="add")
    assert [] == provider.requests


def test_neither_config_nor_router() -> None:
    """One of the two is needed."""
    with pytest.raises(ConfigError, match="exactly one"):
        RouterLLM(model="coding")


# Settings


def test_fields_and_keywords_reach_the_request() -> None:
    """Fields hold for every call, keywords win for one call, None changes nothing, unknown keywords pass through."""
    llm, provider = scripted(kind="review", agent="planner", tags="legacy", temperature=1.9, additional_kwargs={"seed": 7})
    llm.chat(HELLO, session="s1", temperature=None, stop="END", kind="refactor", top_p=0.5)
    sent = provider.requests[-1]
    assert ("refactor", "planner", "s1", ("legacy",), 1.9, ("END",)) == (
        sent.kind,
        sent.agent,
        sent.session,
        sent.tags,
        sent.temperature,
        sent.stop,
    )
    assert {"seed": 7, "top_p": 0.5} == sent.extra


def test_settings_may_be_changed_later() -> None:
    """Fields are read at each call; a copy shares the router."""
    llm, provider = scripted()
    twin = llm.model_copy(update={"session": "s2"})
    llm.temperature = 0.25
    llm.chat(HELLO)
    twin.chat(HELLO)
    assert [(0.25, None), (None, "s2")] == [(r.temperature, r.session) for r in provider.requests]


@pytest.mark.parametrize("name", ["api_key", "base_url", "Extra_Headers"])
def test_keys_are_refused_as_keyword_arguments(name: str) -> None:
    """So that none can appear in what is stored or traced; the error does not repeat the value."""
    with pytest.raises(ValueError, match="configuration file") as caught:
        scripted(additional_kwargs={name: "sk-secret-value"})
    assert "sk-secret-value" not in str(caught.value)


def test_keys_are_refused_in_calls() -> None:
    """They would be sent to the target as a parameter."""
    llm, provider = scripted()
    with pytest.raises(ValueError, match="configuration file"):
        llm.chat(HELLO, api_key="sk-secret-value")
    assert not provider.requests


@pytest.mark.parametrize("wrong", [{"temprature": 1}, {"timeout": 3}, {"max_retries": 2}, {"tags": 5}, {"stop": 5}])
def test_settings_that_do_not_exist_are_refused(wrong: dict[str, Any]) -> None:
    """A typo must not be a silent default."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        scripted(**wrong)


def test_unknown_task_kind_is_refused() -> None:
    """It would be taken for no kind at all."""
    with pytest.raises(ValueError, match="unknown task kind 'explan'; use one of explain"):
        scripted()[0].chat(HELLO, kind="explan")


def test_metadata_is_the_least_of_the_pool() -> None:
    """Shortest known window; no function calling if one target is known not to; both can be overruled."""
    targets = [make_target("a", context_tokens=8_000, can={"tools": True}), make_target("b", context_tokens=4_000, can={"tools": False})]
    router = make_router({t.name: ScriptedProvider([make_reply()]) for t in targets}, targets=[*targets, make_target("a2")])
    found = RouterLLM(router=router, model="pool", max_tokens=500).metadata
    assert (4_000, 500, False) == (found.context_window, found.num_output, found.is_function_calling_model)
    assert 8_000 == RouterLLM(router=router, model="pool/a").metadata.context_window
    assert 8_000 == RouterLLM(router=router, model="a").metadata.context_window
    told = RouterLLM(router=router, model="pool", context_window=6_000, is_function_calling_model=True).metadata
    assert (6_000, True) == (told.context_window, told.is_function_calling_model)


# Copies


def test_pickle_with_config_loads_the_router_again(upstream: Upstream) -> None:
    """A pickle holds the path, never a key, and the copy works."""
    llm = upstream.llm(session="s1")
    stored = pickle.dumps(llm)
    assert upstream.good.api_key.encode() not in stored
    again = pickle.loads(stored)
    upstream.llms.append(again)
    assert ("You said: Say hello", "s1") == (again.chat(HELLO).message.content, again.session)


def test_pickle_without_config_says_what_to_do() -> None:
    """A router cannot be stored."""
    again = pickle.loads(pickle.dumps(scripted()[0]))
    with pytest.raises(ConfigError, match="config="):
        again.chat(HELLO)


def test_pickle_holds_the_whole_path(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers have a folder of their own; and if the file is not there, that is what they are told."""
    path = Path(str(upstream.llm().config))
    monkeypatch.chdir(path.parent)
    llm = RouterLLM(config=path.name, model="coding")
    stored = pickle.dumps(llm)
    monkeypatch.chdir(tmp_path)
    again = pickle.loads(stored)
    upstream.llms += [llm, again]
    assert again.chat(HELLO).message.content
    path.rename(tmp_path / "moved.toml")
    with pytest.raises(ConfigError, match="no such file"):
        pickle.loads(stored).chat(HELLO)


def test_from_dict_restores(upstream: Upstream) -> None:
    """`to_dict` and `from_dict` are inverse."""
    llm = upstream.llm(kind="review", stop=("END",))
    again = RouterLLM.from_dict(llm.to_dict())
    upstream.llms.append(again)
    assert llm.to_dict() == again.to_dict()


def test_deep_copy_shares_the_router() -> None:
    """Connections and health belong to the process."""
    llm, _ = scripted()
    assert llm.router is copy.deepcopy(llm).router
