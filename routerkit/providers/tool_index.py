"""Tool calls of a streamed answer, told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

from routerkit.messages import ToolCallDelta
from routerkit.providers.openai_format import NO_ARGUMENTS, new_call_id

_WHOLE: Final = frozenset({"tool_calls", "stop"})
"""Ends of answers whose calls are complete."""


class ToolIndex:
    """Gives every tool call of a stream its own index, counted from 0 in the order they begin, and its own id, whatever the server does.

    Some say 0 for every call, or count from 1; some give no ids, or the name only after the id. Calls are handed out once they have a name.
    """

    def __init__(self) -> None:
        self._index: dict[int, int] = {}
        """Of the call that goes on, by the index its server gives it."""
        self._ids: list[str] = []
        self._unmarked: dict[int, str] = {}
        """What calls without an id were given so far: the next one of that tool looks like more of the same."""
        self._nameless: dict[int, str] = {}
        """What calls that have no name yet were given so far."""
        self._given_nothing: set[int] = set()
        self.names: dict[int, str] = {}
        """Of each call so far; empty until it says it."""

    def place(self, deltas: tuple[ToolCallDelta, ...]) -> tuple[ToolCallDelta, ...]:
        """Pieces of calls, each under the index and, where it begins, the id of its call."""
        return tuple([placed for delta in deltas if (placed := self._place(delta)) is not None])

    @property
    def has_empty(self) -> bool:
        """Whether a call was given nothing so far."""
        return bool(self._given_nothing)

    def rest(self, finish: str) -> tuple[ToolCallDelta, ...]:
        """What calls that were given nothing lack at the end of the answer: arguments are JSON, also where there are none."""
        if finish not in _WHOLE:
            return ()
        empty, self._given_nothing = sorted(self._given_nothing), set()
        return tuple([ToolCallDelta(index, arguments=NO_ARGUMENTS) for index in empty])

    def goes_on(self, delta: ToolCallDelta) -> bool:
        """Whether a piece is nothing but more of a call that has begun under its index."""
        index = self._index.get(delta.index)
        is_odd = index is None or index in self._unmarked or index in self._nameless or index in self._given_nothing
        return not (delta.id or delta.name or is_odd) and index == delta.index

    def _place(self, delta: ToolCallDelta) -> ToolCallDelta | None:
        index = self._index.get(delta.index)
        if index is None or self._begins_another(delta, index):
            return self._begin(delta)
        if index in self._unmarked:
            self._unmarked[index] += delta.arguments
        if delta.arguments:
            self._given_nothing.discard(index)
        if index in self._nameless:
            return self._name(delta, index)
        return replace(delta, index=index, id=None, name=None) if delta.id or delta.name or index != delta.index else delta

    def _begins_another(self, delta: ToolCallDelta, index: int) -> bool:
        """Whether a piece under the index of a call does not belong to it. Some servers repeat name, or id and name, with every piece."""
        if not delta.name or (delta.id and delta.id == self._ids[index]):
            return False
        if delta.id:
            return bool(self._ids[index])
        known = self.names[index]
        if known and delta.name == known and index in self._unmarked:
            return bool(delta.arguments.strip()) and _is_json(self._unmarked[index])
        return bool(known) and delta.name != known

    def _begin(self, delta: ToolCallDelta) -> ToolCallDelta | None:
        index = self._index[delta.index] = len(self._ids)
        self._ids.append("")
        self.names[index] = ""
        if not delta.id:
            self._unmarked[index] = delta.arguments
        self._nameless[index] = ""
        if not delta.arguments:
            self._given_nothing.add(index)
        return self._name(delta, index)

    def _name(self, delta: ToolCallDelta, index: int) -> ToolCallDelta | None:
        """The call as it begins; None while its name is missing."""
        self._ids[index] = self._ids[index] or self._free(delta.id)
        self._nameless[index] += delta.arguments
        if not delta.name:
            return None
        self.names[index], call_id = delta.name, self._ids[index] or new_call_id()
        self._ids[index] = call_id
        return ToolCallDelta(index, call_id, delta.name, self._nameless.pop(index))

    def _free(self, call_id: str | None) -> str:
        """The id, unless another call has it."""
        return "" if call_id is None or call_id in self._ids else call_id


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
