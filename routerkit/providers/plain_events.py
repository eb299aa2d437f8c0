"""Events of a stream that say a text, who speaks, why it ends, what it used, and nothing else: all that arrived together read in one step.

Likewise those that go on with reasoning or with a tool call's arguments. Any other (the beginning of a tool call, log probabilities, words
of other servers) is left to `openai_format`, which says the same of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from routerkit import fastjson
from routerkit.messages import ToolCallDelta, Usage
from routerkit.providers.plain_answer import Counts, usage_of
from routerkit.quick import maker


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
    """One that may also say who speaks, why it ends, and what it used; what it used may also stand alone."""

    id: Annotated[str, Meta(min_length=1)]
    choices: Annotated[list[_AnyChoice], Meta(max_length=1)]
    model: str | None = None
    usage: Counts | None = None
    error: None = None


class _Arguments(Struct):
    arguments: str
    name: Literal[""] | None = None


class _CallPiece(Struct):
    """What a call goes on with; its beginning has an id or a name."""

    index: int
    function: _Arguments
    id: Literal[""] | None = None


class _DeltaPiece(Struct, forbid_unknown_fields=True):
    content: Literal[""] | None = None
    role: str | None = None
    refusal: Literal[""] | None = None
    tool_calls: list[_CallPiece] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class _ChoicePiece(Struct):
    delta: _DeltaPiece
    index: Literal[0] = 0
    finish_reason: None = None
    logprobs: None = None
    stop_reason: int | None = None
    matched_stop: int | None = None


class _Piece(Struct):
    """One that goes on with reasoning or with arguments."""

    id: Annotated[str, Meta(min_length=1)]
    choices: tuple[_ChoicePiece]
    model: str | None = None
    usage: None = None
    error: None = None


class _Said(Struct):
    """One that says a text, of a server that may not name itself or its answer."""

    choices: tuple[_Choice]
    model: str | None = None
    object: str | None = None
    usage: None = None
    error: None = None


_NOT_PLAIN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_decode: Final = msgspec.json.Decoder(_Event).decode
_decode_any: Final = msgspec.json.Decoder(_AnyEvent).decode
_decode_said: Final = msgspec.json.Decoder(_Said).decode
_decode_piece: Final = msgspec.json.Decoder(_Piece).decode
_call: Final = maker(ToolCallDelta)
_choices, _usage = attrgetter("choices"), attrgetter("usage")
_content, _finish_reason = attrgetter("delta.content"), attrgetter("finish_reason")


def plain_text(data: bytes) -> str | None:
    """Text of what arrived, if that is one whole event that says a text and nothing else, as nearly always; None for anything else."""
    if data.count(b"\n") != 2 or not (data.startswith(b"data: ") and data.endswith(b"\n\n")) or b"\r" in data:
        return None
    try:
        text = _decode(data[6:]).choices[0].delta.content
    except _NOT_PLAIN:
        return None
    return text if data.isascii() or fastjson.is_text(data) else None


def said(event: bytes) -> tuple[str, str] | None:
    """Text and model of an event, given its data, if it says a text and nothing else; None for anything else."""
    try:
        read = _decode_said(event)
    except _NOT_PLAIN:
        return None
    if read.object == "error" or not (event.isascii() or fastjson.is_text(event)):
        return None
    return read.choices[0].delta.content, read.model or ""


class PlainEvents(NamedTuple):
    """What they say together."""

    text: str
    finish: str
    """Why the answer ended; empty while it goes on."""
    model: str
    usage: Usage | None
    ends_in_usage: bool
    """Whether the last of them tells the usage and nothing else."""
    reasoning: str = ""
    calls: tuple[ToolCallDelta, ...] = ()
    """What calls that have begun before go on with."""


def plain_events(events: Sequence[bytes]) -> PlainEvents | None:
    """What events say, each the data of one; None when one of them says more, goes on after the end, or is wrong."""
    try:
        read = [*map(_decode_any, events)]
    except _NOT_PLAIN:
        return plain_pieces(events)
    if not read:
        return None
    choices, last = [*chain.from_iterable(map(_choices, read))], read[-1]
    ends_in_usage = not last.choices and last.usage is not None
    if not choices or len(choices) + ends_in_usage != len(read) or not fastjson.is_text(b"\n".join(events)):
        return None
    *earlier, finish = map(_finish_reason, choices)
    if any(earlier):
        return None
    counts = [*filter(None, map(_usage, read))]
    return PlainEvents(
        "".join(filter(None, map(_content, choices))),
        finish or "",
        read[0].model or "",
        usage_of(counts[-1]) if counts else None,
        ends_in_usage,
    )


def plain_pieces(events: Sequence[bytes]) -> PlainEvents | None:
    """As `plain_events`, where all of them go on with reasoning or with a call's arguments."""
    try:
        read = [*map(_decode_piece, events)]
    except _NOT_PLAIN:
        return None
    if not fastjson.is_text(b"\n".join(events)):
        return None
    reasoning, calls = "", list[ToolCallDelta]()
    for event in read:
        delta = event.choices[0].delta
        reasoning += delta.reasoning_content or delta.reasoning or ""
        for piece in delta.tool_calls or ():
            calls.append(_call(piece.index, None, None, piece.function.arguments))
    return PlainEvents("", "", read[0].model or "", None, False, reasoning, tuple(calls))  # noqa: FBT003  a field of its own
