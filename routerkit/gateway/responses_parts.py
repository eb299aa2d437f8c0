"""How the parts of a request in OpenAI's second format are read, see `parts`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from routerkit.gateway.parts import Object, Said, Tools
from routerkit.gateway.response_tools import tools_of
from routerkit.gateway.responses import check_all, functions_of, grouped, lead_of, said_of, translated
from routerkit.gateway.responses_shape import check, item_ids
from routerkit.gateway.spoken import Spoken
from routerkit.known import KnownMessages, KnownTools
from routerkit.messages import Json, Message


class ResponsesParts:
    """`Parts` of `/v1/responses`."""

    conversation, lead = "input", "instructions"

    def __init__(self, spoken: Spoken) -> None:
        """Prepare; `spoken` is what requests may refer to."""
        self._spoken = spoken

    def said(self, element: Json) -> Said:
        """See `Parts`."""
        calls, results = item_ids(element)
        return said_of(cast("Object", element))._replace(calls=calls, results=results)

    def led(self, value: Json) -> Message | None:
        """See `Parts`."""
        check({"input": "", "instructions": value})
        return next(iter(lead_of(value)), None)

    def offered(self, value: Json) -> Tools | None:
        """See `Parts`."""
        check({"input": "", "tools": value})
        tools = tools_of({"tools": value})
        return Tools(KnownTools(functions_of(tools)), tools)

    def joined(self, said: Iterable[Said]) -> Iterator[Message]:
        """See `Parts`."""
        return grouped(said, self._spoken)

    def chat_body(self, rest: Object, messages: KnownMessages, tools: Tools | None) -> Object:
        """See `Parts`."""
        check_all({**rest, "input": ""})
        return translated(rest, messages, {} if tools is None else tools.own, () if tools is None else tools.sent)
