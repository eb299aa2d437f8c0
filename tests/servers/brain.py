"""The strict server's imitation of a model: enough sense to call the right tool with the right arguments."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

_STOP_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "by",
        "for",
        "from",
        "function",
        "get",
        "in",
        "is",
        "it",
        "make",
        "of",
        "on",
        "or",
        "the",
        "to",
        "tool",
        "use",
        "using",
        "value",
        "what",
        "with",
        "you",
    }
)
_QUOTED = re.compile(r"(?<!\w)'([^'\n]+)'(?!\w)|\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`")
_INTEGER = re.compile(r"(?<![\w.])-?\d+(?![\w.]*\d)")


@dataclass(slots=True)
class Answer:
    """What the model says, before it is put on the wire."""

    text: str | None = None
    tool_calls: list[tuple[str, str]] = field(default_factory=list)
    refusal: str | None = None
    reasoning: str | None = None
    finish_reason: str = "stop"
    usage: dict[str, Any] = field(default_factory=dict)


def think(body: dict[str, Any]) -> Answer:
    """Answer a valid request."""
    called = _tools_to_call(body)
    answer = Answer(finish_reason="tool_calls", tool_calls=[_call(tool, body) for tool in called]) if called else Answer(text=_text(body))
    limit(answer, body)
    return answer


def limit(answer: Answer, body: dict[str, Any]) -> None:
    """Apply `stop` and `max_tokens`, then count."""
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        if answer.text is not None and stop in answer.text:
            answer.text = answer.text.partition(stop)[0]
    most = body.get("max_tokens") or body.get("max_completion_tokens")
    if most and answer.text is not None and tokens(answer.text) > most:
        answer.text, answer.finish_reason = answer.text[: 4 * most], "length"
    answer.usage = _usage(answer, body)


def tokens(text: str) -> int:
    """Four characters to a token."""
    return math.ceil(len(text) / 4)


def _usage(answer: Answer, body: dict[str, Any]) -> dict[str, Any]:
    asked = sum(tokens(text_of(m.get("content"))) for m in body["messages"]) + (tokens(json.dumps(body["tools"])) if "tools" in body else 0)
    said = tokens(answer.text or answer.refusal or "") + sum(tokens(name + arguments) for name, arguments in answer.tool_calls)
    thought = 8 if body.get("reasoning_effort") else 0
    has_audio = '"input_audio"' in json.dumps(body["messages"])
    return {
        "prompt_tokens": asked,
        "completion_tokens": said + thought,
        "total_tokens": asked + said + thought,
        "prompt_tokens_details": {"cached_tokens": asked // 2 if asked >= 1024 else 0, "audio_tokens": asked // 4 if has_audio else 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
    }


def text_of(content: Any) -> str:
    """Text of a message's content."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return content or ""


def _tools_to_call(body: dict[str, Any]) -> list[dict[str, Any]]:
    tools = [tool["function"] for tool in body.get("tools", [])]
    choice, last = body.get("tool_choice", "auto"), body["messages"][-1]
    if not tools or choice == "none":
        return []
    if isinstance(choice, dict):
        return [tool for tool in tools if tool["name"] == choice["function"]["name"]]
    if last["role"] == "tool":
        return tools[-1:] if choice == "required" else []
    prompt = _prompt(body)
    named = [tool for tool in tools if re.search(rf"(?<![\w-]){re.escape(tool['name'])}(?![\w-])", prompt)]
    if named:
        return named[:1] if body.get("parallel_tool_calls") is False else named
    related = [tool for tool in tools if _words(tool["name"]) & _words(prompt)]
    return (related or (tools if choice == "required" else []))[:1]


def _words(text: str) -> set[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ").lower()
    return set(re.findall(r"[^\W_]+", spaced)) - _STOP_WORDS


def _prompt(body: dict[str, Any]) -> str:
    return next((text_of(m.get("content")) for m in reversed(body["messages"]) if m["role"] == "user"), "")


def _call(tool: dict[str, Any], body: dict[str, Any]) -> tuple[str, str]:
    schema = tool.get("parameters") or {"type": "object", "properties": {}}
    return tool["name"], json.dumps(_Filler(_prompt(body), schema).fill(schema), ensure_ascii=False)


def _text(body: dict[str, Any]) -> str:
    prompt, form = _prompt(body), body.get("response_format") or {}
    if form.get("type") == "json_schema":
        schema = form["json_schema"]["schema"]
        return json.dumps(_Filler(prompt, schema).fill(schema), ensure_ascii=False)
    if form.get("type") == "json_object":
        keys = _Filler(prompt, {}).quoted or ["answer"]
        return json.dumps({key: f"value of {key}" for key in keys}, ensure_ascii=False)
    last = body["messages"][-1]
    if last["role"] == "tool":
        return f"The result is {text_of(last.get('content'))}."
    return f"You said: {prompt[:400]}"


class _Filler:
    """Shapes a value after a JSON schema, with numbers and quoted strings of the prompt where they fit."""

    def __init__(self, prompt: str, root: dict[str, Any]) -> None:
        self._root = root
        self.quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(prompt)]
        self._strings, self._integers = list(self.quoted), [int(n) for n in _INTEGER.findall(prompt)]

    def fill(self, schema: dict[str, Any], depth: int = 0) -> Any:
        schema = self._resolved(schema)
        for key in ("const", "enum"):
            if key in schema:
                return schema[key] if key == "const" else schema[key][0]
        options = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if options:
            return self.fill(next((o for o in options if o.get("type") != "null"), options[0]), depth)
        kind = schema.get("type", "object" if "properties" in schema else "string")
        kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
        return self._of_kind(kind, schema, depth)

    def _of_kind(self, kind: str, schema: dict[str, Any], depth: int) -> Any:
        if kind == "object":
            properties = schema.get("properties", {})
            wanted = schema.get("required", list(properties))
            return {name: self.fill(properties[name], depth + 1) for name in wanted if name in properties}
        if kind == "array":
            return [self.fill(schema["items"], depth + 1)] if "items" in schema and depth < 8 else []
        if kind in {"integer", "number"}:
            return self._integers.pop(0) if self._integers else 3
        if kind == "string":
            return self._strings.pop(0) if self._strings else "text"
        return True if kind == "boolean" else None

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            found: Any = self._root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema
