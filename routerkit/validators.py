"""Checks that need no model and run nothing: the answer is there, is whole, is JSON, fits its schema, parses, compiles.

A check accepts what it has nothing to say about, and says so in its evidence; a call of tools is not text, so only `non_empty` and
`complete` look at it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from routerkit.errors import ConfigError
from routerkit.messages import Json, Reply, Request
from routerkit.verifier import Verdict

FENCED: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*)\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""A fenced block: the fence, what stands behind it, the text; one that is never closed runs to the end."""
_PYTHON: Final = frozenset({"python", "py", "python3"})
_FENCED_JSON: Final = re.compile(r"\A\s*```(?:json)?[ \t]*\n(.*?)\n?```\s*\Z", re.DOTALL)
_FINE: Final = Verdict.accept()
_NO_TEXT: Final = Verdict.accept("the answer calls tools and has no text to check")

Look = Callable[[Request, Reply], Verdict]


@dataclass(frozen=True, slots=True)
class Validator:
    """A pure check as a verifier."""

    look: Look

    def verify(self, request: Request, reply: Reply) -> Verdict:
        """Look at one whole answer."""
        return self.look(request, reply)


def non_empty(request: Request, reply: Reply) -> Verdict:
    """There is text, or a call of tools that were offered, with arguments in JSON."""
    if not reply.tool_calls:
        return _FINE if reply.text.strip() else Verdict.reject(reply.refusal or "the answer is empty")
    offered = {_tool_name(tool) for tool in request.tools}
    for call in reply.tool_calls:
        if offered and call.name not in offered:
            return Verdict.reject(f"there is no tool {call.name!r}; there are {', '.join(sorted(offered))}")
        if not isinstance(_parsed(call.arguments), Mapping):
            return Verdict.reject(f"the arguments of {call.name} are not a JSON object")
    return _FINE


def complete(request: Request, reply: Reply) -> Verdict:
    """The answer was not cut off by a limit or a filter."""
    if reply.finish_reason in {"length", "content_filter"}:
        return Verdict.reject(f"the answer was cut off ({reply.finish_reason})")
    return _FINE


def json_text(request: Request, reply: Reply) -> Verdict:
    """The whole text is JSON; a fence around it is allowed."""
    if _is_tool_call(reply):
        return _NO_TEXT
    value = _parsed(_unfenced(reply.text))
    return Verdict.reject(str(value)) if isinstance(value, ValueError) else _FINE


def json_schema(request: Request, reply: Reply) -> Verdict:
    """The text is JSON that fits the schema of the request's `response_format`."""
    from jsonschema import Draft202012Validator  # an optional extra, and half of our import budget
    from jsonschema.exceptions import SchemaError, best_match
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    schema = _schema(request)
    if _is_tool_call(reply) or schema is None:
        return Verdict.accept("there is no JSON schema in response_format") if schema is None else _NO_TEXT
    value = _parsed(_unfenced(reply.text))
    if isinstance(value, ValueError):
        return Verdict.reject(str(value))
    try:
        Draft202012Validator.check_schema(schema)
        # An empty registry: the default one would fetch whatever address a caller's schema names.
        error = best_match(Draft202012Validator(schema, registry=Registry()).iter_errors(value))
    except (SchemaError, Unresolvable) as exc:
        return Verdict.unable(f"the request's own schema is wrong: {str(exc).partition(chr(10))[0]}"[:500])
    return _FINE if error is None else Verdict.reject(f"at {error.json_path}: {error.message}"[:500])


def parses(request: Request, reply: Reply) -> Verdict:
    """All Python in the answer parses: its fenced Python blocks, or the whole text when it has no fences."""
    return _python(reply, ast.parse)


def compiles(request: Request, reply: Reply) -> Verdict:
    """As `parses`, and compiles to bytecode, which nothing runs."""
    return _python(reply, lambda code: compile(code, "answer", "exec", dont_inherit=True))


VALIDATORS: Final[Mapping[str, Look]] = {
    "non_empty": non_empty,
    "complete": complete,
    "json": json_text,
    "json_schema": json_schema,
    "parses": parses,
    "compiles": compiles,
}
"""By the name that `verify` uses."""


def validator(name: str) -> Validator:
    """The shipped check of that name.

    Raises:
        ConfigError: it needs a package that is not installed.
    """
    if name == "json_schema":
        from importlib.util import find_spec  # only asked while a configuration is loaded

        if find_spec("jsonschema") is None:
            raise ConfigError("the check json_schema needs jsonschema; pip install 'routerkit[verify]'")
    return Validator(VALIDATORS[name])


def python_blocks(text: str) -> list[str]:
    """Fenced blocks marked as Python, or not marked at all; the whole text when nothing is fenced."""
    found = [(info.strip().lower().split(" ")[0], code) for _, info, code in FENCED.findall(text)]
    if not found:
        return [text] if text.strip() else []
    return [code for info, code in found if info in _PYTHON] or [code for info, code in found if not info]


def _python(reply: Reply, read: Callable[[str], object]) -> Verdict:
    if _is_tool_call(reply):
        return _NO_TEXT
    blocks = python_blocks(reply.text)
    if not blocks:
        return Verdict.reject("there is no Python code in the answer")
    for code in blocks:
        try:
            read(code)
        except SyntaxError as exc:
            return Verdict.reject(": ".join([f"line {exc.lineno}", exc.msg, *([exc.text.strip()] if exc.text else [])])[:500])
        except (ValueError, RecursionError, MemoryError) as exc:
            return Verdict.reject(f"the code cannot be read: {type(exc).__name__}")
    return _FINE


def _is_tool_call(reply: Reply) -> bool:
    return bool(reply.tool_calls) and not reply.text.strip()


def _parsed(text: str) -> Json | ValueError:
    import json  # with hashlib a tenth of our import time

    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError) as exc:
        return ValueError(f"the answer is not JSON: {exc}")
    return value


def _unfenced(text: str) -> str:
    found = _FENCED_JSON.match(text)
    return found[1] if found else text


def _tool_name(tool: Mapping[str, Json]) -> str:
    function = tool.get("function")
    return str(function.get("name")) if isinstance(function, Mapping) else str(tool.get("name"))


def _schema(request: Request) -> Mapping[str, Json] | None:
    spec = (request.response_format or {}).get("json_schema")
    schema = spec.get("schema") if isinstance(spec, Mapping) else None
    return schema if isinstance(schema, Mapping) else None
