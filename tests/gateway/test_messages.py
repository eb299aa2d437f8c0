"""What Anthropic's own SDK sees through the gateway."""

from __future__ import annotations

import json

import anthropic
import openai
import pytest

from routerkit.gateway.anthropic import chat_body
from routerkit.messages import text_of
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault

ASK = {"model": "coding", "max_tokens": 200, "messages": [{"role": "user", "content": "Say hello."}]}
TOOL = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client(served):
    with anthropic.Anthropic(base_url=served.url, api_key="unused", max_retries=0) as client:
        yield client


def test_whole_answer_has_text_stop_reason_and_usage(served, client):
    served.first.script(Fault(text="hello there"))
    raw = client.messages.with_raw_response.create(**ASK)
    answer = raw.parse()
    assert ("hello there", "end_turn") == (answer.content[0].text, answer.stop_reason)
    assert answer.usage.input_tokens > 0
    assert "cheap" == raw.headers["x-routerkit-target"]


def test_streamed_answer_is_put_together_by_the_sdk(served, client):
    served.first.script(Fault(text="one two three"))
    with client.messages.stream(**ASK) as stream:
        assert "one two three" == "".join(stream.text_stream)
        final = stream.get_final_message()
    assert ("end_turn", True) == (final.stop_reason, final.usage.output_tokens > 0)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_loop_goes_round(served, client, is_streamed):
    ask = {**ASK, "tools": [TOOL], "tool_choice": {"type": "any"}}
    if is_streamed:
        with client.messages.stream(**ask) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**ask)
    call = answer.content[-1]
    assert ("tool_use", "get_weather", {"city"}) == (answer.stop_reason, call.name, set(call.input))
    result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "sunny"}]}
    told = [*ASK["messages"], {"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
    assert client.messages.create(**{**ASK, "messages": told, "tools": [TOOL]}).content[0].text
    sent = served.first.bodies[-1]["messages"]
    assert [("assistant", call.id), ("tool", call.id)] == [("assistant", sent[1]["tool_calls"][0]["id"]), ("tool", sent[2]["tool_call_id"])]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_call_that_ends_with_stop_is_still_one_to_make(served, client, is_streamed):
    """What OpenAI and many servers say when the call was forced; Anthropic's clients make no calls at the end of a turn."""
    served.first.script(Fault(tool_calls=[("get_weather", '{"city": "Rome"}')], finish_reason="stop"))
    if is_streamed:
        with client.messages.stream(**ASK, tools=[TOOL]) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**ASK, tools=[TOOL])
    assert ("tool_use", {"city": "Rome"}) == (answer.stop_reason, answer.content[-1].input)


def test_system_images_and_stops_are_carried_over(served, client):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
    content = [{"type": "text", "text": "what is it?"}, image]
    client.messages.create(
        model="coding", max_tokens=9, system="Be brief.", stop_sequences=["END"], messages=[{"role": "user", "content": content}]
    )
    sent = served.first.bodies[-1]
    assert {"role": "system", "content": "Be brief."} == sent["messages"][0]
    assert "data:image/png;base64,iVBORw0KGgo=" == sent["messages"][1]["content"][1]["image_url"]["url"]
    assert (["END"], 9) == (sent["stop"], sent["max_tokens"])


def test_failing_target_is_not_noticed(served, client):
    served.first.script(Fault(status=503), Fault(status=503), Fault(status=503))
    assert client.messages.create(**ASK).content[0].text
    assert 1 == served.second.hits


def test_errors_have_anthropics_shape(served, client):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(**{**ASK, "model": "nonsense"})
    assert "not_found_error" == caught.value.body["error"]["type"]
    with pytest.raises(anthropic.BadRequestError, match="runs at one provider only"):
        client.messages.create(**ASK, tools=[{"type": "web_search_20250305", "name": "web_search"}])


def test_stream_that_breaks_is_an_error_of_the_sdk(served, client):
    served.first.script(Fault(text="one two three four five six", cut_after=4))
    with pytest.raises(anthropic.APIError, match="broke after"), client.messages.stream(**ASK) as stream:
        list(stream.text_stream)


def test_tokens_are_counted_without_a_call(served, client):
    assert client.messages.count_tokens(model="coding", messages=ASK["messages"]).input_tokens > 0
    assert 0 == served.first.hits


MARK = {"cache_control": {"type": "ephemeral"}}


def test_cache_marks_stay_where_the_caller_put_them():
    result = {"type": "tool_result", "tool_use_id": "a", "content": "sunny", **MARK}
    call = {"type": "tool_use", "id": "a", "name": "get_weather", "input": {}}
    messages = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result, {"type": "text", "text": "go on", **MARK}]}]
    chat = chat_body({**ASK, "messages": messages, "tools": [{**TOOL, **MARK}], "system": [{"type": "text", "text": "x", **MARK}]})
    assert MARK.items() <= chat["tools"][0].items()
    assert [MARK, {}, MARK, MARK] == [_mark_of(message) for message in chat["messages"]]


def test_turn_reads_the_same_once_its_mark_has_moved_on(served, client):
    """A provider's prompt cache compares what it gets byte by byte: another shape is another beginning."""
    note, question = {"type": "text", "text": "today is Friday"}, {"type": "text", "text": "weather?"}
    later = [{"role": "assistant", "content": "where?"}, {"role": "user", "content": [{"type": "text", "text": "here", **MARK}]}]
    client.messages.create(**{**ASK, "messages": [{"role": "user", "content": [note, {**question, **MARK}]}]})
    client.messages.create(**{**ASK, "messages": [{"role": "user", "content": [note, question]}, *later]})
    first, second = ([_text(m) for m in body["messages"]] for body in served.first.bodies)
    assert first == second[:1] == [["today is Friday\nweather?"]]


@pytest.mark.parametrize("content", ["hi", [{"type": "text", "text": "a"}, {"type": "text", "text": "hi"}]])
def test_mark_of_the_whole_request_is_one_at_its_end(content):
    messages = chat_body({**ASK, **MARK, "messages": [*ASK["messages"], {"role": "user", "content": content}]})["messages"]
    assert [{}, MARK] == [_mark_of(message) for message in messages]
    assert messages[-1]["content"][-1]["text"].endswith("hi")


def test_tools_that_anthropic_runs_are_left_out_beside_own_ones(served, client):
    search = {"type": "web_search_20250305", "name": "web_search"}
    client.messages.create(**ASK, tools=[search, TOOL])
    assert ["get_weather"] == [tool["function"]["name"] for tool in served.first.bodies[0]["tools"]]
    with pytest.raises(anthropic.BadRequestError, match="no tool that you run"):
        client.messages.create(**ASK, tools=[search, TOOL], tool_choice={"type": "tool", "name": "web_search"})


def test_structured_output_is_carried_over(served, client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    client.messages.create(**ASK, extra_body={"output_config": {"format": {"type": "json_schema", "schema": schema}}})
    assert schema == served.first.bodies[0]["response_format"]["json_schema"]["schema"]


def test_tool_runner_goes_on_without_the_thread_that_it_asks_for_first(served, client):
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"sunny in {city}"

    served.first.script(Fault(tool_calls=[("get_weather", '{"city": "Rome"}')]), Fault(text="sunny"))
    assert "sunny" == client.beta.messages.tool_runner(**ASK, tools=[get_weather]).until_done().content[0].text
    assert "sunny in Rome" == served.first.bodies[-1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    "fields", [{"speed": "fast"}, {"mcp_servers": []}, {"container": None}, {"diagnostics": {"previous_message_id": "m"}}]
)
def test_what_changes_nothing_is_no_reason_to_refuse(fields):
    assert chat_body({**ASK, **fields}) == chat_body(ASK)


TEXTS = [
    {"type": "search_result", "source": "a.md", "title": "A", "content": [{"type": "text", "text": "found"}]},
    {"type": "document", "source": {"type": "content", "content": "found"}},
]


@pytest.mark.parametrize("block", TEXTS)
def test_blocks_of_text_are_carried_over_as_text(block):
    messages = chat_body({**ASK, "messages": [{"role": "user", "content": [block]}]})["messages"]
    assert "found" in messages[0]["content"]


def test_tools_that_a_search_found_are_named():
    """Claude Code's search for tools."""
    use = {"type": "tool_use", "id": "t", "name": "ToolSearch", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "tool_reference", "tool_name": "mcp__x__y"}]}
    told = [*ASK["messages"], {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    assert "mcp__x__y" in chat_body({**ASK, "messages": told})["messages"][-1]["content"]


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    "content", ["no such file", [{"type": "text", "text": "no such file", "cache_control": {"type": "ephemeral"}}], [IMAGE], []]
)
def test_failed_tool_is_told_as_one_whatever_it_says(content):
    use = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": content}
    told = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    said = chat_body({"model": "m", "max_tokens": 9, "messages": told})["messages"][2]["content"]
    assert text_of(said).startswith("Error")


def test_documents_are_carried_over():
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
    part = chat_body({**ASK, "messages": [{"role": "user", "content": [pdf]}]})["messages"][0]["content"][0]
    assert ("file", "data:application/pdf;base64,JVBERi0=") == (part["type"], part["file"]["file_data"])


def test_thinking_is_shown_to_those_who_asked_for_it(served, client):
    served.first.script(Fault(text="4", reasoning="two and two"), Fault(text="4", reasoning="two and two"))
    thinking = {"type": "enabled", "budget_tokens": 1_024}
    assert ["thinking", "text"] == [b.type for b in client.messages.create(**{**ASK, "max_tokens": 2_000}, thinking=thinking).content]
    assert ["text"] == [b.type for b in client.messages.create(**ASK).content]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_names_that_openai_refuses_go_and_come_back(served, client, is_streamed):
    names = ["mcp__" + "a" * 90, "mcp__" + "a" * 91, "mcp__docs__find.all"]
    ask = {**ASK, "tools": [{**TOOL, "name": name} for name in names], "tool_choice": {"type": "tool", "name": names[1]}}
    if is_streamed:
        with client.messages.stream(**ask) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**ask)
    call = answer.content[-1]
    assert names[1] == call.name
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    told = [*ASK["messages"], {"role": "assistant", "content": [call.model_dump(exclude_none=True)]}, {"role": "user", "content": [result]}]
    del ask["tool_choice"]
    client.messages.create(**{**ask, "messages": told})
    sent = served.first.bodies[-1]
    assert sent["tools"][1]["function"]["name"] == sent["messages"][1]["tool_calls"][0]["function"]["name"]


def test_models_are_listed_for_both_sdks(served, client):
    assert ["coding", "coding/cheap", "coding/strong"] == [model.id for model in client.models.list()]
    assert "coding" == client.models.retrieve("coding").display_name
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as other:
        assert ["coding", "coding/cheap", "coding/strong"] == [model.id for model in other.models.list()]
        assert "coding/cheap" == other.models.retrieve("coding/cheap").id
        with pytest.raises(openai.NotFoundError, match="GET /v1/models lists them"):
            other.models.retrieve("nonsense")


def _mark_of(message: dict) -> dict:
    """Mark of a message or of its last part."""
    parts = message["content"] if isinstance(message["content"], list) else []
    return {name: value for name, value in {**message, **(parts[-1] if parts else {})}.items() if name in MARK}


def _text(message: dict) -> list[str]:
    """Texts of a message, one for each part."""
    content = message["content"]
    return [content] if isinstance(content, str) else [part["text"] for part in content]


def test_stream_begins_with_an_estimate_of_its_prompt_and_ends_with_the_count(served, client):
    counted = {"prompt_tokens": 700, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 500}}
    served.first.script(Fault(text="hello", usage=counted))
    with client.messages.stream(**{**ASK, "messages": [{"role": "user", "content": "x" * 2_000}]}) as stream:
        started = next(iter(stream)).message.usage
        assert (501, 0) == (started.input_tokens, started.output_tokens)
        final = stream.get_final_message().usage
    assert (200, 500, 3) == (final.input_tokens, final.cache_read_input_tokens, final.output_tokens)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("told", "stops", "expected"),
    [
        ({"stop_reason": "END"}, ["END", "x"], ("stop_sequence", "END")),  # vLLM
        ({"matched_stop": "END"}, ["END", "x"], ("stop_sequence", "END")),  # SGLang
        ({"finish_reason": "stop_sequence"}, ["END"], ("stop_sequence", "END")),  # TGI
        ({"finish_reason": "stop_sequence"}, ["END", "x"], ("stop_sequence", None)),
        ({"stop_reason": None}, ["END"], ("end_turn", None)),
        ({"matched_stop": 151645}, ["END"], ("end_turn", None)),  # a token
        ({"stop_reason": "end_turn"}, ["END"], ("end_turn", None)),  # another word for an ordinary end
        ({"finish_reason": "length", "stop_reason": "END"}, ["END"], ("max_tokens", None)),
    ],
)
def test_stop_sequence_that_a_server_tells_is_the_reason(served, client, told, stops, expected, is_streamed):
    served.first.script(Fault(text="one two", choice=told))
    if is_streamed:
        with client.messages.stream(**ASK, stop_sequences=stops) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**ASK, stop_sequences=stops)
    assert expected == (answer.stop_reason, answer.stop_sequence)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_refusal_is_told_in_its_text_and_as_the_reason(served, client, is_streamed):
    served.first.script(Fault(refusal="I will not."))
    if is_streamed:
        with client.messages.stream(**ASK) as stream:
            answer = stream.get_final_message()
    else:
        answer = client.messages.create(**ASK)
    assert ("refusal", "I will not.") == (answer.stop_reason, answer.content[0].text)


def test_tools_that_anthropic_ran_are_told_as_calls_and_results(served):
    search = [{"type": "web_search_result", "url": "https://x.example", "title": "X", "encrypted_content": "c2VjcmV0"}]
    turn = [
        {"type": "text", "text": "I look."},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": search},
        {"type": "text", "text": "It is X."},
    ]
    turns = [{"role": "user", "content": "go"}, {"role": "assistant", "content": turn}, {"role": "user", "content": "on"}]
    body = {"model": "coding", "max_tokens": 9, "messages": turns}
    assert 200 == post(served, json.dumps(body).encode(), path="/v1/messages")[0]
    _, call, result, said, _ = served.first.bodies[-1]["messages"]
    assert ("I look.", "web_search", '{"query":"x"}') == (call["content"], *call["tool_calls"][0]["function"].values())
    search[0].pop("encrypted_content")
    assert ("tool", search, "It is X.") == (result["role"], json.loads(result["content"]), said["content"])


USES = [{"type": "server_tool_use", "id": f"srvtoolu_{n}", "name": "web_search", "input": {}} for n in "ab"]
RESULTS = [{"type": "web_search_tool_result", "tool_use_id": f"srvtoolu_{n}", "content": []} for n in "ab"]


@pytest.mark.parametrize(
    "turn",
    [
        [*USES, *RESULTS],
        [*USES, *reversed(RESULTS)],
        [*USES, RESULTS[0], {"type": "text", "text": "Hm."}, RESULTS[1]],
        [*RESULTS, *USES],
        [*USES, *RESULTS, RESULTS[0]],
    ],
)
def test_results_of_tools_that_anthropic_ran_at_once_follow_their_calls(turn):
    """Providers refuse calls that anything but their results follows, and results without a call before them."""
    _, call, *results = chat_body({**ASK, "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": turn}]})[
        "messages"
    ]
    assert ["srvtoolu_a", "srvtoolu_b"] == [one["id"] for one in call["tool_calls"]]
    assert ["srvtoolu_a", "srvtoolu_b"] == [one["tool_call_id"] for one in results[:2]]
    assert {"assistant"}.issuperset(one["role"] for one in results[2:])
    assert all(one["content"] for one in results[2:])


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("document", {"type": "url", "url": "https://x.example/a.pdf"}),
        ("document", {"type": "file", "file_id": "file_1"}),
        ("image", {"type": "file", "file_id": "file_1"}),
    ],
)
def test_what_not_every_provider_could_fetch_is_refused_with_what_to_do(served, kind, source):
    body = {"model": "coding", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": kind, "source": source}]}]}
    status, answer, _ = post(served, json.dumps(body).encode(), path="/v1/messages")
    assert (400, "invalid_request_error") == (status, answer["error"]["type"])
    assert f"{kind}: a source of type '{source['type']}' cannot be routed" in answer["error"]["message"]
    assert "send it as base64" in answer["error"]["message"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ],
    ids=["thought", "paused", "result alone"],
)
def test_turn_of_nothing_that_others_can_read_is_an_empty_one(served, block):
    turns = [{"role": "user", "content": "go"}, {"role": "assistant", "content": [block]}, {"role": "user", "content": "on"}]
    body = {"model": "coding", "max_tokens": 9, "messages": turns}
    assert 200 == post(served, json.dumps(body).encode(), path="/v1/messages")[0]
    assert {"role": "assistant", "content": ""} == served.first.bodies[-1]["messages"][1]
