"""Tool calls of a streamed answer, told apart."""

from __future__ import annotations

from dataclasses import replace

from routerkit.messages import ToolCallDelta
from routerkit.providers.openai_format import new_call_id


class ToolIndex:
    """Gives every tool call of a stream its own index and id, also where the server does not (all 0, or no id)."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._moved: dict[int, int] = {}
        self.names: dict[int, str] = {}
        """Of each call so far; empty until it says it."""

    def place(self, deltas: tuple[ToolCallDelta, ...]) -> tuple[ToolCallDelta, ...]:
        """Pieces of calls, each under the index and, where it begins, the id of its call."""
        return tuple(self._place(delta) for delta in deltas)

    def goes_on(self, delta: ToolCallDelta) -> bool:
        """Whether a piece is nothing but more of a call that has begun under its index."""
        return not (delta.id or delta.name) and delta.index in self._ids and delta.index not in self._moved

    def _place(self, delta: ToolCallDelta) -> ToolCallDelta:
        index = self._moved.get(delta.index, delta.index)
        known = self._ids.get(index)
        if delta.name and known is not None and delta.id and delta.id != known:
            index = self._moved[delta.index] = max(self._ids) + 1
            known = None
        self.names[index] = self.names.get(index) or delta.name or ""
        if known is not None:
            return replace(delta, index=index, id=None, name=None) if delta.id or delta.name or index != delta.index else delta
        is_taken = not delta.id or delta.id in self._ids.values()
        self._ids[index] = new_call_id() if is_taken else delta.id or ""
        return replace(delta, index=index, id=self._ids[index])
