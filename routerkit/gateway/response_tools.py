"""Tools of OpenAI's second format as functions, which every provider has, and calls of them in the caller's own terms again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, cast

from routerkit.gateway.exchange import encode
from routerkit.gateway.parts import Tools
from routerkit.gateway.refusal import Refusal, bad
from routerkit.gateway.tool_names import portable_name
from routerkit.messages import Json

Object = Mapping[str, Json]
_TEXT: Final = "input"
"""Parameter that holds what a custom tool is given, which is plain text."""


class Tool(NamedTuple):
    """A tool that the caller runs."""

    name: str
    namespace: str | None
    is_custom: bool
    """Whether it takes text instead of arguments."""
    function: Object

    @property
    def full_name(self) -> str:
        """What providers call it."""
        return flat_name(self.name, self.namespace)


def flat_name(name: Json, namespace: Json) -> str:
    """One name for a tool of a namespace; other providers have none."""
    return portable_name(f"{namespace}__{name}" if namespace else str(name or ""))


def tools_of(body: Object) -> dict[str, Tool]:
    """The tools a caller runs itself, by the name providers get.

    Tools that OpenAI would run (`web_search`, …) are offers which a model need not take up, and agents send them with every request:
    beside functions they are left out. On their own, or where one must be called, they are what the request is about.

    Raises:
        Refusal: nothing but tools that one provider runs, or a malformed list.
    """
    if isinstance(known := body.get("tools"), Tools):
        return cast("dict[str, Tool]", known.own)
    given = objects(body.get("tools") or [], "tools")
    found = {tool.full_name: tool for entry in given for tool in _callable(entry)}
    if given and not found:
        raise _elsewhere(given[0].get("type"))
    return found


def choice_of(body: Object, tools: Mapping[str, Tool]) -> Json:
    """Which tool must be called, as chats say it; None without a wish.

    Raises:
        Refusal: a tool that the caller does not run.
    """
    choice = body.get("tool_choice")
    if not tools or not isinstance(choice, Mapping):
        return choice if tools else None
    name = flat_name(choice.get("name"), choice.get("namespace"))
    if choice.get("type") not in ("function", "custom") or name not in tools:
        raise _elsewhere(choice.get("name") or choice.get("type"))
    return {"type": "function", "function": {"name": name}}


def text_as_arguments(text: Json) -> str:
    """What a custom tool was given, as arguments of the function that stands for it."""
    return encode({_TEXT: text if isinstance(text, str) else ""}).decode()


def arguments_as_text(arguments: str) -> str:
    """What a custom tool is given; arguments of another form as they are, so that nothing a model wrote is lost."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    text = value.get(_TEXT) if isinstance(value, dict) else None
    return text if isinstance(text, str) else arguments


def objects(value: Json, name: str) -> list[Object]:
    """The elements of a list of objects.

    Raises:
        Refusal: it is none.
    """
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        raise bad(f"{name} must be a list of objects", param=name)
    return [v for v in value if isinstance(v, Mapping)]


def _callable(entry: Object, namespace: str | None = None) -> Iterator[Tool]:
    name, kind = entry.get("name"), entry.get("type")
    if kind == "namespace" and namespace is None:
        for inner in objects(entry.get("tools") or [], "tools"):
            yield from _callable(inner, str(name))
    elif kind in ("function", "custom"):
        function = _of_custom(entry) if kind == "custom" else _of_function(entry)
        yield Tool(str(name), namespace, kind == "custom", {**function, "name": flat_name(name, namespace)})


def _of_function(entry: Object) -> Object:
    return {name: value for name, value in entry.items() if name in ("description", "parameters", "strict") and value is not None}


def _of_custom(entry: Object) -> Object:
    form = entry.get("format")
    rule = form.get("definition") if isinstance(form, Mapping) else None
    grammar = f"\n\nThe text must match this grammar:\n{rule}" if rule else ""
    schema: Object = {"type": "object", "properties": {_TEXT: {"type": "string"}}, "required": [_TEXT], "additionalProperties": False}
    return {"description": f"{entry.get('description') or ''}{grammar}", "parameters": schema}


def _elsewhere(what: Json) -> Refusal:
    return bad(f"tool {str(what)[:40]!r} runs at one provider only; give functions", param="tools")
