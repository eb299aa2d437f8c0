"""Tool calls of a stream whose arguments are not a JSON object, and how LangChain is kept from completing them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from langchain_core.messages.tool import ToolCallChunk
from langchain_core.utils.json import parse_partial_json

from routerkit import Chunk

_MARKS: Final = ("]", "}", '"]', '"}', '""]', '""}')
"""A bracket that closes nothing, outside a text, inside one, and behind a backslash."""


class Arguments:
    """The arguments of a stream's tool calls, by index."""

    def __init__(self) -> None:
        self._pieces: dict[int, list[str]] = {}

    def add(self, chunk: Chunk) -> None:
        """Note what a chunk adds."""
        for delta in chunk.tool_calls:
            self._pieces.setdefault(delta.index, []).append(delta.arguments)

    def marks(self) -> Iterator[ToolCallChunk]:
        """What to add to the calls that cannot be read.

        LangChain closes what a cut call left open when it puts chunks together, so that an agent would run the tool on half a text.
        With a mark at its end the call becomes one of `invalid_tool_calls`.
        """
        for index, pieces in self._pieces.items():
            if mark := _mark("".join(pieces)):
                yield ToolCallChunk(type="tool_call_chunk", name=None, args=mark, id=None, index=index)


def _mark(arguments: str) -> str:
    if not arguments or _is_object(json.loads, arguments) or not _is_object(parse_partial_json, arguments):
        return ""
    return next((mark for mark in _MARKS if not _is_object(parse_partial_json, arguments + mark)), "")


def _is_object(parse: Callable[[str], object], text: str) -> bool:
    try:
        return isinstance(parse(text), dict)
    except (ValueError, RecursionError):
        return False
