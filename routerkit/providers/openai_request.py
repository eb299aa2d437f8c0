"""Requests in OpenAI's chat format as bytes. What many of them have in common is written once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Final

from routerkit.errors import ProviderError
from routerkit.known import KnownMessages, KnownTools, fact
from routerkit.messages import Json, Request

Object = Mapping[str, Json]
_OWN_PARAMETERS: Final = frozenset({"model", "messages", "stream"})
_HOLES: Final = {name: f"_{os.urandom(8).hex()}_" for name in ("tools", "messages")}
"""What stands for texts that are known, the longest last; nobody else can have written it."""


def payload(request: Request, *, max_tokens_field: str = "max_tokens") -> bytes:
    """JSON body of a whole call.

    Args:
        request: What is asked; `request.extra` fills in what the request does not set, and never changes model or messages.
        max_tokens_field: Name of the limit, `max_tokens` or `max_completion_tokens`.

    Raises:
        ProviderError: `invalid_request` if the request is not JSON.
    """
    return encode(_body(request, max_tokens_field))


def stream_payload(request: Request, *, max_tokens_field: str = "max_tokens") -> bytes:
    """JSON body of a streamed call, as `payload`; usage is always asked for."""
    body = _body(request, max_tokens_field)
    options = body.get("stream_options")
    body["stream"] = True
    body["stream_options"] = {**(options if isinstance(options, Mapping) else {}), "include_usage": True}
    return encode(body)


def _body(request: Request, max_tokens_field: str) -> dict[str, Json]:
    body: dict[str, Json] = {name: value for name, value in request.extra.items() if name not in _OWN_PARAMETERS}
    body["model"] = request.model
    body["messages"] = request.messages
    if request.tools:
        body["tools"] = request.tools
        if request.tool_choice is not None:
            body["tool_choice"] = request.tool_choice
    if request.stop:
        body["stop"] = request.stop
    optional: dict[str, Json] = {
        "response_format": request.response_format,
        "temperature": request.temperature,
        max_tokens_field: request.max_tokens,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    return body


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


as_text: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain).encode
_as_ascii: Final = json.JSONEncoder(allow_nan=False, separators=(",", ":"), default=_plain).encode


def encode(body: Object) -> bytes:
    """JSON bytes of a request body.

    Raises:
        ProviderError: `invalid_request` if it is not JSON.
    """
    try:
        return _with_known(body) or as_text(body).encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can carry
        return _as_ascii(body).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise ProviderError(f"request cannot be written as JSON: {exc}; use plain values", code="invalid_request") from exc


def _with_known(body: Object) -> bytes | None:
    """The same from the texts of known messages and tools; None without any."""
    known = {name: text for name in _HOLES if (text := _known(body.get(name)))}
    if not known:
        return None
    written = as_text({**body, **{name: _HOLES[name] for name in known}}).encode()
    for name, text in known.items():
        before, _, after = written.partition(b'"%b"' % _HOLES[name].encode())
        written = b"%b%b%b" % (before, text, after)
    return written


def _known(value: Json) -> bytes | None:
    if isinstance(value, KnownTools):
        return fact(value, _written)
    return b"[%b]" % b",".join(value.each(_written)) if isinstance(value, KnownMessages) else None


def _written(value: Json) -> bytes:
    return as_text(value).encode()
