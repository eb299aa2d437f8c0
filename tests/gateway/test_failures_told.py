"""What callers of each format are told of a call that failed, in the words that their programs look for."""

from __future__ import annotations

import json

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
