"""OpenAI's embeddings format: requests to bytes, answers to values."""

from __future__ import annotations

from collections.abc import Mapping

from routerkit.as_written import WrittenAnswer
from routerkit.messages import Json, Reply, Request
from routerkit.providers import openai_format
from routerkit.providers.openai_usage import counted, usage


def arguments(request: Request) -> dict[str, Json]:
    """What is sent, by name."""
    return {**request.extra, "model": request.model, "input": list(request.inputs)}


def payload(request: Request) -> bytes:
    """JSON body.

    Raises:
        ProviderError: `invalid_request` if the request is not JSON.
    """
    return openai_format.encode(arguments(request))


def reply(parsed: Json, request: Request, body: bytes | None = None) -> Reply:
    """Answer with its rows as `extra["data"]`, sorted as the inputs are.

    Raises:
        ProviderError: `malformed` unless there is one vector for each input.
    """
    rows = parsed.get("data") if isinstance(parsed, Mapping) else None
    if not isinstance(parsed, Mapping) or not isinstance(rows, list):
        raise openai_format.malformed("no list of vectors")
    found = {index: row for row in rows if isinstance(row, Mapping) and row.get("embedding") and isinstance(index := row.get("index"), int)}
    if len(rows) != len(found) or sorted(found) != list(range(len(request.inputs))):
        raise openai_format.malformed(f"{len(found)} vectors for {len(request.inputs)} inputs")
    model, used = parsed.get("model"), usage(parsed.get("usage"))
    return Reply(
        "",
        usage=counted(used, request, 0),
        model=model if isinstance(model, str) else request.model,
        extra={"data": [found[index] for index in sorted(found)]},
        written=None if body is None else WrittenAnswer(body, ""),
    )
