"""Structured output and tools, as they are bound and sent."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel

from langchain_routerkit import ChatRouter
from routerkit import Reply, ToolCall
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.langchain.scripting import scripted


async def drained(stream):
    return [piece async for piece in stream]


def merged(stream):
    return {name: value for piece in stream for name, value in piece.items()}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


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


CUT = replace(make_reply('{"x": 12'), finish_reason="length")
UNREADABLE = Reply("", (ToolCall("c", "Point", '{"x": 1'),), "tool_calls")


@pytest.mark.parametrize(
    "schema", [Point, {"title": "Point", "type": "object", "properties": {"x": {"type": "integer"}}}], ids=["class", "dict"]
)
@pytest.mark.parametrize(
    ("reply", "method", "problem"),
    [
        (CUT, "json_schema", "cut at its token limit"),
        (CUT, "json_mode", "cut at its token limit"),
        (UNREADABLE, "function_calling", "'Point' cannot be read: .*arguments are not"),
    ],
    ids=["cut", "cut-mode", "call"],
)
async def test_structured_answers_are_never_made_up(schema, reply, method, problem):
    """LangChain's own parsers close cut JSON, and give None or nothing for the rest; whole or streamed, and with `include_raw`."""
    model, _ = scripted(reply)
    chain = model.with_structured_output(schema, method=method)
    raw = model.with_structured_output(schema, method=method, include_raw=True)
    for ask in (chain.invoke, lambda x: list(chain.stream(x))):
        with pytest.raises(OutputParserException, match=problem):
            ask("hi")
    for ask in (chain.ainvoke, lambda x: drained(chain.astream(x))):
        with pytest.raises(OutputParserException, match=problem):
            await ask("hi")
    for told in (raw.invoke("hi"), merged(raw.stream("hi"))):
        assert told["parsed"] is None
        assert re.search(problem, str(told["parsing_error"]))


def test_refusal_instead_of_a_structure_is_told():
    """With the model's words."""
    with pytest.raises(OutputParserException, match="the model refused: I will not"):
        scripted(Reply("", refusal="I will not"))[0].with_structured_output(Point).invoke("hi")


def test_streamed_answer_without_structure_is_an_error():
    """Not an empty stream."""
    with pytest.raises(OutputParserException, match="Invalid json output"):
        list(scripted(make_reply("no json"))[0].with_structured_output(Point).stream("hi"))


def test_streamed_structure_grows():
    """As far as it can be read."""
    seen = list(scripted(make_reply('{"x": 1, "y": 2}'))[0].with_structured_output({"title": "Any", "type": "object"}).stream("hi"))
    assert ({}, {"x": 1, "y": 2}) == (seen[0], seen[-1])


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
    with pytest.raises(ValueError, match="tool_choice 'g' is not a tool of this call; it has Point"):
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
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}, {"type": "allowed_tools", "allowed_tools": {"mode": "auto"}}),
        (None, None),
        ({}, None),
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


@pytest.mark.parametrize("way", ["at the call", "bound", "beside a structure"])
def test_tools_may_be_given_as_call_options(way):
    """In every form that `bind_tools` takes, and so may the choice."""
    model, provider = scripted(make_reply('{"x": 1}'))
    options = {"tools": [add], "tool_choice": "any"}
    if way == "at the call":
        model.invoke("hi", **options)
    elif way == "bound":
        model.bind(**options).invoke("hi")
    else:
        model.with_structured_output(Point, **options).invoke("hi")
    request = provider.requests[0]
    assert ("add", "required") == (request.tools[0]["function"]["name"], request.tool_choice)


def test_nothing_is_said_about_tools_that_are_not_there():
    """Servers refuse `parallel_tool_calls` and `tool_choice` alone; agents without tools, or between them, have both set."""
    model, provider = scripted(parallel_tool_calls=False)
    model.invoke("hi")
    model.bind_tools([], tool_choice="auto", parallel_tool_calls=False).invoke("hi")
    model.invoke("hi", tool_choice="auto")
    model.bind_tools([add]).invoke("hi")
    assert [{}, {}, {}, {"parallel_tool_calls": False}] == [request.extra for request in provider.requests]
    assert {None} == {request.tool_choice for request in provider.requests}
