"""Makes a conversation acceptable to the target it is sent to: what one provider wrote, another may refuse.

Pure. Signed thinking, encrypted reasoning and thought signatures are valid only at the endpoint that issued them, so they travel only
back to it; cache marks, tool-call ids, media in tool results and late system messages are put in a form the target takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, count, repeat
from typing import Final, NamedTuple

from routerkit.catalog import Target
from routerkit.messages import Json, Message, Request, text_of
from routerkit.turns import turns_of

ORIGIN: Final = "origin"
"""Field of an assistant message that names the target that wrote it. It is never sent; without it `Request.pin` is taken."""

_COMMON_FIELDS: Final = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call", "audio"})
_PLAIN_REASONING: Final = frozenset({"reasoning", "reasoning_content"})
"""Unsigned reasoning: wanted back inside a tool loop by some models (DeepSeek), refused by most afterwards."""
_COMMON_CALL_FIELDS: Final = frozenset({"id", "type", "function"})
_ANSWER_PARTS: Final = frozenset({"text", "refusal"})
_SYSTEM_ROLES: Final = ("system", "developer")
_TEXTS: Final = frozenset({str})
_PLACED: Final = frozenset({*_SYSTEM_ROLES, "tool"})
"""Roles that are not taken everywhere."""
_NOT_FIRST: Final = _PLACED - {"system"}
_PORTABLE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Taken by OpenAI (at most 40), Anthropic (these characters) and Bedrock (at most 64)."""
_SHORT_ID: Final = re.compile(r"[A-Za-z0-9]{9}")
"""The only form Mistral takes; every provider takes it."""
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_THINKING_PARAMETERS: Final = frozenset({"thinking", "reasoning_effort"})


class Normalised(NamedTuple):
    """A request as one target takes it."""

    request: Request
    notes: tuple[str, ...] = ()
    """What was changed, one short phrase each; empty when nothing was."""


@dataclass(frozen=True, slots=True)
class _Habits:
    """What a family of models takes, as far as its name tells."""

    id_form: re.Pattern[str] = _PORTABLE_ID
    is_claude: bool = False
    """Takes cache marks and images in tool results; wants signed thinking at the head of an open tool loop."""
    takes_late_system: bool = False
    """Takes several system messages, anywhere, and the developer role."""


def is_fine(request: Request, model: str) -> bool:
    """Cheap test that a target of this model takes a request as it is, which is so for most."""
    if request.tools and "cache_control" in chain.from_iterable(request.tools):
        return False
    habits = _habits(model)
    if habits.is_claude and not _THINKING_PARAMETERS.isdisjoint(request.extra):
        return False
    return _are_texts(request.messages) or all(map(_is_plain, request.messages, count(), repeat(habits)))


def normalise(request: Request, target: Target) -> Normalised:
    """Put a request in a form that the target takes; returns the same object when it already has it."""
    if is_fine(request, target.model):
        return Normalised(request)
    habits = _habits(target.model)
    notes: dict[str, None] = {}  # a set that keeps its order
    own_ids = frozenset(i for m in request.messages if _wrote(target, m, request) for i in _call_ids(m))
    messages = _own_parts(request, target, habits, notes)
    messages = _with_valid_ids(messages, own_ids, target, notes)
    messages = _settled(messages, habits, notes)
    tools = request.tools if habits.is_claude else tuple(_without_mark(t, notes) for t in request.tools)
    extra = _extra(request.extra, messages, habits, notes)
    return Normalised(replace(request, messages=tuple(messages), tools=tools, extra=extra), tuple(notes))


def portable_id(call_id: str) -> str:
    """Tool-call id that every provider takes: nine letters and digits, always the same for the same id."""
    from hashlib import sha256  # OpenSSL takes longer to load than all of routerkit, and few conversations change provider

    number = int.from_bytes(sha256(call_id.encode("utf-8", "surrogatepass")).digest()[:8])
    return "".join(_DIGITS[number // 62**i % 62] for i in range(9))


@lru_cache(maxsize=1024)
def _habits(model: str) -> _Habits:
    name = model.lower()
    if "claude" in name or "anthropic" in name:
        return _Habits(is_claude=True)
    if re.search(r"mistral|mixtral|codestral|devstral|magistral|pixtral", name):
        return _Habits(id_form=_SHORT_ID)
    return _Habits(takes_late_system=bool(re.search(r"(^|[/:.-])(gpt|chatgpt|codex|o[1-9]|deepseek|grok)", name)))


def _are_texts(messages: Sequence[Message]) -> bool:
    """Whether `_is_plain` says yes to each message of a chat of nothing but texts, as most are; without a step of Python for each."""
    _, roles, contents, are_plain = turns_of(messages)
    if not (are_plain and _TEXTS.issuperset(map(type, chain(roles, contents)))):
        return False
    return _PLACED.isdisjoint(roles[1:]) and _NOT_FIRST.isdisjoint(roles[:1])


def _is_plain(message: Message, place: int, habits: _Habits) -> bool:
    content, role = message.get("content"), message.get("role")
    if role == "user" and len(message) == 2 and isinstance(content, str):
        return True  # most messages are nothing but this
    if (content is not None and not isinstance(content, str)) or not _COMMON_FIELDS.issuperset(message):
        return False
    if role in _SYSTEM_ROLES:
        return habits.takes_late_system or (place == 0 and role == "system")
    if role == "tool":
        return habits.id_form.fullmatch(str(message.get("tool_call_id"))) is not None
    calls = message.get("tool_calls")
    return not calls or all(_COMMON_CALL_FIELDS.issuperset(c) and habits.id_form.fullmatch(str(c.get("id"))) for c in _objects(calls))


def _own_parts(request: Request, target: Target, habits: _Habits, notes: dict[str, None]) -> list[Message]:
    """Messages without what only another target could read."""
    loop_starts = max((i for i, m in enumerate(request.messages) if m.get("role") == "user"), default=-1)
    messages = []
    for i, message in enumerate(request.messages):
        if message.get("role") != "assistant":
            kept = message
        elif _wrote(target, message, request):
            kept = _own(message, is_in_loop=i > loop_starts)
        else:
            kept = _portable(message, notes)
        messages.append(kept if habits.is_claude else _unmarked(kept, notes))
    return messages


def _wrote(target: Target, message: Message, request: Request) -> bool:
    return message.get("role") == "assistant" and message.get(ORIGIN, request.pin) == target.name


def _own(message: Message, *, is_in_loop: bool) -> Message:
    dropped = {ORIGIN} if is_in_loop else {ORIGIN, *_PLAIN_REASONING}
    return {name: value for name, value in message.items() if name not in dropped}


def _portable(message: Message, notes: dict[str, None]) -> Message:
    for name in message.keys() - _COMMON_FIELDS - {ORIGIN}:
        notes[f"dropped foreign {name}"] = None
    kept = {name: value for name, value in message.items() if name in _COMMON_FIELDS}
    content = kept.get("content")
    if isinstance(content, list | tuple):
        parts = [p for p in _objects(content) if p.get("type") in _ANSWER_PARTS]
        for part in _objects(content):
            if part.get("type") not in _ANSWER_PARTS:
                notes[f"dropped foreign {part.get('type')} part"] = None
        kept["content"] = parts or (None if kept.get("tool_calls") else "")  # a turn that says nothing at all is refused
    if calls := kept.get("tool_calls"):
        kept["tool_calls"] = [{n: v for n, v in call.items() if n in _COMMON_CALL_FIELDS} for call in _objects(calls)]
    return kept


def _unmarked(message: Message, notes: dict[str, None]) -> Message:
    message, content = _without_mark(message, notes), message.get("content")
    if not isinstance(content, list | tuple) or not any("cache_control" in p for p in _objects(content)):
        return message
    return {**message, "content": [_without_mark(p, notes) if isinstance(p, Mapping) else p for p in content]}


def _without_mark(part: Mapping[str, Json], notes: dict[str, None]) -> Mapping[str, Json]:
    if "cache_control" not in part:
        return part
    notes["dropped cache marks"] = None
    return {name: value for name, value in part.items() if name != "cache_control"}


def _with_valid_ids(messages: Sequence[Message], keep: frozenset[str], target: Target, notes: dict[str, None]) -> list[Message]:
    """Both halves of every tool call under an id the target takes; it takes those it gave out itself."""
    form = _habits(target.model).id_form
    bad = {i for m in messages for i in _call_ids(m) if i not in keep and not form.fullmatch(i)}
    if not bad:
        return list(messages)
    notes[f"renamed {len(bad)} tool call ids"] = None
    names = {i: portable_id(i) for i in bad}
    return [_renamed(m, names) for m in messages]


def _call_ids(message: Message) -> list[str]:
    if message.get("role") == "tool":
        return [str(message.get("tool_call_id"))]
    return [str(c.get("id")) for c in _objects(message.get("tool_calls"))]


def _renamed(message: Message, names: Mapping[str, str]) -> Message:
    if names.keys().isdisjoint(_call_ids(message)):
        return message
    if message.get("role") == "tool":
        return {**message, "tool_call_id": names[str(message.get("tool_call_id"))]}
    calls = [{**c, "id": names.get(str(c.get("id")), c.get("id"))} for c in _objects(message.get("tool_calls"))]
    return {**message, "tool_calls": calls}


def _settled(messages: Sequence[Message], habits: _Habits, notes: dict[str, None]) -> list[Message]:
    """Media of tool results and late system messages as user content, after the tool results they stand among."""
    result: list[Message] = []
    waiting: list[Json] = []
    for message in _with_one_head(messages, habits, notes):
        role = message.get("role")
        if role == "tool":
            result.append(_split_media(message, habits, waiting))
        elif role in _SYSTEM_ROLES and result and result[-1].get("role") not in _SYSTEM_ROLES and not habits.takes_late_system:
            waiting.append({"type": "text", "text": f"[System note] {text_of(message.get('content'))}"})
            notes["turned late system messages into user notes"] = None
        else:
            result.append(_flush(result, waiting, notes, before=message))
    _flush(result, waiting, notes, before={})
    return result


def _with_one_head(messages: Sequence[Message], habits: _Habits, notes: dict[str, None]) -> list[Message]:
    n = next((i for i, m in enumerate(messages) if m.get("role") not in _SYSTEM_ROLES), len(messages))
    head = messages[:n]
    if habits.takes_late_system or not head or (n == 1 and head[0].get("role") == "system"):
        return list(messages)
    if n > 1:
        notes["joined system messages"] = None
    if all(isinstance(m.get("content"), str) for m in head):
        content: Json = "\n\n".join(text_of(m.get("content")) for m in head)
    else:
        content = [part for m in head for part in _as_parts(m.get("content"))]
    return [{"role": "system", "content": content}, *messages[n:]]


def _split_media(message: Message, habits: _Habits, waiting: list[Json]) -> Message:
    content = message.get("content")
    if isinstance(content, str) or content is None:
        return message
    taken = {"text", "image_url"} if habits.is_claude else {"text"}
    media: list[Json] = [p for p in _objects(content) if p.get("type") not in taken]
    if not media:
        return message
    kept = [p for p in _objects(content) if p.get("type") in taken]
    waiting += [{"type": "text", "text": f"Media returned by tool call {message.get('tool_call_id')}:"}, *media]
    return {**message, "content": kept or "The result is in the next message."}


def _flush(result: list[Message], waiting: list[Json], notes: dict[str, None], *, before: Message) -> Message:
    """Say what waits: at the head of the user message that follows, else in one of its own. Returns the message that follows."""
    if not waiting:
        return before
    parts, is_text = list(waiting), all(p.get("type") == "text" for p in _objects(waiting))
    waiting.clear()
    if not is_text:
        notes["moved media out of tool results"] = None
    if before.get("role") == "user":
        return {**before, "content": _joined([*parts, *_as_parts(before.get("content"))], is_text=is_text)}
    result.append({"role": "user", "content": _joined(parts, is_text=is_text)})
    return before


def _joined(parts: Sequence[Json], *, is_text: bool) -> Json:
    """Parts as plain text where that is all they are, which even the plainest server takes."""
    if is_text and all(p.keys() == {"type", "text"} for p in _objects(parts)):
        return "\n\n".join(str(p["text"]) for p in _objects(parts))
    return parts


def _extra(extra: Mapping[str, Json], messages: Sequence[Message], habits: _Habits, notes: dict[str, None]) -> Mapping[str, Json]:
    """Without thinking where an open tool loop does not start with it: Anthropic refuses that turn."""
    if not habits.is_claude or _THINKING_PARAMETERS.isdisjoint(extra) or not _lacks_thinking(messages):
        return extra
    notes["switched thinking off: the open tool loop was begun without it"] = None
    return {name: value for name, value in extra.items() if name not in _THINKING_PARAMETERS}


def _lacks_thinking(messages: Sequence[Message]) -> bool:
    if not messages or messages[-1].get("role") != "tool":
        return False
    turn = next((m for m in reversed(messages) if m.get("role") == "assistant"), None)
    return turn is not None and not turn.get("thinking_blocks")


def _as_parts(content: Json) -> list[Json]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return list(content) if isinstance(content, list | tuple) else []


def _objects(value: Json) -> list[Mapping[str, Json]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []
