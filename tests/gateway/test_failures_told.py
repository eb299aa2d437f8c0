"""What callers of each format are told of a call that failed, in the words that their programs look for."""

from __future__ import annotations

import json
import re

import pytest

from tests.gateway.conftest import dialled
from tests.servers.fault import Fault

OVERFLOW = "This model's maximum context length is 128000 tokens. However, your messages resulted in 250000 tokens."
FORMATS = {
    "/v1/chat/completions": lambda text: {"messages": [{"role": "user", "content": text}]},
    "/v1/responses": lambda text: {"input": text},
    "/v1/messages": lambda text: {"messages": [{"role": "user", "content": text}], "max_tokens": 9},
    "/v1/completions": lambda text: {"prompt": text},
}


def refused(message: str, status: int = 400, **more) -> Fault:
    return Fault(status=status, body=json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}}).encode())


def ask(served, path: str, text: str = "hi", **more):
    with dialled(served) as connection:
        connection.request("POST", path, json.dumps({"model": "coding", **FORMATS[path](text), **more}))
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())["error"]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("path", FORMATS)
def test_prompt_that_a_provider_finds_too_long_is_told_in_words_that_agents_know(served, path, is_streamed):
    served.first.script(refused(OVERFLOW, code="context_length_exceeded"))
    status, _, error = ask(served, path, stream=is_streamed)
    assert 400 == status
    assert error["message"].startswith("prompt is too long: ")
    assert OVERFLOW in error["message"]
    assert error.get("code", "context_length_exceeded") == "context_length_exceeded"


@pytest.mark.parametrize("path", FORMATS)
def test_prompt_longer_than_every_window_is_told_alike_without_a_call(served, path):
    status, _, error = ask(served, path, "word " * 200_000)
    assert (400, 0) == (status, served.first.hits)
    assert error["message"].startswith("prompt is too long: no target of pool 'coding'")
    assert error.get("code", "context_length_exceeded") == "context_length_exceeded"


LIMITS = {"/v1/responses": "max_output_tokens"}
TOO_MUCH = {
    "of this gateway": None,
    "OpenAI's": "This model's maximum context length is 4097 tokens. However, you requested 5009 tokens (9 in the messages, 5000 in the "
    "completion). Please reduce the length of the messages or completion.",
    "OpenAI's of completions": "This model's maximum context length is 4097 tokens, however you requested 5009 tokens (9 in your prompt; "
    "5000 for the completion). Please reduce your prompt; or completion length.",
    "vLLM's": "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4097 tokens and your "
    "request has 9 input tokens (5000 > 4097 - 9).",
    "vLLM's of later": "This model's maximum context length is 4097 tokens. However, you requested 5000 output tokens and your prompt "
    "contains at least 9 input tokens, for a total of at least 5009 tokens. Please reduce the length of the input prompt or the number of "
    "requested output tokens.",
    "Anthropic's": "input length and `max_tokens` exceed context limit: 9 + 5000 > 4097, decrease input length or `max_tokens` and try "
    "again",
}


@pytest.mark.parametrize("said", TOO_MUCH.values(), ids=TOO_MUCH)
@pytest.mark.parametrize("path", FORMATS)
def test_answer_that_no_window_has_room_for_is_not_told_as_a_long_prompt(served, path, said):
    """Agents would shorten a conversation in vain. Claude Code asks for less when it is given the numbers."""
    if said is not None:
        served.first.script(refused(said))
    status, _, error = ask(served, path, **{LIMITS.get(path, "max_tokens"): 9 if said else 900_000})
    assert (400, 1 if said else 0) == (status, served.first.hits)
    assert error["message"].startswith("max_tokens is too large: ")
    assert "decrease input length or `max_tokens` and try again" in error["message"]
    assert "prompt is too long" not in error["message"]
    found = re.search(r"input length and `max_tokens` exceed context limit: (\d+) \+ (\d+) > (\d+)", error["message"])
    assert (["9", "5000", "4097"] if said else ["900000"]) == ([*found.groups()] if said else [found[2]])
    assert "invalid_value" == error.get("code", "invalid_value")


def test_prompt_that_leaves_no_room_for_any_answer_is_too_long_whatever_was_asked_for(served):
    served.first.script(refused(TOO_MUCH["OpenAI's"].replace("5009", "9000").replace("(9 in", "(4000 in")))
    assert ask(served, "/v1/chat/completions", max_tokens=9)[2]["message"].startswith("prompt is too long: ")
    _, _, error = ask(served, "/v1/chat/completions", "word " * 200_000, max_tokens=9_000)
    assert error["message"].startswith("prompt is too long: ")


def test_words_that_a_provider_has_said_already_are_not_said_twice(served):
    served.first.script(refused("prompt is too long: 250000 tokens > 200000 maximum"))
    assert 1 == ask(served, "/v1/messages")[2]["message"].count("prompt is too long")


@pytest.mark.parametrize("path", FORMATS)
def test_failed_call_names_its_record_where_sdks_look_for_it(served, path):
    for server in (served.first, served.second):
        server.script(*[refused("no", status=500)] * 9)
    _, headers, error = ask(served, path)
    assert headers["x-request-id"] == headers["request-id"]
    assert f"call {headers['x-request-id']} failed" in error["message"]
