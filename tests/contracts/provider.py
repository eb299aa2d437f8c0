"""What every provider does, whatever is behind it.

    class TestMyProvider(ProviderContract):
        lacks = frozenset({"refusal"})

        @pytest.fixture
        def provider(self, openai_server): ...

Each behaviour runs as `complete`, `acomplete`, `stream` and `astream`. What a provider cannot do is named in `lacks`; the tests that
need it then do not exist for it, instead of being skipped. Behaviour under faults is in `provider_faults`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar

import pytest

from routerkit.messages import Reply, Request
from routerkit.provider import Provider
from tests.contracts.colours import Call

Capability = Literal["tools", "parallel_tools", "json_schema", "stop", "max_tokens", "echo"]
F = TypeVar("F", bound=Callable[..., Any])

MAGIC_TOOL = {
    "type": "function",
    "function": {
        "name": "magic_function",
        "description": "Applies a magic function to an input.",
        "parameters": {"type": "object", "properties": {"input": {"type": "integer"}}, "required": ["input"]},
    },
}
NAME_TOOL = {
    "type": "function",
    "function": {
        "name": "create_customer",
        "parameters": {"type": "object", "properties": {"customer_name": {"type": "string"}}, "required": ["customer_name"]},
    },
}


def needs(*capabilities: str) -> Callable[[F], F]:
    """Mark a behaviour as existing only for providers that have these capabilities."""

    def mark(test: F) -> F:
        test.needs = frozenset(capabilities)  # type: ignore[attr-defined]  # functions take attributes, their type does not say so
        return test

    return mark


def ask(text: str, **fields: Any) -> Request:
    """Request of one user message, with a deadline that keeps a broken provider from hanging the suite."""
    return Request(**{"model": "model-1", "messages": ({"role": "user", "content": text},), "timeout_s": 10.0, **fields})


def said(reply: Reply) -> list[tuple[str, Any]]:
    """Tool calls with their arguments parsed."""
    return [(c.name, json.loads(c.arguments)) for c in reply.tool_calls]


class Contract:
    """Drops the tests that need what a provider lacks."""

    lacks: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in dir(cls):
            if getattr(getattr(cls, name), "needs", frozenset()) & cls.lacks:
                setattr(cls, name, None)


class ProviderContract(Contract):
    """Behaviour of a healthy provider; subclasses give it as the fixture `provider`."""

    @pytest.fixture
    def provider(self) -> Provider:
        """The provider under test, with a healthy upstream."""
        raise NotImplementedError

    def test_text_is_delivered_with_a_finish_reason_and_a_model(self, call: Call, provider: Provider) -> None:
        reply = call(provider, ask("Say something."))
        assert reply.text
        assert "stop" == reply.finish_reason
        assert reply.model

    @needs("echo")
    def test_characters_of_every_width_survive(self, call: Call, provider: Provider) -> None:
        text = "a é ß 你好 🙂 \u202e 𝔘 \x00 \\ \""  # fmt: skip
        assert text in call(provider, ask(text)).text

    def test_whole_and_streamed_text_are_equal(self, call: Call, provider: Provider) -> None:
        request = ask("Say something.", temperature=0.0)
        assert provider.complete(request).text == call(provider, request).text

    def test_usage_is_reported_or_marked_as_estimated(self, call: Call, provider: Provider) -> None:
        usage = call(provider, ask("Say something.", temperature=0.0)).usage
        assert 0 < usage.input_tokens
        assert 0 < usage.output_tokens
        assert usage == provider.complete(ask("Say something.", temperature=0.0)).usage

    @needs("tools")
    def test_tool_is_called_with_its_arguments(self, call: Call, provider: Provider) -> None:
        reply = call(provider, ask("What is the value of magic_function(3)? Use the tool.", tools=(MAGIC_TOOL,)))
        assert [("magic_function", {"input": 3})] == said(reply)
        assert "tool_calls" == reply.finish_reason
        assert all(c.id for c in reply.tool_calls)

    @needs("tools")
    def test_tool_arguments_are_the_same_text_whole_and_streamed(self, call: Call, provider: Provider) -> None:
        request = ask("Create a customer named '你好啊集团'.", tools=(MAGIC_TOOL, NAME_TOOL))
        expected = [(c.name, c.arguments) for c in provider.complete(request).tool_calls]
        assert expected == [(c.name, c.arguments) for c in call(provider, request).tool_calls]
        assert {"customer_name": "你好啊集团"} == json.loads(expected[0][1])

    @needs("tools", "parallel_tools")
    def test_parallel_tool_calls_keep_their_order_and_ids(self, call: Call, provider: Provider) -> None:
        reply = call(provider, ask("Call magic_function with 5 and create_customer with 'Ann'.", tools=(MAGIC_TOOL, NAME_TOOL)))
        assert [("magic_function", {"input": 5}), ("create_customer", {"customer_name": "Ann"})] == said(reply)
        assert 2 == len({c.id for c in reply.tool_calls})

    @needs("tools")
    def test_forced_tool_is_called(self, call: Call, provider: Provider) -> None:
        choice = {"type": "function", "function": {"name": "create_customer"}}
        reply = call(provider, ask("Hello.", tools=(MAGIC_TOOL, NAME_TOOL), tool_choice=choice))
        assert ["create_customer"] == [c.name for c in reply.tool_calls]

    @needs("tools")
    def test_answer_after_a_tool_result_is_text(self, call: Call, provider: Provider) -> None:
        made = {"id": "call_a", "type": "function", "function": {"name": "magic_function", "arguments": '{"input": 3}'}}
        messages = (
            {"role": "user", "content": "What is magic_function(3)?"},
            {"role": "assistant", "content": None, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "call_a", "content": "5"},
        )
        reply = call(provider, ask("", messages=messages, tools=(MAGIC_TOOL,)))
        assert "5" in reply.text
        assert () == reply.tool_calls

    @needs("json_schema")
    def test_structured_output_has_the_shape_of_its_schema(self, call: Call, provider: Provider) -> None:
        schema = {"type": "object", "properties": {"n": {"type": "integer"}, "s": {"type": "string"}}, "required": ["n", "s"]}
        form = {"type": "json_schema", "json_schema": {"name": "pair", "schema": schema, "strict": True}}
        assert {"n": 7, "s": "x"} == json.loads(call(provider, ask("Give 7 and 'x'.", response_format=form)).text)

    @needs("stop", "echo")
    def test_stop_text_ends_the_answer_before_it(self, call: Call, provider: Provider) -> None:
        reply = call(provider, ask("one two three four", stop=("three",)))
        assert "three" not in reply.text
        assert "two" in reply.text
        assert "stop" == reply.finish_reason

    @needs("max_tokens")
    def test_token_limit_ends_the_answer_as_length(self, call: Call, provider: Provider) -> None:
        assert "length" == call(provider, ask("Count to one hundred, in words.", max_tokens=2)).finish_reason

    def test_request_is_not_changed(self, call: Call, provider: Provider) -> None:
        request = ask("Hello.", extra={"seed": 1}, stop=("END",))
        before = copy.deepcopy(request)
        call(provider, request)
        assert before == request

    def test_provider_serves_several_event_loops_and_threads_of_use_one_after_another(self, call: Call, provider: Provider) -> None:
        assert call(provider, ask("One.")).text
        assert call(provider, ask("Two.")).text
        assert provider.complete(ask("Three.")).text
