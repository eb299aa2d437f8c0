"""Tools and structured output, as arguments of a bound call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, cast

from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_function, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel

from langchain_routerkit.reading import Reader
from routerkit import Json

Method = Literal["function_calling", "json_mode", "json_schema"]
Schema = Mapping[str, object] | type
ToolLike = Mapping[str, object] | type | Callable[..., object] | BaseTool
Arguments = dict[str, object]

_PLAIN_CHOICES: Final = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


class Structured(NamedTuple):
    """How to ask for a structured answer, and how to read it."""

    arguments: Arguments
    reader: Reader


class Offer(NamedTuple):
    """Tools, and which of them to call, in OpenAI's format."""

    tools: list[dict[str, Json]]
    choice: Json

    def arguments(self) -> Arguments:
        """As arguments of a call; without tools none at all, since providers refuse an empty list."""
        if not self.tools:
            return {}
        return {"tools": self.tools} if self.choice is None else {"tools": self.tools, "tool_choice": self.choice}


def offer(tools: Iterable[ToolLike], choice: object, *, strict: bool | None) -> Offer:
    """Tools in OpenAI's format, whatever they are given as; those that have it already stay as they are.

    Raises:
        ValueError: something is not a tool, or `choice` names one that is not there.
    """
    offered = [convert_to_openai_tool(cast("dict[str, object]", tool), strict=strict) for tool in tools]
    names = [str(tool["function"]["name"]) for tool in offered if "function" in tool]
    return Offer(offered, _choice(choice, names) if offered else None)


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
    if not choice:
        return None
    if choice is True:
        return "required"
    if isinstance(choice, Mapping):
        named = choice.get("function") or choice  # Anthropic says {"type": "tool", "name": ...}
        name = named.get("name") if isinstance(named, Mapping) else None
        return _named(str(name), names) if name else _PLAIN_CHOICES.get(str(choice.get("type", "auto")), dict(choice))
    return _PLAIN_CHOICES.get(str(choice)) or _named(str(choice), names)


def _named(name: str, names: Sequence[str]) -> Json:
    if name not in names:
        raise ValueError(f"tool_choice {name!r} is not a tool of this call; it has {', '.join(names)}")
    return {"type": "function", "function": {"name": name}}


def _by_tool(schema: Schema, *, strict: bool | None) -> Structured:
    arguments = offer([schema], None, strict=strict).arguments()
    name = convert_to_openai_tool(cast("dict[str, object]", schema))["function"]["name"]
    arguments["tool_choice"] = {"type": "function", "function": {"name": name}}
    if (model := _pydantic(schema)) is not None:
        return Structured(arguments, Reader(PydanticToolsParser(tools=[model], first_tool_only=True)))
    return Structured(arguments, Reader(JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)))


def _reader(schema: Schema) -> Reader:
    model = _pydantic(schema)
    return Reader(PydanticOutputParser(pydantic_object=model) if model is not None else JsonOutputParser())


def _pydantic(schema: Schema) -> type[BaseModel] | None:
    return schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
