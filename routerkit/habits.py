"""What a family of models takes in a conversation, as far as its name tells, and which messages it takes as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Final

from routerkit.known import KnownMessages
from routerkit.messages import Json, Message
from routerkit.turns import turns_of

COMMON_FIELDS: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call", "audio"})
"""Of a message, taken by everybody."""
COMMON_CALL_FIELDS: Final = frozenset({"id", "type", "function"})
SYSTEM_ROLES: Final = ("system", "developer")
_TEXTS: Final = frozenset({str})
_PLACED: Final = frozenset({*SYSTEM_ROLES, "tool"})
"""Roles that are not taken everywhere."""
_NOT_FIRST: Final = _PLACED - {"system"}
_PORTABLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Taken by OpenAI (at most 40), Anthropic (these characters) and Bedrock (at most 64)."""
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{9}")
"""The only form Mistral takes; every provider takes it."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a family of models takes."""

    id_form: re.Pattern[str] = _PORTABLE_ID
    is_claude: bool = False
    """Takes cache marks and images in tool results; wants signed thinking at the head of an open tool loop."""
    takes_late_system: bool = False
    """Takes several system messages, anywhere, and the developer role."""


@lru_cache(maxsize=1024)
def habits_of(model: str) -> Habits:
    """Those of the family that a model's name tells."""
    name = model.lower()
    if "claude" in name or "anthropic" in name:
        return _CLAUDE
    if re.search(r"mistral|mixtral|codestral|devstral|magistral|pixtral", name):
        return _MISTRAL
    return _LATE if re.search(r"(^|[/:.-])(gpt|chatgpt|codex|o[1-9]|deepseek|grok)", name) else _OTHER


def are_texts(messages: Sequence[Message]) -> bool:
    """Whether `is_plain` says yes to each message of a chat of nothing but texts, as most are; without a step of Python for each."""
    _, roles, contents, are_plain = turns_of(messages)
    if not (are_plain and _TEXTS.issuperset(map(type, chain(roles, contents)))):
        return False
    return _PLACED.isdisjoint(roles[1:]) and _NOT_FIRST.isdisjoint(roles[:1])


def are_plain(messages: Sequence[Message], habits: Habits) -> list[bool]:
    """What `is_plain` says of each message."""
    later = _LATER[habits]
    found = messages.each(later) if isinstance(messages, KnownMessages) else [*map(later, messages)]
    return [is_plain(messages[0], 0, habits), *found[1:]] if found else found


def is_plain(message: Message, place: int, habits: Habits) -> bool:
    """Whether a message at this place is taken as it is."""
    content, role = message.get("content"), message.get("role")
    if role == "user" and len(message) == 2 and isinstance(content, str):
        return True  # most messages are nothing but this
    if (content is not None and not isinstance(content, str)) or not COMMON_FIELDS.issuperset(message):
        return False
    if role in SYSTEM_ROLES:
        return habits.takes_late_system or (place == 0 and role == "system")
    if role == "tool":
        return habits.id_form.fullmatch(str(message.get("tool_call_id"))) is not None
    calls = message.get("tool_calls")
    return not calls or all(_is_plain_call(call, habits) for call in objects(calls))


def _is_plain_call(call: Mapping[str, Json], habits: Habits) -> bool:
    return COMMON_CALL_FIELDS.issuperset(call) and habits.id_form.fullmatch(str(call.get("id"))) is not None and has_object(call)


def has_object(call: Mapping[str, Json]) -> bool:
    """Whether what a model wrote for a tool is a JSON object; many providers refuse a conversation in which it is not."""
    import json  # needed for calls of tools only

    function = call.get("function")
    if not isinstance(function, Mapping):
        return True  # another kind of call, or none
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return False
    # Python takes numbers that are no JSON; where there may be some it is told not to, which takes longer.
    refuse = _refuse if "NaN" in arguments or "Infinity" in arguments else None
    try:
        return isinstance(json.loads(arguments, parse_constant=refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(number: str) -> None:
    raise ValueError(number)


def objects(value: Json) -> list[Mapping[str, Json]]:
    """Those elements of a list that are objects."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


_CLAUDE, _MISTRAL, _LATE, _OTHER = Habits(is_claude=True), Habits(id_form=_SHORT_ID), Habits(takes_late_system=True), Habits()
_LATER: Final[Mapping[Habits, Callable[[Message], bool]]] = {
    habits: partial(is_plain, place=1, habits=habits) for habits in (_CLAUDE, _MISTRAL, _LATE, _OTHER)
}
"""`is_plain` of messages that are not the first: one function for each family, by which known messages keep what it said."""
