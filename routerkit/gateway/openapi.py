"""`/openapi.json`: what the gateway takes and gives, for generated clients and tests; built from the sets that requests are checked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from routerkit.fair_queue import PRIORITIES
from routerkit.gateway import anthropic, completions, embeddings, responses, wire
from routerkit.gateway.chat_shape import ROLES
from routerkit.gateway.limits import Limits
from routerkit.messages import TASK_KINDS

Schema = dict[str, Any]

_TEXT: Final[Schema] = {"type": "string"}
_NAME: Final[Schema] = {"type": "string", "minLength": 1}
_OBJECT: Final[Schema] = {"type": "object"}
_EVENT: Final[Schema] = {"type": "object", "properties": {"event": _TEXT, "data": _TEXT}, "required": ["data"]}
"""One event of a stream, as the tools that read such documents see it."""
_NUMBER: Final[Schema] = {"type": ["number", "null"], "minimum": 0, "maximum": wire.HOTTEST}
_COUNT: Final[Schema] = {"type": ["integer", "null"], "minimum": 1, "maximum": wire.MOST_TOKENS}
_FLAG: Final[Schema] = {"type": ["boolean", "null"]}
_STATUSES: Final = (400, 401, 403, 404, 405, 408, 413, 429, 500, 502, 503, 504)
_CONTENT: Final[Schema] = {"anyOf": [_TEXT, {"type": "null"}, {"type": "array", "items": {"type": "object", "required": ["type"]}}]}


def document(limits: Limits) -> Schema:
    """The whole document, in OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "routerkit", "version": "1", "description": "LLM calls, routed over pools of models."},
        "security": [{}, {"bearer": []}, {"header": []}],
        "paths": {
            "/v1/chat/completions": {"post": _asked(_chat(limits), {"choices": {"type": "array", "minItems": 1}}, is_streamed=True)},
            "/v1/completions": {"post": _asked(_completions(), {"choices": {"type": "array", "minItems": 1}}, is_streamed=True)},
            "/v1/responses": {"post": _asked(_responses(), {"output": {"type": "array"}}, is_streamed=True)},
            "/v1/messages": {"post": _asked(_messages(limits), {"content": {"type": "array"}}, is_streamed=True, error="AnthropicError")},
            "/v1/messages/count_tokens": {
                "post": _asked(_messages(limits, required=()), {"input_tokens": {"type": "integer"}}, error="AnthropicError")
            },
            "/v1/embeddings": {"post": _asked(_embeddings(limits), {"data": {"type": "array", "minItems": 1}})},
            "/v1/feedback": {"post": _asked(_feedback(), {"record_id": _TEXT}, status=202)},
            "/v1/models": {"get": _answered({"data": {"type": "array"}})},
            "/v1/decisions/{record_id}": {"get": {**_answered({"explain": _TEXT}), "parameters": [_path("record_id")]}},
            "/healthz": {"get": _answered({"status": _TEXT})},
            "/readyz": {"get": _readiness()},
        },
        "components": {
            "schemas": {"Error": _error(), "AnthropicError": _anthropic_error()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _chat(limits: Limits) -> Schema:
    message = {"type": "object", "required": ["role"], "properties": {"role": {"enum": sorted(ROLES)}, "content": _CONTENT}}
    own: Mapping[str, Schema] = {
        "model": _NAME,
        "messages": {"type": "array", "items": message, "minItems": 1, "maxItems": limits.messages},
        "tools": {"type": ["array", "null"], "items": _OBJECT},
        "response_format": {"type": ["object", "null"]},
        "temperature": _NUMBER,
        "max_tokens": _COUNT,
        "max_completion_tokens": _COUNT,
        "stop": {"anyOf": [_TEXT, {"type": "null"}, {"type": "array", "items": _TEXT}]},
        "stream": _FLAG,
        "n": {"enum": [1, None]},
        "metadata": _hints(),
    }
    return _body({name: own.get(name, {}) for name in sorted(wire.KNOWN)}, required=("model", "messages"))


def _completions() -> Schema:
    prompt = {"anyOf": [_NAME, {"type": "array", "items": _NAME, "minItems": 1, "maxItems": 1}]}
    own: Mapping[str, Schema] = {
        "model": _NAME,
        "prompt": prompt,
        "temperature": _NUMBER,
        "max_tokens": _COUNT,
        "stream": _FLAG,
        "metadata": _hints(),
    }
    return _body({name: own.get(name, {}) for name in sorted(completions.KNOWN)}, required=("model", "prompt"))


def _responses() -> Schema:
    own: Mapping[str, Schema] = {
        "model": _NAME,
        "input": {"anyOf": [_NAME, {"type": "array", "items": _OBJECT, "minItems": 1}]},
        "stream": _FLAG,
        "temperature": _NUMBER,
        "max_output_tokens": _COUNT,
        "metadata": _hints(),
    }
    return _body({name: own.get(name, {}) for name in sorted(responses.KNOWN)}, required=("model", "input"))


def _messages(limits: Limits, required: tuple[str, ...] = ("max_tokens",)) -> Schema:
    blocks = {"anyOf": [_TEXT, {"type": "array", "items": _OBJECT}]}
    message = {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": {"enum": ["user", "assistant"]}, "content": blocks},
    }
    own: Mapping[str, Schema] = {
        "model": _NAME,
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": wire.MOST_TOKENS},
        "messages": {"type": "array", "items": message, "minItems": 1, "maxItems": limits.messages},
        "stream": _FLAG,
        "temperature": _NUMBER,
    }
    return _body({name: own.get(name, {}) for name in sorted(anthropic.KNOWN)}, required=("model", "messages", *required))


def _embeddings(limits: Limits) -> Schema:
    tokens = {"type": "array", "items": {"type": "integer"}, "minItems": 1}
    own: Mapping[str, Schema] = {
        "model": _NAME,
        "input": {
            "anyOf": [_NAME, tokens, {"type": "array", "items": {"anyOf": [_NAME, tokens]}, "minItems": 1, "maxItems": limits.inputs}]
        },
        "dimensions": {"type": ["integer", "null"], "minimum": 1},
        "encoding_format": {"enum": list(embeddings.ENCODINGS)},
        "metadata": _hints(),
    }
    return _body({name: own.get(name, {}) for name in sorted(embeddings.KNOWN)}, required=("model", "input"))


def _feedback() -> Schema:
    return {
        "type": "object",
        "properties": {"record_id": {**_NAME, "maxLength": 200}, "success": {"type": "boolean"}, "evidence": _TEXT},
        "required": ["record_id", "success"],
    }


def _hints() -> Schema:
    texts = dict.fromkeys(("agent", "session", "tags", "deadline"), _TEXT)
    named: dict[str, Schema] = {"kind": {"enum": list(TASK_KINDS)}, "priority": {"enum": list(PRIORITIES)}}
    return {"type": ["object", "null"], "properties": {**texts, **named}}


def _body(properties: Mapping[str, Schema], *, required: tuple[str, ...]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}


def _asked(body: Schema, answer: Mapping[str, Schema], *, status: int = 200, is_streamed: bool = False, error: str = "Error") -> Schema:
    found = _answered(answer, status=status, error=error)
    if is_streamed:
        found["responses"][str(status)]["content"]["text/event-stream"] = {"schema": _EVENT}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}, **found}


def _answered(answer: Mapping[str, Schema], *, status: int = 200, error: str = "Error") -> Schema:
    good = {"type": "object", "properties": dict(answer), "required": list(answer)}
    refused = {"description": "Refused or failed.", "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{error}"}}}}
    answers: Schema = {str(status): {"description": "Done.", "content": {"application/json": {"schema": good}}}}
    return {"responses": answers | {str(code): refused for code in _STATUSES}}


def _readiness() -> Schema:
    found = _answered({"status": _TEXT})
    found["responses"]["503"] = {**found["responses"]["200"], "description": "Draining."}
    return found


def _path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _NAME}


def _error() -> Schema:
    fields = {"message": _NAME, "type": _NAME, "param": {"type": ["string", "null"]}, "code": _NAME}
    inner = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {"type": "object", "properties": {"error": inner}, "required": ["error"], "additionalProperties": False}


def _anthropic_error() -> Schema:
    inner = {
        "type": "object",
        "properties": {"type": _NAME, "message": _NAME},
        "required": ["type", "message"],
        "additionalProperties": False,
    }
    return {"type": "object", "properties": {"type": {"const": "error"}, "error": inner}, "required": ["type", "error"]}
