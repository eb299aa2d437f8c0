"""Makes a conversation acceptable to the target it is sent to: what one provider wrote, another may refuse.

Pure. Signed thinking, encrypted reasoning and thought signatures are valid only at the endpoint that issued them, so they travel only
back to it; cache marks, tool calls, media in tool results and late system messages are put in a form the target takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, compress, count, repeat
from operator import not_
from typing import Final, NamedTuple, TypeVar

from routerkit.catalog import Target
from routerkit.habits import (
    COMMON_CALL_FIELDS,
    COMMON_FIELDS,
    SYSTEM_ROLES,
    Habits,
    are_plain,
    are_texts,
    habits_of,
    has_object,
    is_plain,
    objects,
)
from routerkit.known import KnownMessage, KnownMessages, KnownTools, fact, known
from routerkit.messages import Json, Message, Request, text_of
from routerkit.quick import copier
from routerkit.turns import turns_of

T = TypeVar("T")
ORIGIN: Final = "origin"
"""Field of an assistant message that names the target that wrote it. It is never sent; without it `Request.pin` is taken."""

_PLAIN_REASONING: Final = frozenset({"reasoning", "reasoning_content"})
"""Unsigned reasoning: wanted back inside a tool loop by some models (DeepSeek), refused by most afterwards."""
_ANSWER_PARTS: Final = frozenset({"text", "refusal"})
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_THINKING_PARAMETERS: Final = frozenset({"thinking", "reasoning_effort"})
_MOVED: Final = frozenset({*SYSTEM_ROLES, "tool"})
"""Roles of messages of which something may move into another one, unless they are fine."""
_with: Final = copier(Request, "messages", "tools", "extra")


class Normalised(NamedTuple):
    """A request as one target takes it."""

    request: Request
    notes: tuple[str, ...] = ()
    """What was changed, one short phrase each; empty when nothing was."""


def is_fine(request: Request, model: str) -> bool:
    """Cheap test that a target of this model takes a request as it is, which is so for most."""
    if request.tools and "cache_control" in chain.from_iterable(request.tools):
        return False
    habits = habits_of(model)
    if habits.is_claude and not _THINKING_PARAMETERS.isdisjoint(request.extra):
        return False
    messages = request.messages
    if isinstance(messages, KnownMessages):
        return all(are_plain(messages, habits))
    return are_texts(messages) or all(map(is_plain, messages, count(), repeat(habits)))


def normalise(request: Request, target: Target) -> Normalised:
    """Put a request in a form that the target takes; returns the same object when it already has it."""
    if is_fine(request, target.model):
        return Normalised(request)
    habits = habits_of(target.model)
    notes: dict[str, None] = {}  # a set that keeps its order
    are_fit = are_plain(request.messages, habits)
    messages = _own_parts(request, target, are_fit, notes)
    messages = _with_valid_ids(messages, request, target, are_fit, notes)
    messages = _settled(messages, habits, notes) if _may_move(messages, are_fit) else _with_one_head(messages, habits, notes)
    tools = request.tools if habits.is_claude else _bare(request.tools, _bare_tools, notes)
    extra = _extra(request.extra, messages, habits, notes)
    said = known(messages) if isinstance(request.messages, KnownMessages) else tuple(messages)
    return Normalised(_with(request, said, tools, extra), tuple(notes))


def _may_move(messages: Sequence[Message], are_fit: Sequence[bool]) -> bool:
    """Whether something of a message may have to move into another one; system prompts at the head are joined at most."""
    roles = [message.get("role") for message in compress(messages, map(not_, are_fit))]
    return not _MOVED.isdisjoint(roles[1:] if roles[:1] == ["system"] and not are_fit[0] else roles)


def portable_id(call_id: str) -> str:
    """Tool-call id that every provider takes: nine letters and digits, always the same for the same id."""
    from hashlib import sha256  # OpenSSL takes longer to load than all of routerkit, and few conversations change provider

    number = int.from_bytes(sha256(call_id.encode("utf-8", "surrogatepass")).digest()[:8])
    return "".join(_DIGITS[number // 62**i % 62] for i in range(9))


def _own_parts(request: Request, target: Target, are_fit: Sequence[bool], notes: dict[str, None]) -> list[Message]:
    """Messages without what only another target could read."""
    messages, is_claude = list(request.messages), habits_of(target.model).is_claude
    loop_starts = turns_of(messages).asked_at()
    for i in [i for i, is_fit in enumerate(are_fit) if not is_fit]:
        kept = messages[i]
        if kept.get("role") == "assistant":
            kept = _own(kept, is_in_loop=i > loop_starts) if _wrote(target, kept, request) else _portable(kept, notes)
            kept = _with_objects(kept, notes)
        messages[i] = kept if is_claude else _bare(kept, _bare_message, notes)
    return messages


def _wrote(target: Target, message: Message, request: Request) -> bool:
    return message.get("role") == "assistant" and message.get(ORIGIN, request.pin) == target.name


def _own(message: Message, *, is_in_loop: bool) -> Message:
    dropped = {ORIGIN} if is_in_loop else {ORIGIN, *_PLAIN_REASONING}
    return {name: value for name, value in message.items() if name not in dropped}


def _portable(message: Message, notes: dict[str, None]) -> Message:
    for name in sorted(message.keys() - COMMON_FIELDS - {ORIGIN}):
        notes[f"dropped foreign {name}"] = None
    kept = {name: value for name, value in message.items() if name in COMMON_FIELDS}
    content = kept.get("content")
    if isinstance(content, list | tuple):
        parts = [p for p in objects(content) if p.get("type") in _ANSWER_PARTS]
        for part in objects(content):
            if part.get("type") not in _ANSWER_PARTS:
                notes[f"dropped foreign {part.get('type')} part"] = None
        kept["content"] = parts or (None if kept.get("tool_calls") else "")  # a turn that says nothing at all is refused
    if calls := kept.get("tool_calls"):
        kept["tool_calls"] = [{n: v for n, v in call.items() if n in COMMON_CALL_FIELDS} for call in objects(calls)]
    return kept


def _with_objects(message: Message, notes: dict[str, None]) -> Message:
    """What a model wrote for its tools as JSON objects; what is none is kept within one, so that nothing is lost and nobody refuses it."""
    calls = objects(message.get("tool_calls"))
    if all(map(has_object, calls)):
        return message
    notes["kept tool arguments that are no JSON object within one"] = None
    return {**message, "tool_calls": [call if has_object(call) else _with_object(call) for call in calls]}


def _with_object(call: Mapping[str, Json]) -> Mapping[str, Json]:
    import json  # as in `has_object`

    function = call["function"]
    assert isinstance(function, Mapping)  # or nothing would be missing
    said = function.get("arguments") or {}
    arguments = json.dumps(said if isinstance(said, Mapping) else {"_invalid_json": said}, ensure_ascii=False, default=_plain_or_text)
    return {**call, "function": {**function, "arguments": arguments}}


def _plain_or_text(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _bare(marked: T, without_marks: Callable[[T], T], notes: dict[str, None]) -> T:
    """A message, or tools, without cache marks; known ones are stripped once."""
    bare = fact(marked, without_marks)
    if bare is not marked:
        notes["dropped cache marks"] = None
    return bare


def _bare_tools(tools: tuple[Mapping[str, Json], ...]) -> tuple[Mapping[str, Json], ...]:
    return tools if "cache_control" not in chain.from_iterable(tools) else KnownTools([_without_mark(tool) for tool in tools])


def _bare_message(message: Message) -> Message:
    bare, content = _without_mark(message), message.get("content")
    if isinstance(content, list | tuple) and any("cache_control" in p for p in objects(content)):
        bare = {**bare, "content": [_without_mark(p) if isinstance(p, Mapping) else p for p in content]}
    return bare if bare is message else KnownMessage(bare)


def _without_mark(part: Mapping[str, Json]) -> Mapping[str, Json]:
    return {name: value for name, value in part.items() if name != "cache_control"} if "cache_control" in part else part


def _with_valid_ids(
    messages: list[Message], request: Request, target: Target, are_fit: Sequence[bool], notes: dict[str, None]
) -> list[Message]:
    """Both halves of every tool call under an id the target takes; it takes those it gave out itself."""
    takes = habits_of(target.model).id_form.fullmatch
    unfit = [m for m, is_fit in zip(messages, are_fit, strict=True) if not is_fit or m.get("role") in SYSTEM_ROLES]
    bad = {i for m in unfit for i in _call_ids(m) if not takes(i)}
    if bad:
        bad -= {i for m in request.messages if _wrote(target, m, request) for i in _call_ids(m)}
    if not bad:
        return messages
    notes[f"renamed {len(bad)} tool call ids"] = None
    names = {i: portable_id(i) for i in bad}
    return [_renamed(m, names) for m in messages]


def _call_ids(message: Message) -> list[str]:
    if message.get("role") == "tool":
        return [str(message.get("tool_call_id"))]
    return [str(c.get("id")) for c in objects(message.get("tool_calls"))]


def _renamed(message: Message, names: Mapping[str, str]) -> Message:
    if names.keys().isdisjoint(_call_ids(message)):
        return message
    if message.get("role") == "tool":
        return {**message, "tool_call_id": names[str(message.get("tool_call_id"))]}
    calls = [{**c, "id": names.get(str(c.get("id")), c.get("id"))} for c in objects(message.get("tool_calls"))]
    return {**message, "tool_calls": calls}


def _settled(messages: Sequence[Message], habits: Habits, notes: dict[str, None]) -> list[Message]:
    """Media of tool results and late system messages as user content, after the tool results they stand among."""
    result: list[Message] = []
    waiting: list[Json] = []
    for message in _with_one_head(messages, habits, notes):
        role = message.get("role")
        if role == "tool":
            result.append(message if isinstance(message.get("content"), str) else _split_media(message, habits, waiting))
        elif role in SYSTEM_ROLES and result and result[-1].get("role") not in SYSTEM_ROLES and not habits.takes_late_system:
            waiting.append({"type": "text", "text": f"[System note] {text_of(message.get('content'))}"})
            notes["turned late system messages into user notes"] = None
        else:
            result.append(_flush(result, waiting, notes, before=message) if waiting else message)
    _flush(result, waiting, notes, before={})
    return result


def _with_one_head(messages: Sequence[Message], habits: Habits, notes: dict[str, None]) -> list[Message]:
    n = next((i for i, m in enumerate(messages) if m.get("role") not in SYSTEM_ROLES), len(messages))
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


def _split_media(message: Message, habits: Habits, waiting: list[Json]) -> Message:
    content = message.get("content")
    if content is None:
        return message
    taken = {"text", "image_url"} if habits.is_claude else {"text"}
    media: list[Json] = [p for p in objects(content) if p.get("type") not in taken]
    if not media:
        return message
    kept = [p for p in objects(content) if p.get("type") in taken]
    waiting += [{"type": "text", "text": f"Media returned by tool call {message.get('tool_call_id')}:"}, *media]
    return {**message, "content": kept or "The result is in the next message."}


def _flush(result: list[Message], waiting: list[Json], notes: dict[str, None], *, before: Message) -> Message:
    """Say what waits: at the head of the user message that follows, else in one of its own. Returns the message that follows."""
    if not waiting:
        return before
    parts, is_text = list(waiting), all(p.get("type") == "text" for p in objects(waiting))
    waiting.clear()
    if not is_text:
        notes["moved media out of tool results"] = None
    if before.get("role") == "user":
        return {**before, "content": _joined([*parts, *_as_parts(before.get("content"))], is_text=is_text)}
    result.append({"role": "user", "content": _joined(parts, is_text=is_text)})
    return before


def _joined(parts: Sequence[Json], *, is_text: bool) -> Json:
    """Parts as plain text where that is all they are, which even the plainest server takes."""
    if is_text and all(p.keys() == {"type", "text"} for p in objects(parts)):
        return "\n\n".join(str(p["text"]) for p in objects(parts))
    return parts


def _extra(extra: Mapping[str, Json], messages: Sequence[Message], habits: Habits, notes: dict[str, None]) -> Mapping[str, Json]:
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
