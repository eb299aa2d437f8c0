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
from routerkit.gateway.written import only_model_at
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


class _Name:
    """Of the model. Whoever says it twice is left to the general reading, because servers differ in which one they take."""

    text = ""

    def hear(self, _: type, name: object) -> _Name:
        """Called by the decoder for each key that means the model, wherever it stands and however it is escaped."""
        if self.text or not isinstance(name, str) or not name:
            raise ValueError
        self.text = name
        return self


class Usual(Struct, kw_only=True):
    """What a chat may say besides its model and messages. Fields that say nothing are None, which they may not say."""

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


class _Chat(Usual, forbid_unknown_fields=True, kw_only=True):
    model: _Name
    messages: Annotated[tuple[_Turn, ...], Meta(min_length=1)]


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
        chat = msgspec.json.decode(data, type=_Chat, dec_hook=_Name().hear)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    messages = chat.messages
    if len(messages) > limits.messages or not (
        chat.is_usual() and {2}.issuperset(map(len, messages)) and _ROLES.issuperset(map(_role, messages))
    ):
        return None
    return asked_of(chat.model.text, chat, data, only_model_at(data), head.fact(hints_of), (messages, (), None), {})


def asked_of(
    model: str, chat: Usual, data: bytes, place: slice | None, hints: Hints, said: tuple[object, object, object], extra: Mapping[str, Json]
) -> Asked:
    """What was asked, of what was found to be fine.

    Args:
        model: Its name.
        chat: What it says besides.
        data: The body.
        place: Where the model stands in it.
        hints: Those of the head.
        said: The messages, tools and tool choice.
        extra: Fields that pass as they are.
    """
    asks_usage = chat.stream_options is not None
    limit, limit_field = chat.max_completion_tokens, "max_completion_tokens"
    if limit is None:
        limit, limit_field = chat.max_tokens, None if chat.max_tokens is None else "max_tokens"
    asked: tuple[Any, ...] = (*said, None, chat.temperature, limit, chat.stop, extra)
    written = None if place is None else _written(data, place, (*asked, ()), limit_field, chat.stream, asks_usage)
    return _ASKED[chat.stream, asks_usage], _made(model, *asked, *hints, written=written)
