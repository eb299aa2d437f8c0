"""What OpenAI's SDK sees of `/v1/responses` through the gateway."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from routerkit.gateway.keys import Scope
from routerkit.gateway.responses_events import RESPONSES
from routerkit.gateway.spoken import Spoken
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault

WHEN = ("before", "between", "after")
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False},
    "strict": True,
}


def test_whole_answer_has_text_and_usage(served, client):
    served.first.script(Fault(text="hello there"))
    answer = client.responses.create(model="coding", input="Say hello.", instructions="Be brief.", max_output_tokens=50)
    assert ("hello there", "completed") == (answer.output_text, answer.status)
    assert answer.usage.total_tokens > 0
    assert [("system", "Be brief."), ("user", "Say hello.")] == [(m["role"], m["content"]) for m in served.first.bodies[0]["messages"]]


def test_streamed_answer_is_put_together_by_the_sdk(served, client):
    served.first.script(Fault(text="one two three"))
    with client.responses.stream(model="coding", input="count") as stream:
        assert "one two three" == "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        assert "one two three" == stream.get_final_response().output_text


@pytest.mark.parametrize("is_streamed", [False, True])
def test_refusal_is_told_as_one_and_not_as_the_answer(served, client, is_streamed):
    served.first.script(Fault(refusal="I will not."))
    if is_streamed:
        with client.responses.stream(model="coding", input="x") as stream:
            told = [event for event in stream if event.type.startswith("response.refusal")]
            answer = stream.get_final_response()
        assert ["I will not."] * 2 == ["".join(e.delta for e in told[:-1]), told[-1].refusal]
    else:
        answer = client.responses.create(model="coding", input="x")
    assert [("refusal", "I will not.")] == [(part.type, part.refusal) for part in answer.output[-1].content]
    assert not answer.output_text


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_loop_goes_round(served, client, is_streamed):
    ask = {"model": "coding", "tools": [TOOL], "tool_choice": "required", "input": [{"role": "user", "content": "weather?"}]}
    if is_streamed:
        with client.responses.stream(**ask) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.create(**ask)
    call = answer.output[-1]
    assert ("function_call", {"city"}) == (call.type, set(json.loads(call.arguments)))
    told = [
        *ask["input"],
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    assert client.responses.create(model="coding", input=told, tools=[TOOL]).output_text
    sent = served.first.bodies[-1]["messages"]
    assert [call.call_id, call.call_id] == [sent[1]["tool_calls"][0]["id"], sent[2]["tool_call_id"]]


def test_cut_answer_is_incomplete(served, client):
    served.first.script(Fault(text="one two", finish_reason="length"))
    assert "incomplete" == client.responses.create(model="coding", input="x").status


@pytest.mark.parametrize(
    "fields", [{"background": False}, {"max_tool_calls": 3}, {"top_logprobs": 0}, {"context_management": [{"type": "compaction"}]}]
)
def test_what_changes_nothing_is_no_reason_to_refuse(fields):
    asked = {"model": "coding", "input": "x"}
    assert RESPONSES.chat_body({**asked, **fields}) == RESPONSES.chat_body(asked)


def test_stored_conversations_are_refused_in_one_line(served, client):
    with pytest.raises(openai.BadRequestError, match="send the whole conversation"):
        client.responses.create(model="coding", input="x", previous_response_id="resp_1")
    assert 0 == served.first.hits


def test_unknown_items_by_reference_are_refused_but_reasoning_is_passed_over(served, client):
    asked = [{"role": "user", "content": "one"}, {"type": "item_reference", "id": "rs_1"}, {"role": "user", "content": "two"}]
    client.responses.create(model="coding", input=asked)
    assert ["one", "two"] == [message["content"] for message in served.first.bodies[0]["messages"]]
    for reference in ({"type": "item_reference", "id": "msg_1"}, {"id": "msg_1"}):
        with pytest.raises(openai.BadRequestError, match="send the item itself"):
            client.responses.create(model="coding", input=[asked[0], reference, asked[2]])
    assert 1 == served.first.hits


def test_structured_output_is_carried_over(served, client):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    wanted = {"type": "json_schema", "name": "N", "schema": schema, "strict": True}
    client.responses.create(model="coding", input="x", text={"format": wanted})
    sent = served.first.bodies[-1]["response_format"]
    assert ("json_schema", "N", schema) == (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["schema"])


PATCH = {"type": "custom", "name": "apply_patch", "description": "Edits files.", "format": {"type": "grammar", "definition": "start: /.+/"}}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_custom_tool_gets_text_and_its_turn_goes_back(served, client, is_streamed):
    served.first.script(Fault(tool_calls=[("apply_patch", '{"input": "*** Begin Patch\\n"}')]))
    ask = {"model": "coding", "tools": [PATCH, TOOL], "input": [{"role": "user", "content": "patch it"}]}
    if is_streamed:
        with client.responses.stream(**ask) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.create(**ask)
    call = answer.output[-1]
    assert ("custom_tool_call", "apply_patch", "*** Begin Patch\n") == (call.type, call.name, call.input)
    assert "start: /.+/" in served.first.bodies[0]["tools"][0]["function"]["description"]
    output = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "Done."}
    client.responses.create(**{**ask, "input": [*ask["input"], call.model_dump(exclude_none=True), output]})
    sent = served.first.bodies[1]["messages"]
    assert ({"input": call.input}, "Done.") == (json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]), sent[2]["content"])


def test_tools_that_openai_runs_are_left_out_beside_functions_and_refused_alone(served, client):
    search = {"type": "web_search"}
    client.responses.create(model="coding", input="x", tools=[search, TOOL])
    assert ["get_weather"] == [tool["function"]["name"] for tool in served.first.bodies[0]["tools"]]
    for tools, choice in (([search], "auto"), ([search, TOOL], {"type": "web_search"})):
        with pytest.raises(openai.BadRequestError, match="runs at one provider only"):
            client.responses.create(model="coding", input="x", tools=tools, tool_choice=choice)
    assert 1 == served.first.hits


def test_reasoning_between_parallel_calls_does_not_part_them(served, client):
    calls = [{"type": "function_call", "call_id": i, "name": "get_weather", "arguments": "{}"} for i in ("a", "b")]
    results = [{"type": "function_call_output", "call_id": i, "output": "sunny"} for i in ("a", "b")]
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    client.responses.create(model="coding", tools=[TOOL], input=[{"role": "user", "content": "x"}, calls[0], thought, calls[1], *results])
    assert ["a", "b"] == [call["id"] for call in served.first.bodies[0]["messages"][1]["tool_calls"]]


@pytest.mark.parametrize("texts", [("before",), ("after",), ("before", "after"), ("before", "between", "after")])
def test_what_the_assistant_said_around_its_calls_is_one_message_with_them(served, client, texts):
    """As it was answered. Some providers take no two messages of the assistant in a row, and none takes one between calls and results."""
    said = {when: [{"role": "assistant", "content": [{"type": "output_text", "text": when}]}] if when in texts else [] for when in WHEN}
    calls = [{"type": "function_call", "call_id": i, "name": "get_weather", "arguments": "{}"} for i in ("a", "b")]
    results = [{"type": "function_call_output", "call_id": i, "output": "sunny"} for i in ("a", "b")]
    turn = [*said["before"], calls[0], *said["between"], calls[1], *said["after"]]
    for _ in range(2):  # the second one is known
        client.responses.create(model="coding", tools=[TOOL], input=[{"role": "user", "content": "x"}, *turn, *results])
        sent = served.first.bodies[-1]["messages"]
        assert ["user", "assistant", "tool", "tool"] == [message["role"] for message in sent]
        assert ("\n".join(texts), ["a", "b"]) == (sent[1]["content"], [call["id"] for call in sent[1]["tool_calls"]])


def test_texts_of_the_assistant_without_calls_stay_apart(served, client):
    client.responses.create(model="coding", input=[{"role": r, "content": r} for r in ("user", "assistant", "assistant", "user")])
    assert ["user", "assistant", "assistant", "user"] == [message["role"] for message in served.first.bodies[0]["messages"]]


async def test_stream_that_breaks_is_an_error_of_the_sdk(served, client):
    """Half an answer must not pass for a whole one."""
    served.first.script(Fault(text="one two three four five", cut_after=4), Fault(text="one two three four five", cut_after=4))
    with pytest.raises(openai.APIError, match="broke after content was sent"):
        assert [event.type for event in client.responses.create(model="coding", input="count", stream=True)]
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key="x", max_retries=0) as sdk:
        with pytest.raises(openai.APIError, match="broke after content was sent"):
            assert [event.type async for event in await sdk.responses.create(model="coding", input="count", stream=True)]


ACTION = {"type": "exec", "command": ["ls"], "env": {}}
HISTORY = {
    "local shell": (
        [
            {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "action": ACTION, "status": "completed"},
            {"type": "local_shell_call_output", "id": "call_1", "output": "a.txt"},
        ],
        [("local_shell", ACTION), "a.txt"],
    ),
    "local shell, as Codex answers": (
        [
            {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_1", "action": ACTION, "status": "completed"},
            {"type": "function_call_output", "call_id": "call_1", "output": "a.txt"},
        ],
        [("local_shell", ACTION), "a.txt"],
    ),
    "shell": (
        [
            {"type": "shell_call", "call_id": "call_1", "action": {"commands": ["ls"]}, "status": "completed"},
            {"type": "shell_call_output", "call_id": "call_1", "output": [{"stdout": "a.txt", "stderr": "", "outcome": {"type": "exit"}}]},
        ],
        [("shell", {"commands": ["ls"]}), '[{"stdout":"a.txt","stderr":"","outcome":{"type":"exit"}}]'],
    ),
    "patch": (
        [
            {"type": "apply_patch_call", "call_id": "call_1", "operation": {"type": "delete_file", "path": "a"}, "status": "completed"},
            {"type": "apply_patch_call_output", "call_id": "call_1", "status": "failed", "output": "no such file"},
        ],
        [("apply_patch", {"type": "delete_file", "path": "a"}), "failed: no such file"],
    ),
    "server of tools": (
        [{"type": "mcp_call", "id": "call_1", "server_label": "docs", "name": "find", "arguments": '{"q": 1}', "output": "found"}],
        [("docs__find", {"q": 1}), "found"],
    ),
    "failing server of tools": (
        [{"type": "mcp_call", "id": "call_1", "server_label": "docs", "name": "find", "arguments": "{}", "error": {"code": 1}}],
        [("docs__find", {}), 'Error: {"code":1}'],
    ),
    "interpreter": (
        [{"type": "code_interpreter_call", "id": "call_1", "container_id": "c", "code": "1+1", "outputs": [{"type": "logs", "logs": "2"}]}],
        [("code_interpreter", {"code": "1+1"}), '[{"type":"logs","logs":"2"}]'],
    ),
    "only told of": (
        [
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2VjcmV0"},
            {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}},
            {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["x"]},
            {"type": "mcp_list_tools", "id": "mcpl_1", "server_label": "docs", "tools": []},
        ],
        [],
    ),
}


@pytest.mark.parametrize(("items", "expected"), HISTORY.values(), ids=HISTORY)
def test_history_of_other_tools_is_told_as_calls_and_results(served, items, expected):
    """Twice, because parts of a conversation are remembered."""
    for _ in range(2):
        body = {"model": "coding", "input": [{"role": "user", "content": "go"}, *items, {"role": "user", "content": "on"}]}
        assert 200 == post(served, json.dumps(body).encode(), path="/v1/responses")[0]
        told = []
        for message in served.first.bodies[-1]["messages"][1:-1]:
            for call in message.get("tool_calls") or ():
                assert "call_1" == call["id"]
                told.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
            if message["role"] == "tool":
                assert "call_1" == message["tool_call_id"]
                told.append(message["content"])
        assert expected == told


@pytest.mark.parametrize("kind", ["compaction", "computer_call", "image_generation_call", "mcp_approval_request", "nonsense"])
def test_item_that_nobody_else_could_read_is_refused_by_its_place(served, kind):
    body = {"model": "coding", "input": [{"role": "user", "content": "go"}, {"type": kind, "id": "x"}]}
    status, answer, _ = post(served, json.dumps(body).encode(), path="/v1/responses")
    assert (400, "input[1].type") == (status, answer["error"]["param"])
    assert f"'{kind}' cannot be routed; leave the item out, or say in a message what it says" in answer["error"]["message"]


def answered(client, *, is_streamed: bool, **more):
    if not is_streamed:
        return client.responses.create(model="coding", **more)
    with client.responses.stream(model="coding", **more) as stream:
        return stream.get_final_response()


@pytest.mark.parametrize("is_streamed", [False, True])
def test_text_of_an_answer_may_be_referred_to_in_later_turns(served, client, is_streamed):
    """As the AI SDK does, which sends calls themselves."""
    served.first.script(Fault(text="Let me look.", tool_calls=[("get_weather", '{"city": "Paris"}')]))
    first = {"role": "user", "content": "weather?"}
    said, call = answered(client, is_streamed=is_streamed, input=[first], tools=[TOOL]).output
    turn = [
        {"type": "item_reference", "id": said.id},
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    for _ in range(2):  # the second one is known
        answered(client, is_streamed=is_streamed, input=[first, *turn], tools=[TOOL])
        sent = served.first.bodies[-1]["messages"]
        assert [("user", "weather?"), ("assistant", "Let me look."), ("tool", "sunny")] == [(m["role"], m["content"]) for m in sent]
        assert [call.call_id] == [one["id"] for one in sent[1]["tool_calls"]]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_nothing_is_kept_for_callers_who_do_not_want_that(served, client, is_streamed):
    said = answered(client, is_streamed=is_streamed, input="x", store=False).output[0]
    with pytest.raises(openai.BadRequestError, match="send the item itself"):
        client.responses.create(model="coding", input=[{"type": "item_reference", "id": said.id}, {"role": "user", "content": "y"}])


def test_text_is_known_only_to_the_key_that_it_was_answered_to(keyed):
    """Also once its owner has referred to it, and with ids as they are."""
    keys = [keyed.store.create(name, Scope())[1] for name in ("mine", "theirs")]
    keyed.start()
    keyed.first.script(Fault(text="a secret"))
    mine, theirs = (openai.OpenAI(base_url=keyed.base_url, api_key=key, max_retries=0) for key in keys)
    with mine, theirs:
        said = mine.responses.create(model="coding", input="x").output[0]
        asked = [{"type": "item_reference", "id": said.id}, {"role": "user", "content": "y"}]
        for _ in range(2):
            mine.responses.create(model="coding", input=asked)
            assert "a secret" == keyed.first.bodies[-1]["messages"][0]["content"]
            with pytest.raises(openai.BadRequestError, match="is not known here"):
                theirs.responses.create(model="coding", input=asked)


def item_of(item_id: str, text: str, kind: str = "text") -> dict[str, Any]:
    return {"type": "message", "id": item_id, "content": [{"type": f"output_{kind}", kind: text}]}


def test_texts_to_refer_to_are_forgotten_before_they_are_too_many():
    spoken = Spoken(most_bytes=20_000)
    for number in range(50):
        spoken.keep([item_of(f"msg_{number}", "x" * 10)], {})
    spoken.keep([item_of("long", "x" * 10_001), item_of("wide", "\U0001f600" * 2_501)], {})
    known = [number for number in range(50) if spoken.message(f"msg_{number}")]
    assert 5 <= len(known) <= 20
    assert 49 == known[-1]
    assert (None, None, None) == tuple(spoken.message(i) for i in ("long", "wide", "msg_0"))


@pytest.mark.parametrize(("said", "told"), [(item_of("m", "No.", "refusal"), "No."), (item_of("m", ""), "")])
def test_refusals_and_empty_texts_can_be_referred_to_as_well(said, told):
    """Or the conversation could not go on."""
    spoken = Spoken()
    spoken.keep([said], {})
    assert {"role": "assistant", "content": told} == spoken.message("m")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_short_settings_come_back_with_the_answer(served, client, is_streamed):
    asked = {"metadata": {"ticket": "7"}, "temperature": 0.5, "max_output_tokens": 99, "parallel_tool_calls": False, "store": True}
    answer = answered(client, is_streamed=is_streamed, input="x", instructions="Be brief.", tools=[TOOL], tool_choice="none", **asked)
    assert {**asked, "tool_choice": "none"} == {name: getattr(answer, name, None) for name in (*asked, "tool_choice")}
