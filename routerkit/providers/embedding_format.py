"""OpenAI's embeddings format: requests to bytes, answers to values."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from routerkit.as_written import WrittenAnswer
from routerkit.messages import Json, Reply, Request
from routerkit.providers import openai_format, openai_request
from routerkit.providers.as_read import is_strict
from routerkit.providers.openai_usage import counted, usage


def arguments(request: Request) -> dict[str, Json]:
    """What is sent, by name."""
    return {**request.extra, "model": request.model, "input": list(request.inputs)}


def payload(request: Request) -> bytes:
    """JSON body.

    Raises:
        ProviderError: `invalid_request` if the request is not JSON.
    """
    return openai_request.encode(arguments(request))


def reply(parsed: Json, request: Request, body: bytes | None = None) -> Reply:
    """Answer with its rows as `extra["data"]`, sorted as the inputs are.

    Raises:
        ProviderError: `malformed` unless there is one vector for each input.
    """
    rows = parsed.get("data") if isinstance(parsed, Mapping) else None
    if not isinstance(parsed, Mapping) or not isinstance(rows, list):
        raise openai_format.malformed("no list of vectors")
    found = {n: row for row in rows if isinstance(row, Mapping) and _is_vector(row.get("embedding")) and type(n := row.get("index")) is int}
    if len(rows) != len(found) or sorted(found) != list(range(len(request.inputs))):
        raise openai_format.malformed(f"{len(found)} vectors for {len(request.inputs)} inputs")
    model, used = parsed.get("model"), usage(parsed.get("usage"))
    return Reply(
        "",
        usage=counted(used, request, 0),
        model=model if isinstance(model, str) else request.model,
        extra={"data": [found[index] for index in sorted(found)]},
        written=WrittenAnswer(body, "") if body is not None and list(found) == sorted(found) and is_strict(body) else None,
    )


def _is_vector(value: Any) -> bool:
    """Whether it is finite numbers, or the base64 of four bytes for each."""
    try:
        if isinstance(value, str):
            return bool(value) and len(base64.b64decode(value, validate=True)) % 4 == 0
        return isinstance(value, list) and bool(value) and all(map(math.isfinite, value)) and bool not in set(map(type, value))
    except (ValueError, TypeError, OverflowError):  # what is no base64, no number, no number that a float can hold
        return False
