"""Which bodies of `/v1/chat/completions` may reach a provider as they were written, with nothing changed but the model.

Servers differ in what they take where an object has a key twice, and we take the last one. What a provider gets must say the same to it:
a body is written anew from what we read, which costs little more than looking through it, or its parts are known to say everything once.
"""

from __future__ import annotations

import json
from typing import Final

import msgspec

from routerkit.as_written import Written
from routerkit.gateway.exchange import encode
from routerkit.gateway.wire import Body
from routerkit.messages import Json, Request

_EMPTY: Final[tuple[Json, ...]] = (None, [])
_MODEL: Final = b'{"model":'
_MESSAGES: Final = b',"messages":'
Known = tuple[bytes, slice]


def keep_written(request: Request, body: Body, known: Known | None = None) -> Request:
    """The request, with a body kept where a provider may get it unread; else unchanged.

    Args:
        request: Fresh from `body`, because it is the one returned.
        body: The parsed body.
        known: What it was parsed from, if that says everything once, and where the model's name stands in it.
    """
    limits = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
    if len(limits) > 1 or not _is_sendable(body):
        return request
    if known is None:
        data = encode({"model": None, "messages": None, **body})
        known = data, model_at(data)
    data, place = known
    limit_field = limits[0] if limits else None
    written = Written(data, place, request.parts, limit_field, body.get("stream") is True, body.get("stream_options") is not None)
    object.__setattr__(request, "written", written)  # nobody else has seen the request yet
    return request


def model_at(data: bytes) -> slice:
    """Where the model's name stands in compact JSON that begins with it and goes on with the messages."""
    return slice(len(_MODEL), data.find(_MESSAGES))


def is_said_once(value: Json, data: bytes) -> bool:
    """Whether no object has a key twice in the JSON that this value was read from."""
    compact = encode(value)
    return data == compact or data == msgspec.json.format(compact, indent=0) or _has_no_key_twice(data)


def _has_no_key_twice(data: bytes) -> bool:
    try:
        json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return False
    return True


def _once(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError


def _is_sendable(body: Body) -> bool:
    """Whether nothing in it is for us alone, or is left out when requests are written anew."""
    if "metadata" in body or ("tool_choice" in body and not body.get("tools")):
        return False
    if any(value in _EMPTY for value in body.values() if not isinstance(value, str)):
        return False
    options = body.get("stream_options")
    return options is None or (body.get("stream") is True and options == {"include_usage": True})
