"""Events of a stream that say a text, who speaks, why it ends, what it used, and nothing else: all that arrived together read in one step.

Any other (tool calls, reasoning, log probabilities, words of other servers) is left to `openai_format`, which says the same of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter, itemgetter
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from routerkit import fastjson
from routerkit.messages import Usage
from routerkit.providers.plain_answer import Counts, usage_of


class _Delta(Struct, forbid_unknown_fields=True):
    content: str
    refusal: Literal[""] | None = None
    tool_calls: None = None
    reasoning_content: None = None
    reasoning: None = None


class _Choice(Struct):
    delta: _Delta
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None
    # The token that ended it, at vLLM and SGLang; a text would be a stop sequence.
    stop_reason: int | None = None
    matched_stop: int | None = None


class _Event(Struct):
    """One that says a text."""

    id: Annotated[str, Meta(min_length=1)]
    choices: tuple[_Choice]
    usage: None = None
    error: None = None


class _AnyDelta(Struct, forbid_unknown_fields=True):
    content: str | None = None
    role: str | None = None
    refusal: Literal[""] | None = None
    tool_calls: None = None
    reasoning_content: None = None
    reasoning: None = None


class _AnyChoice(Struct):
    delta: _AnyDelta
    index: Literal[0] = 0
    finish_reason: Literal["stop", "length", "content_filter"] | None = None
    logprobs: None = None
    stop_reason: int | None = None
    matched_stop: int | None = None


class _AnyEvent(Struct):
    """One that may also say who speaks, why it ends, and what it used."""

    id: Annotated[str, Meta(min_length=1)]
    choices: tuple[_AnyChoice]
    model: str | None = None
    usage: Counts | None = None
    error: None = None


_NOT_PLAIN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_decode: Final = msgspec.json.Decoder(_Event).decode
_decode_lines: Final = msgspec.json.Decoder(_AnyEvent).decode_lines
_choices, _only, _usage = attrgetter("choices"), itemgetter(0), attrgetter("usage")
_content, _finish_reason = attrgetter("delta.content"), attrgetter("finish_reason")


def plain_text(event: bytes) -> str | None:
    """Text of an event that says nothing else, as nearly all do; None for any other."""
    try:
        text = _decode(event).choices[0].delta.content
    except _NOT_PLAIN:
        return None
    return text if event.isascii() or fastjson.is_text(event) else None


class PlainEvents(NamedTuple):
    """What they say together."""

    text: str
    finish: str
    """Why the answer ended; empty while it goes on."""
    model: str
    """Who answers, if one of them says more than a text."""
    usage: Usage | None


def plain_events(events: Sequence[bytes]) -> PlainEvents | None:
    """What events say, each the data of one; None when one of them says more, goes on after the end, or is wrong."""
    lines, n_breaks = b"\n".join(events), len(events) - 1
    # One object for each line and no other: no JSON goes on with a bracket at the beginning of a line after one at the end of the last.
    if lines.count(b"}\n{") != n_breaks or lines.count(b"\n") != n_breaks or lines[:1] != b"{" or lines[-1:] != b"}":
        return None
    try:
        read = _decode_lines(lines)
    except _NOT_PLAIN:
        return None
    if len(read) != len(events) or not fastjson.is_text(lines):
        return None
    choices = [*map(_only, map(_choices, read))]
    finish = choices[-1].finish_reason
    if sum(map(bool, map(_finish_reason, choices))) > (finish is not None):
        return None
    counts = [*filter(None, map(_usage, read))]
    if not all(count.prompt_tokens or count.completion_tokens for count in counts):
        return None
    says_more = finish is not None or counts or choices[0].delta.role is not None
    return PlainEvents(
        "".join(filter(None, map(_content, choices))),
        finish or "",
        (read[-1].model or read[0].model or "") if says_more else "",
        usage_of(counts[-1]) if counts else None,
    )
