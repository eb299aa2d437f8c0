"""Requests and answers as somebody wrote them: what may be passed on without being read and written anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from routerkit.quick import quick

PassOn: TypeAlias = Callable[[int, Any], bool]
"""Takes more of a stream, given how many characters of text and tool calls it says; False = it cannot now, it must be yielded.

What is given are events as they were written, in bytes, for a request that has a written body, and else a chunk.
"""


@quick
@dataclass(frozen=True, slots=True)
class Written:
    """A request's body as its caller wrote it in OpenAI's chat format: a provider that speaks it may send it on, with another model.

    It stands only for a request whose `parts` are the very objects it was read into. A copy with other messages, tools or parameters is
    written anew.
    """

    body: bytes
    model_at: slice
    """Where the model's name stands, quotes included."""
    parts: tuple[object, ...]
    """See `Request.parts`."""
    limit_field: str | None = None
    """What the caller named the output limit: `max_tokens`, `max_completion_tokens`, or None without one."""
    is_stream: bool = False
    asks_usage: bool = False
    """Whether the caller wants the usage of a stream, too."""


class WrittenAnswer(NamedTuple):
    """An answer, or a piece of one, as its provider wrote it. It stands only for a value with these very texts and tool calls."""

    body: bytes
    text: str
    tool_calls: tuple[object, ...] = ()
