"""What Anthropic's own SDK sees through the gateway."""

from __future__ import annotations

import anthropic
import pytest

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
