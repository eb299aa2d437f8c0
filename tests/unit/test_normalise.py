"""What a conversation looks like to the target it is sent to."""

from __future__ import annotations

import json
from itertools import count, product, repeat

import pytest

from routerkit import Request, Target
from routerkit.habits import are_texts, habits_of, is_plain
from routerkit.normalise import normalise, portable_id

GPT = Target("gpt", "p", "gpt-5-mini")
CLAUDE = Target("sonnet", "p", "anthropic/claude-sonnet-4-5")
MISTRAL = Target("mistral", "p", "mistral/mistral-large-latest")
GEMINI = Target("gemini", "p", "gemini/gemini-3-pro")
ALL = (GPT, CLAUDE, MISTRAL, GEMINI)
THINKING = [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]


def loop(call_id="call_1", origin="sonnet", **assistant):
    """A tool loop waiting for its next turn."""
    turn = {"role": "assistant", "content": None, "tool_calls": [tool_call(call_id)], "origin": origin, **assistant}
    return ({"role": "user", "content": "go"}, turn, {"role": "tool", "tool_call_id": call_id, "content": "42"})


def tool_call(call_id, **more):
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


def sent(messages, target, **request):
    return normalise(Request(model="m", messages=tuple(messages), **request), target)


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
def test_a_plain_conversation_is_sent_as_the_same_object(target):
    """Nothing is copied when nothing has to change."""
    request = Request("m", ({"role": "system", "content": "s"}, {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}))
    assert normalise(request, target).request is request


def test_signed_thinking_returns_to_the_target_that_wrote_it():
    """Anthropic wants it back unchanged inside its tool loop."""
    assert THINKING == sent(loop(thinking_blocks=THINKING), CLAUDE).request.messages[1]["thinking_blocks"]


@pytest.mark.parametrize("field", ["thinking_blocks", "reasoning_items", "provider_specific_fields", "reasoning_content", "encrypted"])
@pytest.mark.parametrize("target", [GPT, MISTRAL, GEMINI], ids=lambda t: t.name)
def test_no_foreign_field_reaches_another_target(target, field):
    """A signature is an error anywhere but at its issuer."""
    result = sent(loop(**{field: THINKING}), target)
    assert {"role", "content", "tool_calls"} == result.request.messages[1].keys()
    assert f"dropped foreign {field}" in result.notes


def test_no_origin_field_is_ever_sent():
    """It is ours; providers refuse what they do not know."""
    assert all("origin" not in m for target in ALL for m in sent(loop(), target).request.messages)


def test_messages_without_origin_are_taken_to_be_the_pinned_targets():
    """A gateway's callers send no origin."""
    messages = [{k: v for k, v in m.items() if k != "origin"} for m in loop(thinking_blocks=THINKING)]
    assert "thinking_blocks" in sent(messages, CLAUDE, pin="sonnet").request.messages[1]
    assert "thinking_blocks" not in sent(messages, CLAUDE, pin="gpt").request.messages[1]


def test_plain_reasoning_is_sent_back_only_inside_the_tool_loop():
    """DeepSeek wants it there and refuses it in finished turns."""
    own = Target("sonnet", "p", "deepseek/deepseek-reasoner")
    messages = loop(reasoning_content="hm")
    assert "hm" == sent(messages, own).request.messages[1]["reasoning_content"]
    assert "reasoning_content" not in sent([*messages, {"role": "user", "content": "more"}], own).request.messages[1]


def test_thinking_is_switched_off_where_the_open_loop_lacks_it():
    """Anthropic refuses a thinking turn whose tool loop began without thinking."""
    result = sent(loop(origin="gpt"), CLAUDE, extra={"thinking": {"type": "enabled"}, "top_p": 0.5})
    assert {"top_p": 0.5} == result.request.extra
    assert "thinking" in sent(loop(thinking_blocks=THINKING), CLAUDE, extra={"thinking": {"type": "enabled"}}).request.extra


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
@pytest.mark.parametrize("odd", ["functions.x:0", "call_" + "x" * 70, "call_1|fc_2", "tool id"])
def test_a_foreign_call_id_becomes_valid_on_both_sides(target, odd):
    """Request and result keep pointing at each other."""
    _, turn, result = sent(loop(odd, origin="elsewhere"), target).request.messages
    assert portable_id(odd) == turn["tool_calls"][0]["id"] == result["tool_call_id"]


def test_a_call_id_returns_unchanged_to_the_target_that_gave_it_out():
    """Kimi wants its odd ids back, and Gemini's carry its thought signature."""
    _, turn, result = sent(loop("functions.x:0", thinking_blocks=THINKING), CLAUDE).request.messages
    assert "functions.x:0" == turn["tool_calls"][0]["id"] == result["tool_call_id"]


def test_mistral_gets_nine_letters_or_digits():
    """It refuses every other id."""
    _, turn, _ = sent(loop("call_abc"), MISTRAL).request.messages
    assert 9 == len(turn["tool_calls"][0]["id"])
    assert turn["tool_calls"][0]["id"].isalnum()


def test_ids_are_minted_the_same_way_every_time():
    """Or each turn would break the provider's prompt cache."""
    assert portable_id("functions.x:0") == portable_id("functions.x:0") != portable_id("functions.x:1")


def test_extra_fields_of_foreign_tool_calls_are_dropped():
    """Gemini keeps its thought signature there."""
    messages = loop(tool_calls=[tool_call("call_1", provider_specific_fields={"thought_signature": "x"})], origin="gemini")
    assert {"id", "type", "function"} == sent(messages, GPT).request.messages[1]["tool_calls"][0].keys()
    assert "provider_specific_fields" in sent(messages, GEMINI).request.messages[1]["tool_calls"][0]


def marked(text="a"):
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize("target", ALL, ids=lambda t: t.name)
@pytest.mark.parametrize(
    "arguments",
    ['{"a": ', "x", "[1]", "null", "5", '"{}"', '{"a": NaN}{', '{"a": NaN}', '{"a": [-Infinity]}', "[" * 100_000],
    ids=lambda a: a[:9],
)
def test_arguments_that_are_no_object_are_kept_within_one(target, arguments):
    """vLLM, llama.cpp, Anthropic and Gemini refuse every later turn of a conversation in which a model once wrote such a call."""
    written = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    result = sent(loop(tool_calls=[written, tool_call("call_2")]), target)
    first, second = result.request.messages[1]["tool_calls"]
    assert {"_invalid_json": arguments} == json.loads(first["function"]["arguments"])
    assert "{}" == second["function"]["arguments"]
    assert "kept tool arguments that are no JSON object within one" in result.notes


def test_arguments_with_words_of_python_within_texts_are_an_object():
    arguments = '{"a": "NaN and Infinity"}'
    result = sent(loop(tool_calls=[{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}]), GPT)
    assert arguments == result.request.messages[1]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize(("given", "arguments"), [("", "{}"), (None, "{}"), ({"a": "ü"}, '{"a": "ü"}')])
def test_arguments_that_are_empty_or_an_object_are_written_as_one(given, arguments):
    result = sent(loop(tool_calls=[{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": given}}]), GPT)
    assert arguments == result.request.messages[1]["tool_calls"][0]["function"]["arguments"]


@pytest.mark.parametrize("arguments", ["{}", ' {"a": "\\ud800"} ', '{"a": [1, {"b": null}]}'])
def test_arguments_that_are_an_object_are_sent_as_they_are(arguments):
    written = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    assert arguments == sent(loop(tool_calls=[written]), GPT).request.messages[1]["tool_calls"][0]["function"]["arguments"]


def test_cache_marks_reach_only_claude():
    """Other providers refuse the field."""
    messages = ({"role": "system", "content": [marked()]}, {"role": "user", "content": "hi"})
    tools = ({"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}},)
    assert messages == sent(messages, CLAUDE, tools=tools).request.messages
    assert "cache_control" in sent(messages, CLAUDE, tools=tools).request.tools[0]
    result = sent(messages, GPT, tools=tools)
    assert [{"type": "text", "text": "a"}] == result.request.messages[0]["content"]
    assert {"type", "function"} == result.request.tools[0].keys()
    assert ("dropped cache marks",) == result.notes


LATE = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "system", "content": "be brief"})


def test_late_system_message_stays_in_place_for_openai():
    """It takes system messages anywhere."""
    assert LATE == sent(LATE, GPT).request.messages


def test_late_system_message_becomes_part_of_the_next_user_message():
    """Claude, Gemini and most chat templates refuse it in place."""
    result = sent([*LATE, {"role": "user", "content": "c"}], CLAUDE)
    assert {"role": "user", "content": "[System note] be brief\n\nc"} == result.request.messages[-1]
    assert 3 == len(result.request.messages)


def test_late_system_message_never_stands_between_a_call_and_its_result():
    """A result must follow its call at once."""
    user, turn, answer = loop()
    roles = [m["role"] for m in sent([user, turn, {"role": "system", "content": "x"}, answer], CLAUDE).request.messages]
    assert ["user", "assistant", "tool", "user"] == roles


def test_several_leading_system_messages_are_joined():
    """Most chat templates take one."""
    messages = ({"role": "system", "content": "a"}, {"role": "system", "content": "b"}, {"role": "user", "content": "c"})
    assert {"role": "system", "content": "a\n\nb"} == sent(messages, GEMINI).request.messages[0]
    assert messages == sent(messages, GPT).request.messages


def test_media_of_tool_results_move_into_a_user_message():
    """The chat format takes only text in tool results."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    user, turn, _ = loop()
    answer = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "see"}, image]}
    _, _, tool, moved = sent([user, turn, answer], GPT).request.messages
    assert [{"type": "text", "text": "see"}] == tool["content"]
    assert image == moved["content"][-1]
    assert [{"type": "text", "text": "see"}, image] == sent([user, turn, answer], CLAUDE).request.messages[2]["content"]


def test_a_drawn_answer_is_an_empty_one_for_others():
    """No other target takes pictures in an assistant's turn, and none takes a turn without content."""
    drawn = {"role": "assistant", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
    _, turn, _ = sent([{"role": "user", "content": "draw"}, drawn, {"role": "user", "content": "bigger"}], GPT).request.messages
    assert {"role": "assistant", "content": ""} == turn


def test_the_callers_messages_are_never_changed():
    """They belong to the caller and are stored in the record."""
    messages = loop("functions.x:0", thinking_blocks=THINKING)
    before = repr(messages)
    for target in ALL:
        sent(messages, target)
    assert before == repr(messages)


def test_quick_look_at_texts_never_passes_what_the_closer_one_stops():
    """Whatever the messages hold and wherever they go; and it is what usual chats pass by."""
    values = ["user", "assistant", "system", "developer", "tool", "", None, ["user"]]
    messages = [{"role": role, "content": content} for role in values for content in ("x", None, ["x"])]
    messages += [{"role": "user"}, {"content": "x"}, {"role": "user", "content": "x", "name": "n"}, {"role": "user", "vendor": "x"}, {}]
    lists = [chat for n in range(3) for chat in product(messages, repeat=n)]
    passed = [chat for chat in lists if are_texts(chat)]
    for habits in (habits_of("claude"), habits_of("mistral"), habits_of("gpt-5"), habits_of("qwen")):
        assert [] == [chat for chat in passed if not all(map(is_plain, chat, count(), repeat(habits)))]
    usual = {"role": "system", "content": "x"}, {"role": "user", "content": "x"}, {"role": "assistant", "content": "x"}
    assert (True, 17) == (are_texts(usual), len(passed))
