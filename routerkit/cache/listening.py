"""Putting the answer of a stream together while it passes."""

from __future__ import annotations

from routerkit.messages import Chunk, Reply, ToolCall, ToolCallDelta, Usage


class Heard:
    """What was heard of a stream so far."""

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []

    def ends_with(self, chunk: Chunk) -> bool:
        """Listen to one more chunk; whether it is the last one, which carries the record."""
        self._chunks.append(chunk)
        return bool(chunk.record_id)

    def reply(self) -> Reply:
        """The whole answer. One with parts that this does not know how to join has no text, so nobody stores it."""
        chunks, last = self._chunks, self._chunks[-1]
        extras = [chunk.extra for chunk in chunks if chunk.extra]
        is_plain = len(extras) <= 1
        return Reply(
            "".join([chunk.text for chunk in chunks]) if is_plain else "",
            _joined([delta for chunk in chunks for delta in chunk.tool_calls]) if is_plain else (),
            next((chunk.finish_reason for chunk in reversed(chunks) if chunk.finish_reason), ""),
            next((chunk.usage for chunk in reversed(chunks) if chunk.usage), Usage()),
            last.model,
            "".join([chunk.reasoning for chunk in chunks]),
            "".join([chunk.refusal for chunk in chunks]),
            extras[0] if is_plain and extras else {},
            target=last.target,
            record_id=last.record_id,
            verified=last.verified,
        )


def _joined(deltas: list[ToolCallDelta]) -> tuple[ToolCall, ...]:
    pieces: dict[int, list[ToolCallDelta]] = {}
    for delta in deltas:
        pieces.setdefault(delta.index, []).append(delta)
    return tuple(ToolCall(_first(p, "id"), _first(p, "name"), "".join([d.arguments for d in p])) for _, p in sorted(pieces.items()))


def _first(pieces: list[ToolCallDelta], name: str) -> str:
    return next((str(value) for piece in pieces if (value := getattr(piece, name))), "")
