"""Chats with tools, as agents send them turn by turn: read as `plain_chat` reads those without, and the tools only where they are new.

Any other is left to `wire`, `chat_shape` and `written`, which say the same of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta, Raw

from routerkit.gateway.chat_shape import checked
from routerkit.gateway.head import Head
from routerkit.gateway.known_tools import known_tools
from routerkit.gateway.limits import LONG_BYTES, Limits
from routerkit.gateway.plain_chat import Asked, Usual, asked_of
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.wire import Hints
from routerkit.gateway.written import model_at, only_at
from routerkit.messages import Json

_LEVELS: Final = 6
"""How deep it is nested: the chat, its messages, a message, its calls, a call, its function."""
_KEY: Final = b'"tools"'
_ABSENT: Final = cast("Any", None)
"""Stands where the body says nothing; it may not say null."""
_Call = dict[Literal["id", "type", "function"], str | dict[Literal["name", "arguments"], str]]
_Turn = dict[Literal["role", "content", "tool_calls", "tool_call_id", "name"], str | list[_Call] | None]


class _Chat(Usual, forbid_unknown_fields=True, kw_only=True):
    model: Annotated[str, Meta(min_length=1)]
    messages: Annotated[tuple[_Turn, ...], Meta(min_length=1)]
    tools: Raw
    tool_choice: Literal["auto", "none", "required", "any"] = _ABSENT
    parallel_tool_calls: bool = _ABSENT

    def has_fine_messages(self) -> bool:
        """Whether they are more than of the right types: whether roles are known, and results have calls before them."""
        try:
            checked({"messages": cast("Json", self.messages)})
        except Refusal:
            return False
        return True


_decode: Final = msgspec.json.Decoder(_Chat).decode


def tool_chat(data: bytes, head: Head, limits: Limits, hints_of: Callable[[Head], Hints]) -> Asked | None:
    """As `plain_chat`, whose arguments and errors it has."""
    if len(data) >= LONG_BYTES or limits.depth < _LEVELS or only_at(data, _KEY) < 0:
        return None  # a list written before another would not be looked at
    try:
        chat = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # Where there is one place for the model, no key is written in escaped letters.
    if (place := model_at(data)) is None or len(chat.messages) > limits.messages:
        return None
    tools = known_tools(bytes(chat.tools), limits.depth - 1)
    if tools is None or not chat.is_usual() or not chat.has_fine_messages():
        return None
    extra: Mapping[str, Json] = {} if chat.parallel_tool_calls is None else {"parallel_tool_calls": chat.parallel_tool_calls}
    return asked_of(chat.model, chat, data, place, head.fact(hints_of), (chat.messages, tools, chat.tool_choice), extra)
