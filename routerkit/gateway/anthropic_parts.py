"""How the parts of a request in Anthropic's format are read, see `parts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple, cast

from routerkit.gateway.anthropic import Offer, check_all, messages_of, offer_of, system_of, translated
from routerkit.gateway.anthropic_shape import check, message_ids
from routerkit.gateway.parts import Object, Said, Tools
from routerkit.gateway.tool_names import changed_names
from routerkit.known import KnownMessages, KnownTools
from routerkit.messages import Json, Message

_messages: Final = attrgetter("messages")


class Names(NamedTuple):
    """Names of tools."""

    own: Sequence[Json]
    """Of those that the caller runs."""
    changed: Mapping[str, str]
    """Of those that are sent in another form, by that form."""


class MessagesParts:
    """`Parts` of `/v1/messages`."""

    conversation, lead = "messages", "system"

    def said(self, element: Json) -> Said:
        """See `Parts`."""
        calls, results = message_ids(element)
        return Said([*messages_of(cast("Object", element))], calls, results)

    def led(self, value: Json) -> Message | None:
        """See `Parts`."""
        check({"messages": [], "system": value})
        return next(iter(system_of(value)), None)

    def offered(self, value: Json) -> Tools | None:
        """See `Parts`."""
        check({"messages": [], "tools": value})
        offer = offer_of({"tools": value})
        return None if offer is None else Tools(KnownTools(offer.sent), Names(offer.names, names_of(value)))

    def joined(self, said: Iterable[Said]) -> Iterator[Message]:
        """See `Parts`."""
        return chain.from_iterable(map(_messages, said))

    def chat_body(self, rest: Object, messages: KnownMessages, tools: Tools | None) -> Object:
        """See `Parts`."""
        check_all({**rest, "messages": []})
        return translated(rest, messages, None if tools is None else Offer(tools.sent, tools.own.own))


def names_of(tools: Json) -> Mapping[str, str]:
    """Names of tools that are sent in another form, by that form; of lists that were read they are known."""
    if isinstance(tools, Tools):
        return cast("Names", tools.own).changed
    names = [tool.get("name") for tool in tools if isinstance(tool, Mapping)] if isinstance(tools, list) else []
    return changed_names(name for name in names if isinstance(name, str))
