"""One stored answer, as a value and as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from routerkit import fastjson
from routerkit.messages import Reply, ToolCall, Usage

_TEXTS: Final = ("text", "finish_reason", "model", "reasoning", "target", "record_id")
_USAGE: Final = tuple(Usage.__slots__)


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer somebody paid for."""

    reply: Reply
    """As its first caller got it."""
    made_at: float
    """Unix time."""
    expires_at: float
    """Unix time."""
    likeness: float | None = None
    """How alike the prompt is that it was given to; None = it is the same. Not stored."""


def to_bytes(entry: Entry) -> bytes:
    """The entry as JSON."""
    reply = entry.reply
    body: dict[str, Any] = {name: getattr(reply, name) for name in _TEXTS}
    body["tool_calls"] = [[call.id, call.name, call.arguments] for call in reply.tool_calls]
    body["usage"] = [getattr(reply.usage, name) for name in _USAGE]
    return fastjson.dumps({**body, "extra": reply.extra, "verified": reply.verified, "at": [entry.made_at, entry.expires_at]})


def from_bytes(data: bytes) -> Entry:
    """What `to_bytes` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        body: Any = fastjson.loads(data)
        reply = Reply(
            tool_calls=tuple(ToolCall(*map(_text, call)) for call in body["tool_calls"]),
            usage=Usage(**dict(zip(_USAGE, body["usage"], strict=True))),
            extra=_object(body["extra"]),
            verified=body["verified"],
            **dict[str, Any]((name, _text(body[name])) for name in _TEXTS),
        )
        made_at, expires_at = (float(at) for at in body["at"])
    except (LookupError, TypeError, RecursionError, UnicodeDecodeError) as exc:
        raise ValueError(f"no stored answer ({type(exc).__name__})") from exc
    return Entry(reply, made_at, expires_at)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value
