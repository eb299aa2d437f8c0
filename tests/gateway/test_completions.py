"""What OpenAI's SDK sees of `/v1/completions`: chats behind a format that is older than they are."""

from __future__ import annotations

import openai
import pytest

from tests.servers.fault import Fault


@pytest.mark.parametrize("prompt", ["Say hello.", ["Say hello."]])
def test_prompt_is_one_message_and_the_answer_its_completion(served, client, prompt):
    served.first.script(Fault(text="hello there", finish_reason="length"))
    answer = client.completions.create(model="coding", prompt=prompt, max_tokens=20, temperature=0, stop=["END"], echo=False, suffix=None)
    choice = answer.choices[0]
    assert ("text_completion", "hello there", "length") == (answer.object, choice.text, choice.finish_reason)
    assert answer.usage.prompt_tokens > 0
    sent = served.first.bodies[0]
    assert ([{"role": "user", "content": "Say hello."}], 20, ["END"]) == (sent["messages"], sent["max_tokens"], sent["stop"])
    assert {"prompt", "echo", "suffix"}.isdisjoint(sent)


def test_stream_is_pieces_the_reason_and_usage_where_it_was_asked_for(served, client):
    served.first.script(Fault(text="one two three"))
    told = list(client.completions.create(model="coding", prompt="count", stream=True, stream_options={"include_usage": True}))
    assert "one two three" == "".join(event.choices[0].text for event in told[:-1])
    assert ("stop", True) == (told[-2].choices[0].finish_reason, told[-1].usage.total_tokens > 0)


def test_stream_that_breaks_is_an_error(served, client):
    served.first.script(Fault(text="one two three four five six", cut_after=4))
    with pytest.raises(openai.APIError, match="broke after"):
        list(client.completions.create(model="coding", prompt="count", stream=True))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", ["one", "two"]),
        ("prompt", [1, 2]),
        ("prompt", [[1, 2]]),
        ("prompt", ""),
        ("prompt", None),
        ("suffix", "}"),
        ("echo", True),
        ("logprobs", 0),
        ("best_of", 2),
        ("n", 2),
        ("messages", []),
        ("api_base", "http://evil"),
        ("top_p", "much"),
    ],
)
def test_what_chats_cannot_do_is_refused_by_its_name(served, client, field, value):
    asked = {"model": "coding", "prompt": "x"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/completions", body=asked | {field: value}, cast_to=object)
    assert (field, 0) == (caught.value.body["param"], served.first.hits)
