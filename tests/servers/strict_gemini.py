"""A strict server of Gemini's generateContent format, with the brain and the faults of `strict_openai`."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.servers.answering import Answering
from tests.servers.brain import Answer
from tests.servers.strict_openai import StrictOpenAI

_PARAMETERS = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"})
_PART_KEYS = frozenset({"text", "inlineData", "fileData", "functionCall", "functionResponse", "thought", "thoughtSignature"})
_SCHEMA_KEYS = frozenset({"$ref", "$defs", "$schema", "additionalProperties"})
"""What Gemini's own schema dialect (`parameters`) does not know."""
_SENTINEL = base64.b64encode(b"skip_thought_signature_validator").decode()
_FINISH = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"}
_PATH = re.compile(r"POST /v1beta/models/([^/:]+):(generateContent|streamGenerateContent)(\?alt=sse)? HTTP/1.1")


class StrictGemini(StrictOpenAI):
    """The server; `base_url` is what litellm's provider `gemini` is given."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1beta"

    @property
    def signature(self) -> str:
        """The thought signature this server, and no other, issues and accepts."""
        return base64.b64encode(f"thought signature of {self.port}".encode()).decode()


class GeminiAnswering(Answering):
    """One answer in Gemini's format."""

    async def _healthy(self, start: str, headers: dict[str, str], raw: bytes) -> None:
        if headers.get("x-goog-api-key") != self._server.api_key:
            return await self._send(401, _error(401, "API key not valid."))
        path = _PATH.fullmatch(start)
        if path is None:
            return await self._send(404, _error(404, f"not found: {start}"))
        body, model = _camel(json.loads(raw)), path[1]
        signature: str = self._server.signature  # type: ignore[attr-defined]  # only StrictGemini uses this class
        is_signed = model.startswith("gemini-3")
        problem = next(violations(body, signature, is_signed=is_signed), None)
        if problem is not None:
            return await self._send(400, _error(400, problem))
        answer = self._answer({**as_openai(body), "model": model})
        parts = _parts(answer, signature if is_signed else None)
        if path[2] == "generateContent":
            return await self._send(200, json.dumps(_body(parts, answer, model, is_last=True)).encode())
        pieces = [[p] for part in parts for p in _pieces(part)]
        bodies = [_body(piece, answer, model, is_last=piece is pieces[-1]) for piece in pieces]
        return await self._stream([json.dumps(b) for b in bodies])


StrictGemini.answering = GeminiAnswering


def violations(body: dict[str, Any], signature: str, *, is_signed: bool) -> Iterator[str]:
    """Rules of the format that a body breaks."""
    for name in body.keys() - _PARAMETERS:
        yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    contents = body.get("contents") or []
    if not contents:
        yield "GenerateContentRequest.contents: contents is not specified"
    for n, content in enumerate(contents):
        yield from _content(content, f"contents[{n}]", signature, is_signed=is_signed)
    yield from _pairs(contents)
    for tool in body.get("tools") or ():
        for declaration in tool.get("functionDeclarations") or ():
            if declaration.keys() - {"name", "description", "parameters", "parametersJsonSchema", "response", "behavior"}:
                yield f"Unknown name in function_declarations: {sorted(declaration)}"
            if _SCHEMA_KEYS & _keys(declaration.get("parameters") or {}):
                yield f"Unknown name in parameters of {declaration['name']}: {sorted(_SCHEMA_KEYS & _keys(declaration['parameters']))}"


def _content(content: dict[str, Any], where: str, signature: str, *, is_signed: bool) -> Iterator[str]:
    if content.get("role") not in {"user", "model"} or not content.get("parts"):
        yield f"{where}: please use a valid role: user, model, with at least one part"
        return
    first_call = True
    for part in content["parts"]:
        if part.keys() - _PART_KEYS or not part.keys() - {"thought", "thoughtSignature"}:
            yield f"{where}: unknown or missing part data: {sorted(part)}"
        signed = part.get("thoughtSignature")
        if signed not in {None, signature, _SENTINEL}:
            yield f"{where}: Corrupted thought signature."
        if "functionCall" in part:
            if is_signed and first_call and signed is None:
                yield f"{where}: Function call is missing a thought_signature in functionCall parts."
            first_call = False


def _pairs(contents: list[dict[str, Any]]) -> Iterator[str]:
    waiting = 0
    for content in contents:
        answers = sum("functionResponse" in part for part in content.get("parts") or ())
        if answers != waiting:
            yield "the number of function response parts must equal the number of function call parts of the function call turn."
        waiting = sum("functionCall" in part for part in content.get("parts") or ())


def as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """The request as the brain reads it."""
    messages = [{"role": "system", "content": _text(body["systemInstruction"])}] if body.get("systemInstruction") else []
    for content in body["contents"]:
        results = [p["functionResponse"] for p in content["parts"] if "functionResponse" in p]
        messages += [{"role": "tool", "content": json.dumps(r.get("response"))} for r in results]
        rest = {"parts": [p for p in content["parts"] if "functionResponse" not in p]}
        if rest["parts"]:
            messages.append({"role": "assistant" if content["role"] == "model" else "user", "content": _text(rest)})
    settings = body.get("generationConfig") or {}
    asked: dict[str, Any] = {"messages": messages, "max_tokens": settings.get("maxOutputTokens"), "stop": settings.get("stopSequences")}
    asked["reasoning_effort"] = settings.get("thinkingConfig")
    tools = [
        {"function": {"name": d["name"], "parameters": _lower(_schema(d))}}
        for t in body.get("tools") or ()
        for d in t["functionDeclarations"]
    ]
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    named = calling.get("allowedFunctionNames")
    choice: Any = {"ANY": "required", "NONE": "none"}.get(calling.get("mode", "AUTO"), "auto")
    asked |= {"tools": tools, "tool_choice": {"function": {"name": named[0]}} if named else choice} if tools else {}
    if settings.get("responseMimeType") == "application/json":
        schema = settings.get("responseJsonSchema") or settings.get("responseSchema")
        form = {"type": "json_schema", "json_schema": {"schema": _lower(schema)}} if schema else {"type": "json_object"}
        asked["response_format"] = form
    return asked


def _schema(declaration: dict[str, Any]) -> dict[str, Any]:
    return declaration.get("parametersJsonSchema") or declaration.get("parameters") or {"type": "object", "properties": {}}


def _parts(answer: Answer, signature: str | None) -> list[dict[str, Any]]:
    calls = [{"functionCall": {"name": name, "args": json.loads(arguments)}} for name, arguments in answer.tool_calls]
    if calls and signature:
        calls[0] = {**calls[0], "thoughtSignature": signature}
    return [*([{"text": answer.text}] if answer.text else []), *calls]


def _pieces(part: dict[str, Any]) -> list[dict[str, Any]]:
    text = part.get("text")
    return [{"text": text[i : i + 8]} for i in range(0, len(text), 8)] if text else [part]


def _body(parts: list[dict[str, Any]], answer: Answer, model: str, *, is_last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if is_last:
        candidate["finishReason"] = _FINISH[answer.finish_reason]
    thought = answer.usage["completion_tokens_details"]["reasoning_tokens"]
    usage = {"promptTokenCount": answer.usage["prompt_tokens"], "candidatesTokenCount": answer.usage["completion_tokens"] - thought}
    usage |= {"thoughtsTokenCount": thought, "totalTokenCount": answer.usage["total_tokens"]}
    usage["cachedContentTokenCount"] = answer.usage["prompt_tokens_details"]["cached_tokens"]
    if heard := answer.usage["prompt_tokens_details"].get("audio_tokens"):
        usage["promptTokensDetails"] = [
            {"modality": "AUDIO", "tokenCount": heard},
            {"modality": "TEXT", "tokenCount": usage["promptTokenCount"] - heard},
        ]
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r"}


def _text(content: dict[str, Any]) -> str:
    return " ".join(p.get("text", "") for p in content["parts"])


def _camel(value: Any) -> Any:
    """Google takes both spellings; only our own levels are respelled, never arguments or schemas."""
    if isinstance(value, list):
        return [_camel(v) for v in value]
    if not isinstance(value, dict):
        return value
    opaque = {"parameters", "args", "response", "responseJsonSchema", "responseSchema", "parametersJsonSchema"}
    named = {re.sub(r"_([a-z])", lambda m: m[1].upper(), key): v for key, v in value.items()}
    return {key: v if key in opaque else _camel(v) for key, v in named.items()}


def _lower(schema: Any) -> Any:
    """Google's dialect writes types in capitals."""
    if isinstance(schema, list):
        return [_lower(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: v.lower() if k == "type" and isinstance(v, str) else _lower(v) for k, v in schema.items()}


def _keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*(_keys(s) for s in schema), set())
    return set(schema).union(*(_keys(s) for s in schema.values())) if isinstance(schema, dict) else set()


def _error(status: int, message: str) -> bytes:
    return json.dumps({"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}).encode()
