"""OpenAI's wire format, as the strict server speaks it."""

from __future__ import annotations

import json
import zlib
from typing import Any

from tests.servers.brain import Answer
from tests.servers.fault import Fault, Framing

DONE = "[DONE]"


def whole(answer: Answer, fault: Fault, model: str, n: int) -> dict[str, Any]:
    """Body of a whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
    if answer.reasoning is not None:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [_call(c, fault, n, i) for i, c in enumerate(answer.tool_calls)]
    message |= fault.message
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason, **fault.choice}
    body = {**_top(n, model, "chat.completion"), "choices": [] if fault.no_choices else [choice]}
    return body if fault.usage == "missing" else {**body, "usage": answer.usage}


def events(answer: Answer, fault: Fault, model: str, n: int, *, with_usage: bool) -> list[str]:
    """Data of all events of a streamed answer, `[DONE]` last."""
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": "", "refusal": None, **fault.message}, None)]
    deltas += [({"reasoning_content": piece}, None) for piece in _pieces(answer.reasoning)]
    deltas += [({"content": piece}, None) for piece in _pieces(answer.text)]
    deltas += [({"refusal": piece}, None) for piece in _pieces(answer.refusal)]
    for i, call in enumerate(answer.tool_calls):
        deltas += [({"tool_calls": [delta]}, None) for delta in _call_deltas(call, fault, n, i)]
    deltas.append(({}, answer.finish_reason))
    ending = {answer.finish_reason: fault.choice}
    head = {"index": 0, "logprobs": None}
    top = _top(n, model, "chat.completion.chunk") | ({"usage": None} if with_usage else {})
    bodies = [
        {**top, "choices": [] if fault.no_choices else [{**head, "delta": delta, "finish_reason": finish, **ending.get(finish, {})}]}
        for delta, finish in deltas
    ]
    if with_usage and fault.usage != "missing":
        bodies.append({**top, "choices": [], "usage": answer.usage})
    return [json.dumps(body, ensure_ascii=False) for body in bodies] + ([] if fault.no_done else [DONE])


def framed(data: str, framing: Framing, *, is_first: bool, is_last: bool) -> bytes:
    """One event in one of the forms that the event-stream format allows."""
    lines = [f"data: {data}"]
    if framing == "multiline" and data != DONE:
        lines = [f"data: {line}" for line in json.dumps(json.loads(data), indent=1, ensure_ascii=False).split("\n")]
    elif framing == "no_space":
        lines = [f"data:{data}"]
    elif framing == "comments":
        lines = [": keep-alive", *lines]
    elif framing == "fields":
        lines = ["event: message", "id: 7", "retry: 1000", *lines]
    end = {"crlf": "\r\n", "cr": "\r"}.get(framing, "\n")
    text = end.join(lines) + ("" if framing == "unended" and is_last else 2 * end)
    return (b"\xef\xbb\xbf" if framing == "bom" and is_first else b"") + text.encode()


def compressed(body: bytes, how: str) -> bytes:
    """The body as gzip, or as deflate with or without its zlib wrapper."""
    codec = zlib.compressobj(wbits={"gzip": 31, "deflate": 15, "raw_deflate": -15}[how])
    return codec.compress(body) + codec.flush()


def error(message: str, kind: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """Body of an error."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def _top(n: int, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{n}", "object": kind, "created": 1_750_000_000, "model": model, "system_fingerprint": "fp_strict"}


def _pieces(text: str | None, size: int = 5) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)] if text else []


def _call(call: tuple[str, str], fault: Fault, n: int, i: int) -> dict[str, Any]:
    name, arguments = call
    identity = {} if fault.no_ids else {"id": f"call_{n}_{i}"}
    return {**identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def _call_deltas(call: tuple[str, str], fault: Fault, n: int, i: int) -> list[dict[str, Any]]:
    first = {"index": i, **_call((call[0], ""), fault, n, i)}
    return [first, *({"index": i, "function": {"arguments": piece}} for piece in _pieces(call[1]))]
