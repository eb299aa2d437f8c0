"""OpenAI's embeddings, as the strict server speaks them: a vector tells the length and the first letter of its text."""

from __future__ import annotations

import base64
import struct
from typing import Any

from tests.servers.fault import Fault

_PARAMETERS = {"model", "input", "dimensions", "encoding_format", "user"}


def violation(body: Any) -> tuple[str, str] | None:
    """First rule that a request body breaks, as (message, parameter)."""
    if not isinstance(body, dict):
        return "We could not parse the JSON body of your request.", "body"
    for name in body.keys() - _PARAMETERS:
        return f"Unrecognized request argument supplied: {name}", name
    if not isinstance(body.get("model"), str):
        return "you must provide a model parameter", "model"
    if not _texts(body.get("input")) or any(not text for text in _texts(body["input"])):
        return "'$.input' is invalid.", "input"
    return None


def answer(body: dict[str, Any], fault: Fault) -> dict[str, Any]:
    """Body of an answer; the rows come backwards, which the format allows."""
    rows = [{"object": "embedding", "index": i, "embedding": _vector(text, body)} for i, text in enumerate(_texts(body["input"]))]
    tokens = sum(len(text) for text in _texts(body["input"]))
    kept = rows[: -1 if fault.no_choices else None]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": kept[::-1], "model": fault.model or body["model"], "usage": usage}


def _texts(value: Any) -> list[Any]:
    if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], int)):
        return [value]
    return value if isinstance(value, list) else []


def _vector(text: Any, body: dict[str, Any]) -> Any:
    first = ord(text[0]) if isinstance(text, str) else text[0]
    numbers = [float(len(text)), float(first), *[0.5] * 8][: body.get("dimensions") or 4]
    if body.get("encoding_format") != "base64":
        return numbers
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
