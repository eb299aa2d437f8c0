"""What the vendor's own SDK sees through the gateway."""

from __future__ import annotations

import json
import time

import openai
import pytest

from routerkit.gateway.exchange import parsed
from routerkit.gateway.limits import LONG_BYTES, Limits
from routerkit.gateway.refusal import Refusal
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault

MESSAGES = [{"role": "user", "content": "Say hello."}]
TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


@pytest.fixture(params=["as written", "written anew"])
def served(make_served, request):
    """One through which bodies pass as they are, and one whose targets ask for a parameter of their own, so that none does."""
    found = make_served()
    if request.param == "written anew":
        text = found.config.read_text()
        found.config.write_text(
            text.replace("[targets.cheap]", '[targets.cheap]\nextra = { user = "x" }').replace(
                "[targets.strong]", '[targets.strong]\nextra = { user = "x" }'
            )
        )
    found.start()
    return found


def test_whole_answer_names_record_target_attempts_and_cost(served, client):
    raw = client.chat.completions.with_raw_response.create(model="coding", messages=MESSAGES)
    assert raw.parse().choices[0].message.content
    assert "cheap" == raw.headers["x-routerkit-target"]
    assert "1" == raw.headers["x-routerkit-attempts"]
    assert float(raw.headers["x-routerkit-cost-usd"]) > 0
    assert raw.headers["x-routerkit-record"]


def test_streamed_answer_is_the_whole_one_in_pieces(served, client):
    served.first.script(Fault(text="one two three four"))
    chunks = list(client.chat.completions.create(model="coding", messages=MESSAGES, stream=True, stream_options={"include_usage": True}))
    assert "one two three four" == "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert ["stop"] == [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert chunks[-1].usage.total_tokens > 0


def test_stream_without_usage_asked_for_has_a_choice_in_every_chunk(served, client):
    """Plain clients look at choices[0] of each."""
    assert all(c.choices for c in client.chat.completions.create(model="coding", messages=MESSAGES, stream=True))


def test_tools_come_back_whole_and_streamed(served, client):
    whole = client.chat.completions.create(
        model="coding", messages=[{"role": "user", "content": "weather in Paris?"}], tools=[TOOL], tool_choice="required"
    )
    assert "get_weather" == whole.choices[0].message.tool_calls[0].function.name
    assert "tool_calls" == whole.choices[0].finish_reason
    with client.chat.completions.stream(model="coding", messages=MESSAGES, tools=[TOOL], tool_choice="required") as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert json.loads(calls[0].function.arguments).keys() == {"city"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fault(status=429), Fault(status=503), Fault(cut_after=1)], ids=["429", "503", "cut"])
def test_client_does_not_notice_a_failing_target(served, client, fault, stream):
    served.first.script(fault, fault, fault)
    answer = client.chat.completions.create(model="coding", messages=MESSAGES, stream=stream)
    text = "".join(c.choices[0].delta.content or "" for c in answer) if stream else answer.choices[0].message.content
    assert text
    assert served.second.hits == 1


def test_target_of_a_pool_can_be_asked_for_by_name(served, client):
    raw = client.chat.completions.with_raw_response.create(model="coding/strong", messages=MESSAGES)
    assert "strong" == raw.headers["x-routerkit-target"]


def test_models_lists_pools_and_targets(client):
    assert ["coding", "coding/cheap", "coding/strong"] == [m.id for m in client.models.list()]


def test_field_that_says_nothing_is_no_reason_to_refuse(served, client):
    """Some clients write null for every field of the format that they leave out."""
    nothing = {"functions": None, "function_call": None, "moderation": None}
    assert client.chat.completions.create(model="coding", messages=MESSAGES, extra_body=nothing).choices[0].message.content
    assert not nothing.keys() & served.first.bodies[-1].keys()


def test_unknown_model_is_a_404_of_the_sdk(served, client):
    with pytest.raises(openai.NotFoundError, match="no pool or target named 'nonsense'"):
        client.chat.completions.create(model="nonsense", messages=MESSAGES)
    assert served.first.hits == served.second.hits == 0


def test_agent_without_money_is_refused_as_out_of_quota(served, client):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="coding", messages=MESSAGES, extra_headers={"x-routerkit-agent": "poor"})
    assert "insufficient_quota" == caught.value.code
    assert "false" == caught.value.response.headers["x-should-retry"]


def test_hints_reach_the_decision(served, client):
    raw = client.chat.completions.with_raw_response.create(
        model="coding", messages=MESSAGES, metadata={"kind": "bug_fix", "agent": "ci"}, extra_headers={"x-routerkit-agent": "nightly"}
    )
    seen = client.get(f"/decisions/{raw.headers['x-routerkit-record']}", cast_to=dict[str, object])
    assert "kind=bug_fix" in seen["explain"]
    assert "metadata" not in served.first.bodies[0]


def test_unset_fields_are_not_sent_and_set_ones_pass_unchanged(served, client):
    client.chat.completions.create(model="coding", messages=MESSAGES, seed=7, top_p=0.5)
    assert (7, 0.5) == (served.first.bodies[0]["seed"], served.first.bodies[0]["top_p"])
    assert "tools" not in served.first.bodies[0]


def test_feedback_reaches_the_ledger(served, client):
    raw = client.chat.completions.with_raw_response.create(model="coding", messages=MESSAGES)
    record = raw.headers["x-routerkit-record"]
    assert {"record_id": record, "success": True} == client.post(
        "/feedback", body={"record_id": record, "success": True}, cast_to=dict[str, object]
    )


@pytest.mark.parametrize("is_streamed", [False, True])
def test_ending_that_the_format_has_no_word_for_is_stop_to_the_caller_and_what_it_is_in_the_books(served, is_streamed):
    """Some servers leave the reason out of whole answers; whether such an answer is complete nobody knows."""
    served.first.script(Fault(text="one two", choice={"finish_reason": "eos_token" if is_streamed else None}))
    ask = {"model": "coding", "messages": MESSAGES, "metadata": {"session": "s"}}  # hints keep it from passing as it is written
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        answer = client.chat.completions.create(**ask, stream=is_streamed)
        choice = list(answer)[-1].choices[0] if is_streamed else answer.choices[0]
    assert "stop" == choice.finish_reason
    served.stop()
    rows = [json.loads(line) for path in (served.config.parent / "data").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert ["eos_token" if is_streamed else "unknown"] == [row["finish_reason"] for row in rows]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", '{"model":"coding","messages":[{"role":"user","content":"%s"}]}'),
        ("/v1/messages", '{"model":"coding","max_tokens":9,"messages":[{"role":"user","content":"%s"}]}'),
        ("/v1/responses", '{"model":"coding","input":"%s"}'),
    ],
)
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"\ude00b", "\ufffdb"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\\ud83d \uD83D", "\\ud83d \ufffd"),
    ],
)
def test_half_of_a_letter_does_not_end_a_conversation(served, path, body, written, said):
    """JavaScript's agents send one wherever they cut a tool's output within an emoji, and send it again with every turn."""
    assert 200 == post(served, (body % written).encode(), path=path)[0]
    assert said == served.first.bodies[-1]["messages"][-1]["content"]


@pytest.mark.parametrize("filler", ["x", r"\\", r"\ud83d\ude00"])
def test_half_of_a_letter_does_not_end_a_long_conversation_either(filler):
    """As one with a screenshot in it."""
    n = LONG_BYTES if filler == "x" else 2_000
    said = parsed(f'{{"a": "{filler * n}|{LONG_BYTES * "y"}\\ud83d|\\\\ud83d\\ude00|\\ud83d"}}'.encode(), Limits())["a"]
    assert json.loads(f'"{filler * n}"') == said.partition("|")[0]
    assert "y\ufffd|\\ud83d\ufffd|\ufffd" == said[-12:]


@pytest.mark.parametrize("many", [r"\ud83d", r"\ud83d\ude00", r"\u4e2d", "\\\\"])
def test_looking_for_halves_of_letters_keeps_nobody_waiting(many):
    body = b'{"a": "' + many.encode() * (4_000_000 // len(many)) + rb'\ud83d", }'
    began = time.thread_time()
    with pytest.raises(Refusal, match="is not JSON"):
        parsed(body, Limits())
    assert time.thread_time() - began < 0.5


def test_mark_before_a_body_is_passed_over(served):
    assert 200 == post(served, b"\xef\xbb\xbf" + json.dumps({"model": "coding", "messages": MESSAGES}).encode())[0]
