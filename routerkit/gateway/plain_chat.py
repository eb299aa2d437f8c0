"""Chats of texts and a few numbers and nothing else: read and checked in one step, with a fifth of the usual instructions.

Any other (tools, images, fields that pass as they are, nulls, mistakes) is left to `wire`, `chat_shape` and `written`, which say the same
of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct

from routerkit.as_written import Written
from routerkit.gateway.head import Head
from routerkit.gateway.limits import LONG_BYTES, Limits
from routerkit.gateway.wire import HOTTEST, MOST_TOKENS, Hints
from routerkit.gateway.written import model_at
from routerkit.messages import Json, Request
from routerkit.quick import maker

_ROLES: Final = frozenset({"user", "assistant", "system", "developer"})
_LEVELS: Final = 3
"""How deep it is nested: the chat, its list of messages, a message."""
_ABSENT: Final = cast("Any", None)
"""Stands where the body says nothing; it may not say null."""
_Turn = dict[Literal["role", "content"], str]
_Heat = Annotated[int, Meta(ge=0, le=HOTTEST)] | Annotated[float, Meta(ge=0, le=HOTTEST)]
_Limit = Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
_role: Final = itemgetter("role")
Asked = tuple[Mapping[str, Json], Request]
"""What of a body its answer depends on, and the request it stands for."""


class _Options(Struct, forbid_unknown_fields=True):
    include_usage: bool


class _Chat(Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Fields that say nothing are None, which they may not say."""

    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[tuple[_Turn, ...], Meta(min_length=1)]
    temperature: _Heat = _ABSENT
    max_tokens: _Limit = _ABSENT
    max_completion_tokens: _Limit = _ABSENT
    stop: Annotated[tuple[str, ...], Meta(min_length=1)] = ()
    stream: bool = False
    stream_options: _Options = _ABSENT

    def is_usual(self) -> bool:
        """Whether these go together."""
        return (self.max_tokens is None or self.max_completion_tokens is None) and (
            self.stream_options is None or (self.stream and self.stream_options.include_usage)
        )


_decode: Final = msgspec.json.Decoder(_Chat).decode
_encode: Final = msgspec.json.Encoder().encode
_written: Final = maker(Written)
_made: Final = cast("Callable[..., Request]", maker(Request))
"""From its fields in their order: the model, what it asks, the hints."""
_WITH_USAGE: Final[Mapping[str, Json]] = {"include_usage": True}
_ASKED: Final[Mapping[tuple[bool, bool], Mapping[str, Json]]] = {
    (False, False): {},
    (True, False): {"stream": True},
    (True, True): {"stream": True, "stream_options": _WITH_USAGE},
}


def plain_chat(data: bytes, head: Head, limits: Limits, hints_of: Callable[[Head], Hints]) -> Asked | None:
    """What of a body its answer depends on, and the request it stands for; None when there is more to it, or something is wrong.

    Args:
        data: The body.
        head: What came before it.
        limits: What one caller may send.
        hints_of: Gives the hints of a head, see `wire.hints_of`.

    Raises:
        Refusal: the hints are not what they should be.
    """
    if len(data) >= LONG_BYTES or limits.depth < _LEVELS:
        return None
    try:
        chat = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    messages = chat.messages
    if len(messages) > limits.messages or not (
        chat.is_usual() and {2}.issuperset(map(len, messages)) and _ROLES.issuperset(map(_role, messages))
    ):
        return None
    return _asked(chat, head.fact(hints_of))


def _asked(chat: _Chat, hints: Hints) -> Asked:
    asks_usage = chat.stream_options is not None
    limit, limit_field = chat.max_completion_tokens, "max_completion_tokens"
    if limit is None:
        limit, limit_field = chat.max_tokens, None if chat.max_tokens is None else "max_tokens"
    asked: tuple[Any, ...] = (chat.messages, (), None, None, chat.temperature, limit, chat.stop, {})
    # What a caller wrote may say something twice, and providers differ in what they take; this says what was read.
    data = _encode(chat)
    written = _written(data, model_at(data), (*asked, ()), limit_field, chat.stream, asks_usage)
    return _ASKED[chat.stream, asks_usage], _made(chat.model, *asked, *hints, written=written)
