"""I2: request bodies of the wrong shape, in the three formats of the gateway: answered or refused, never a failure of the gateway.

Guards P2. No server: what the gateway does with a body is done here step by step, up to the bytes that would be sent.
"""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from routerkit.errors import ProviderError
from routerkit.features import features
from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.exchange import parsed
from routerkit.gateway.formats import Format
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.openai_chat import CHAT
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.responses_events import RESPONSES
from routerkit.gateway.wire import is_streamed, request_of
from routerkit.gateway.written import keep_written
from routerkit.normalise import normalise
from routerkit.providers import as_written, openai_request
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.faults.shapes import CALL, surprises

TARGET: Final = make_target("a")
ROUTER: Final = make_router({"a": ScriptedProvider([make_reply()])}, targets=[TARGET])
LIMITS: Final = Limits()
FUNCTION: Final = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
CHAT_BODY: Final = {
    "model": "pool",
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "https://x"}}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "5"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
    "temperature": 1,
    "max_tokens": 5,
    "stop": ["a"],
    "stream": False,
    "stream_options": {"include_usage": True},
    "metadata": {"a": "b"},
    "n": 1,
    "user": "u",
}
MESSAGES_BODY: Final = {
    "model": "pool",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "s"}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "a"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "5"}]}]},
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}}],
    "tool_choice": {"type": "tool", "name": "f"},
    "stop_sequences": ["a"],
    "stream": False,
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 5},
}
RESPONSES_BODY: Final = {
    "model": "pool",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "5"},
    ],
    "instructions": "i",
    "tools": [{"type": "function", "name": "f", "parameters": {}}],
    "tool_choice": {"type": "function", "name": "f"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
    "max_output_tokens": 5,
    "stream": False,
    "reasoning": {"effort": "low"},
}


def answer(spoken: Format, value: Any) -> object:
    """As the gateway answers."""
    data = json.dumps(value).encode()
    asked = parsed(data, LIMITS)
    body = spoken.chat_body(asked)
    request = request_of(body, Head("POST", "/"), LIMITS)
    if spoken is CHAT:
        request = keep_written(request, body, data)
    spoken.events(asked, request)
    is_streamed(body)
    sent = normalise(request, TARGET).request
    openai_request.payload(sent)
    as_written.whole_body(sent, "max_tokens")
    assert features(request).signals is not None
    return spoken.answer(ROUTER.complete(request), asked)


@pytest.mark.parametrize(("spoken", "body"), [(CHAT, CHAT_BODY), (MESSAGES, MESSAGES_BODY), (RESPONSES, RESPONSES_BODY)])
def test_body_of_the_wrong_shape_is_answered_or_refused(spoken: Format, body: Any) -> None:
    assert [] == surprises(body, lambda value: answer(spoken, value), (ProviderError, Refusal))
    assert answer(spoken, body), "the body itself must pass, or nothing was tried"
