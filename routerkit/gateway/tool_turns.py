"""Tool calls of a stream one after the other, for formats in which a call is over when the next one begins."""

from __future__ import annotations

import json
from dataclasses import replace

from routerkit.messages import Chunk, ToolCallDelta


class ToolTurns:
    """Lets pieces of the call that is open pass, and keeps what belongs to others until the end if that call is not complete yet.

    Nearly all models finish one call before they begin another, so that nothing waits; some servers send several by turns.
    """

    def __init__(self) -> None:
        self._index: int | None = None
        self._arguments = ""
        self._kept: list[ToolCallDelta] = []
        self._kept_text = ""

    def of(self, chunk: Chunk) -> Chunk:
        """What may be written now of a chunk."""
        if self._index is None and not chunk.tool_calls:
            return chunk
        text = chunk.text
        if text and self._is_within_call():
            self._kept_text += text
            text = ""
        return replace(chunk, text=text, tool_calls=tuple([call for call in chunk.tool_calls if self._may_pass(call)]))

    def rest(self) -> Chunk:
        """What was kept, at the end of the answer: the calls in the order in which they began."""
        indexes = dict.fromkeys(call.index for call in self._kept)
        return Chunk(self._kept_text, tuple([call for index in indexes for call in self._kept if call.index == index]))

    def _may_pass(self, call: ToolCallDelta) -> bool:
        if call.index != self._index:
            if self._kept or self._is_within_call():
                self._kept.append(call)
                return False
            self._index, self._arguments = call.index, ""
        self._arguments += call.arguments
        return True

    def _is_within_call(self) -> bool:
        """Whether the open call may go on, because what it is given is no complete JSON yet."""
        if self._index is None:
            return False
        try:
            json.loads(self._arguments)
        except (ValueError, RecursionError):
            return True
        return False
