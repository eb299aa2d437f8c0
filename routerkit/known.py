"""Messages and tools that many requests have in common, because an agent sends its whole conversation again with every turn.

What follows from one of them is found out once, however many requests it comes with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import is_
from typing import Any, Final, NamedTuple, TypeVar, cast

from routerkit.messages import Json, Message

T = TypeVar("T")
Facts = dict[Callable[[Any], Any], Any]


class KnownMessage(dict[str, "Json"]):
    """A message of many requests, which therefore nobody may write into."""

    __slots__ = ("facts",)

    def __init__(self, said: Message) -> None:
        super().__init__(said)
        self.facts: Facts = {}
        """What functions have said of it."""


class KnownMessages(tuple[KnownMessage, ...]):
    """A conversation of known messages."""

    __slots__ = ()

    def each(self, of: Callable[[Message], T]) -> list[T]:
        """What a pure function says of each message."""
        try:
            return [message.facts[of] for message in self]
        except KeyError:
            return [fact(message, of) for message in self]


_ALL_KNOWN: Final = frozenset({KnownMessage})


def known(messages: Iterable[Message]) -> KnownMessages:
    """A conversation of these messages, those as they are that are known."""
    found = [*messages]
    if not _ALL_KNOWN.issuperset(map(type, found)):
        found = [message if isinstance(message, KnownMessage) else KnownMessage(message) for message in found]
    return KnownMessages(cast("list[KnownMessage]", found))


class KnownTools(tuple[Mapping[str, "Json"], ...]):  # noqa: SLOT001  its facts need a place
    """The tools of many requests, which therefore nobody may write into."""

    def __init__(self, _: Iterable[Mapping[str, Json]]) -> None:
        super().__init__()
        self.facts: Facts = {}
        """What functions have said of them."""


class _Joined(NamedTuple):
    """A message that was made of several."""

    parts: tuple[Message, ...]
    whole: KnownMessage


_KNOWN: Final = KnownMessage, KnownTools  # a union takes twice as long


def fact(value: Any, of: Callable[[Any], T]) -> T:
    """What a pure function says of a message or of tools; of known ones it is asked once."""
    if not isinstance(value, _KNOWN):
        return of(value)
    try:
        return cast("T", value.facts[of])
    except KeyError:
        found = value.facts[of] = of(value)
        return found


def together(messages: Sequence[Message], of: Callable[[Sequence[Message]], Message]) -> Message:
    """The message that a pure function makes of several; of known ones it is asked once for as long as the same ones follow the first."""
    head = messages[0]
    if not isinstance(head, KnownMessage):
        return of(messages)
    before = head.facts.get(of)
    if before is None or len(before.parts) != len(messages) or not all(map(is_, before.parts, messages)):
        before = head.facts[of] = _Joined(tuple(messages), KnownMessage(of(messages)))
    return cast("Message", before.whole)
