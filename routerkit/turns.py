"""Who said what in a conversation, read in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from routerkit.messages import Json, Message, text_of
from routerkit.quick import tupler

_role, _content = itemgetter("role"), itemgetter("content")  # half the time of a step of Python for each message
_PLAIN_LENGTH: Final = frozenset({2})


class Turns(NamedTuple):
    """A conversation in columns, one entry per message."""

    messages: Sequence[Message]
    roles: list[Json]
    contents: list[Json]
    are_plain: bool
    """Whether every message has a role and a content and nothing else; False = perhaps not."""

    def asked_at(self) -> int:
        """Place of the newest user message, where the instruction stands; -1 when there is none."""
        roles = self.roles
        return len(roles) - 1 - roles[::-1].index("user") if "user" in roles else -1

    def text_at(self, place: int) -> str:
        """Text of the message at this place; empty for -1."""
        return text_of(self.contents[place]) if place >= 0 else ""


_turns: Final = tupler(Turns)


def turns_of(messages: Sequence[Message]) -> Turns:
    """The columns of these messages; what a message lacks is None."""
    try:
        return _turns((messages, [*map(_role, messages)], [*map(_content, messages)], _PLAIN_LENGTH.issuperset(map(len, messages))))
    except (LookupError, TypeError):
        return Turns(messages, [m.get("role") for m in messages], [m.get("content") for m in messages], are_plain=False)
