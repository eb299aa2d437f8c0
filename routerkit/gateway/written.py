"""Which bodies of `/v1/chat/completions` may reach a provider as they were written, with nothing changed but the model."""

from __future__ import annotations

import re
from typing import Final

from routerkit.as_written import Written
from routerkit.gateway.wire import Body
from routerkit.messages import Json, Request

_KEY: Final = b'"model"'
_OPENING_BYTES: Final = 64
"""Where the key mostly stands; if not, it stands behind the messages."""
_NAME: Final = re.compile(rb'\s*:\s*("[^"\\]*")')
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[67]")
_EMPTY: Final[tuple[Json, ...]] = (None, [])


def keep_written(request: Request, body: Body, data: bytes, place: slice | None = None) -> Request:
    """The request, with its body kept where a provider may get it unread; else unchanged.

    Args:
        request: Fresh from `body`, because it is the one returned.
        body: The parsed body.
        data: What it was parsed from.
        place: Where the model's name stands in that, if it is known.
    """
    limits = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
    if len(limits) > 1 or not _is_sendable(body):
        return request
    place = place or model_at(data)
    if place is not None:
        limit_field = limits[0] if limits else None
        written = Written(data, place, request.parts, limit_field, body.get("stream") is True, body.get("stream_options") is not None)
        object.__setattr__(request, "written", written)  # nobody else has seen the request yet
    return request


def model_at(data: bytes) -> slice | None:
    """Where the model's name stands in the body of a chat; None unless there is exactly one place where it can be.

    Within texts every quote is escaped, so the key's bytes are the key, if they occur once and no key hides behind escaped letters.
    """
    at = data.rfind(_KEY)  # from the end, which takes CPython a third of the time
    if data.rfind(_KEY, 0, at + len(_KEY) - 1) >= 0 or (data.rfind(b"\\u00") >= 0 and _ESCAPED_LETTER.search(data)):
        return None
    return _name_after(data, at)


def only_model_at(data: bytes) -> slice | None:
    """As `model_at`, for a body that is known to have this key once and else only plain words for keys: no need to read all of it."""
    at = data.find(_KEY, 0, _OPENING_BYTES)
    return _name_after(data, at if at >= 0 else data.rfind(_KEY))


def _name_after(data: bytes, at: int) -> slice | None:
    if at < 0 or (found := _NAME.match(data, at + len(_KEY))) is None:
        return None
    return slice(*found.span(1))


def _is_sendable(body: Body) -> bool:
    """Whether nothing in it is for us alone, or is left out when requests are written anew."""
    if "metadata" in body or ("tool_choice" in body and not body.get("tools")):
        return False
    if any(value in _EMPTY for value in body.values() if not isinstance(value, str)):
        return False
    options = body.get("stream_options")
    return options is None or (body.get("stream") is True and options == {"include_usage": True})
