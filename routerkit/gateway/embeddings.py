"""`/v1/embeddings`, in OpenAI's format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from routerkit.embedding import embedding_request, vectors
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import bad, refuse_unknown
from routerkit.gateway.wire import Body, request_of
from routerkit.messages import Json, Reply, Request

_PASSED: Final = ("dimensions", "encoding_format", "input_type", "user")
KNOWN: Final = frozenset({"model", "input", "metadata", *_PASSED})
ENCODINGS: Final = (None, "float", "base64")


def embeddings_of(body: Body, head: Head, limits: Limits) -> Request:
    """Request a body stands for; hints as for chats.

    Raises:
        Refusal: the body is no request for embeddings; names the field.
    """
    refuse_unknown(body, KNOWN)
    if body.get("encoding_format") not in ENCODINGS:
        raise bad("encoding_format must be float or base64", param="encoding_format")
    dimensions = body.get("dimensions")
    if dimensions is not None and (isinstance(dimensions, bool) or not isinstance(dimensions, int) or dimensions < 1):
        raise bad("dimensions must be a whole number above 0", param="dimensions")
    hinted = request_of(_with_hints(body), head, limits)
    wanted = embedding_request(
        hinted.model, _inputs(body.get("input"), limits), extra={name: body[name] for name in _PASSED if body.get(name) is not None}
    )
    return replace(hinted, messages=wanted.messages, extra=wanted.extra, inputs=wanted.inputs)


def answer(reply: Reply) -> dict[str, Any]:
    """Body of an answer that was not passed on as it was written."""
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors(reply))]
    tokens = reply.usage.input_tokens
    return {"object": "list", "data": data, "model": reply.model, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def _with_hints(body: Body) -> Body:
    """A chat of the same model and hints, for what is checked of both alike."""
    return {"model": body.get("model"), "metadata": body.get("metadata"), "messages": [{"role": "user", "content": ""}]}


def _inputs(value: Json, limits: Limits) -> list[Json]:
    texts = [value] if isinstance(value, str) or _is_tokens(value) else value
    if not isinstance(texts, list) or not texts or len(texts) > limits.inputs or not all(_is_text(text) for text in texts):
        raise bad(f"input must be a text, tokens, or a list of 1 to {limits.inputs:,} of either, none empty", param="input")
    return texts


def _is_text(value: Json) -> bool:
    return (isinstance(value, str) and value != "") or _is_tokens(value)


def _is_tokens(value: Json) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(n, int) and not isinstance(n, bool) for n in value)
