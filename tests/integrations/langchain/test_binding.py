"""Structured output and tools, as they are bound and sent."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from langchain_routerkit import ChatRouter
from routerkit import Reply, ToolCall
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.langchain.scripting import scripted


class Point(BaseModel):
    """A point."""

    x: int


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured_output_with_raw_reports_what_cannot_be_read(method):
    """Instead of raising."""
    model, _ = scripted(make_reply("no json"))
    result = model.with_structured_output(Point, method=method, include_raw=True).invoke("hi")
    assert result["parsed"] is None
    assert result["parsing_error"] is not None
    assert "no json" == result["raw"].content


def test_strict_schema_is_sent():
    """Name, schema and strictness in the body."""
    model, provider = scripted(make_reply('{"x": 1}'))
    assert Point(x=1) == model.with_structured_output(Point, strict=True).invoke("hi")
    sent = provider.requests[0].response_format["json_schema"]
    assert ("Point", True, False) == (sent["name"], sent["strict"], sent["schema"]["additionalProperties"])


def test_structured_output_falls_back_to_tools_where_schemas_are_known_not_to_work():
    """Else every target of the pool would be dropped."""
    provider = ScriptedProvider([Reply("", (ToolCall("c", "Point", '{"x": 2}'),), "tool_calls")])
    model = ChatRouter(router=make_router({"a": provider}, targets=[make_target("a", can={"json_schema": False})]))
    assert Point(x=2) == model.with_structured_output(Point).invoke("hi")


def test_choice_of_a_tool_that_is_not_there_is_refused():
    """The provider's answer to it would cost a call."""
    with pytest.raises(ValueError, match="tool_choice 'g' is no tool of this call; it has Point"):
        scripted()[0].bind_tools([Point], tool_choice="g")


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("any", "required"),
        (True, "required"),
        ("auto", "auto"),
        ("Point", {"type": "function", "function": {"name": "Point"}}),
        ({"type": "tool", "name": "Point"}, {"type": "function", "function": {"name": "Point"}}),
        ({"type": "any"}, "required"),
        (None, None),
    ],
)
def test_every_way_to_choose_a_tool(choice, sent):
    """LangChain's, OpenAI's and Anthropic's."""
    model, provider = scripted()
    model.bind_tools([Point], tool_choice=choice).invoke("hi")
    assert sent == provider.requests[0].tool_choice


def test_no_tools_means_no_tool_parameters():
    """Providers refuse an empty list."""
    model, provider = scripted()
    model.bind_tools([], tool_choice="any").invoke("hi")
    assert ((), None) == (provider.requests[0].tools, provider.requests[0].tool_choice)
