"""Tools and structured output, as arguments of a bound call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Final, Literal, NamedTuple, cast

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import BaseOutputParser, JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from routerkit import Json

Method = Literal["function_calling", "json_mode", "json_schema"]
Schema = Mapping[str, object] | type
ToolLike = Mapping[str, object] | type | Callable[..., object] | BaseTool
Arguments = dict[str, object]

_PLAIN_CHOICES: Final = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


class Structured(NamedTuple):
    """How to ask for a structured answer, and how to read it."""

    arguments: Arguments
    parser: Runnable[AIMessage, object]


def tool_arguments(tools: Sequence[ToolLike], choice: object, *, strict: bool | None) -> Arguments:
    """Arguments that offer tools; without tools none at all, since providers refuse an empty list.

    Raises:
        ValueError: `choice` names a tool that is not there.
    """
    offered = [convert_to_openai_tool(cast("dict[str, object]", tool), strict=strict) for tool in tools]
    if not offered:
        return {}
    names = [str(tool["function"]["name"]) for tool in offered if "function" in tool]
    chosen = _choice(choice, names)
    return {"tools": offered} if chosen is None else {"tools": offered, "tool_choice": chosen}


def structured(schema: Schema, method: Method, *, strict: bool | None) -> Structured:
    """A structured answer by one of the three methods.

    Raises:
        ValueError: `method` is none of them.
    """
    if method == "function_calling":
        return _by_tool(schema, strict=strict)
    if method == "json_schema":
        return Structured({"response_format": response_format(schema, strict=strict)}, _reader(schema))
    if method == "json_mode":
        return Structured({"response_format": {"type": "json_object"}}, _reader(schema))
    raise ValueError(f"unknown method {method!r}; use 'json_schema', 'function_calling' or 'json_mode'")


def with_raw(
    model: Runnable[LanguageModelInput, AIMessage], parser: Runnable[AIMessage, object]
) -> Runnable[LanguageModelInput, dict[str, object]]:
    """The message, what was read from it, and what went wrong while reading."""
    read = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | read.with_fallbacks([failed], exception_key="parsing_error")


def response_format(schema: object, *, strict: bool | None = None) -> dict[str, Json]:
    """`response_format` for a schema: a Pydantic class, a TypedDict, a JSON schema, or a ready-made format, which is kept."""
    if isinstance(schema, Mapping) and schema.get("type") in {"json_object", "json_schema", "text"}:
        return dict(schema)
    function = convert_to_openai_function(cast("dict[str, object]", schema), strict=strict)
    wanted: dict[str, Json] = {
        "name": re.sub(r"[^a-zA-Z0-9_-]", "_", str(function["name"]))[:64],
        "schema": function.get("parameters") or {"type": "object", "properties": {}},
    }
    if description := function.get("description"):
        wanted["description"] = description
    if strict is not None:
        wanted["strict"] = strict
    return {"type": "json_schema", "json_schema": wanted}


def _choice(choice: object, names: Sequence[str]) -> Json:
    if choice is None or choice is False or choice == "":
        return None
    if choice is True:
        return "required"
    if isinstance(choice, Mapping):
        named = choice.get("function") or choice  # Anthropic says {"type": "tool", "name": ...}
        name = named.get("name") if isinstance(named, Mapping) else None
        return _named(str(name), names) if name else _PLAIN_CHOICES[str(choice.get("type", "auto"))]
    return _PLAIN_CHOICES.get(str(choice)) or _named(str(choice), names)


def _named(name: str, names: Sequence[str]) -> Json:
    if name not in names:
        raise ValueError(f"tool_choice {name!r} is no tool of this call; it has {', '.join(names)}")
    return {"type": "function", "function": {"name": name}}


def _by_tool(schema: Schema, *, strict: bool | None) -> Structured:
    arguments = tool_arguments([schema], None, strict=strict)
    name = convert_to_openai_tool(cast("dict[str, object]", schema))["function"]["name"]
    arguments["tool_choice"] = {"type": "function", "function": {"name": name}}
    model = _pydantic(schema)
    if model is not None:
        return Structured(arguments, PydanticToolsParser(tools=[model], first_tool_only=True))
    return Structured(arguments, JsonOutputKeyToolsParser(key_name=name, first_tool_only=True))


def _reader(schema: Schema) -> Runnable[AIMessage, object]:
    model = _pydantic(schema)
    parser: BaseOutputParser[object] = PydanticOutputParser(pydantic_object=model) if model is not None else JsonOutputParser()
    return cast("Runnable[AIMessage, object]", parser)


def _pydantic(schema: Schema) -> type[BaseModel] | None:
    return schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
