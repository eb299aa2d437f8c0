"""How the parts of a chat are read, see `parts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter
from typing import Final, cast

from routerkit.gateway.chat_shape import checked, message_ids
from routerkit.gateway.parts import Object, Said, Tools
from routerkit.known import KnownMessages, KnownTools
from routerkit.messages import Json, Message

_messages: Final = attrgetter("messages")


class ChatParts:
    """`Parts` of `/v1/chat/completions`."""

    conversation, lead = "messages", ""

    def said(self, element: Json) -> Said:
        """See `Parts`."""
        calls, results = message_ids(element)
        return Said([cast("Message", element)], calls, results)

    def led(self, value: Json) -> Message | None:
        """See `Parts`; system prompts are messages here."""

    def offered(self, value: Json) -> Tools:
        """See `Parts`."""
        checked({"tools": value})
        return Tools(KnownTools(cast("list[Object]", value)))

    def joined(self, said: Iterable[Said]) -> Iterator[Message]:
        """See `Parts`."""
        return chain.from_iterable(map(_messages, said))

    def chat_body(self, rest: Object, messages: KnownMessages, tools: Tools | None) -> Object:
        """See `Parts`."""
        choice = rest.get("tool_choice")
        is_named = tools is not None and isinstance(choice, Mapping)
        checked({**rest, "tools": list(tools.sent)} if is_named and tools is not None else rest)
        return {**rest, "messages": messages} if tools is None else {**rest, "messages": messages, "tools": tools.sent}
