"""Answers in OpenAI's chat format as they were read, for callers who would otherwise get them as they were written, oddities included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from routerkit import fastjson
from routerkit.messages import Chunk, Json, ToolCallDelta
from routerkit.providers.openai_format import as_object, first_choice
from routerkit.providers.openai_usage import usage

FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""Words of the format; clients may take no other."""
_BOM: Final = b"\xef\xbb\xbf"


def is_strict(body: bytes) -> bool:
    """Whether JSON that Python reads is read by everybody; may say no where texts contain such words."""
    return not (b"NaN" in body or b"Infinity" in body or body.startswith(_BOM))


def is_counted(parsed: Mapping[str, Json]) -> bool:
    """Whether it tells a usage that nothing has to be added to."""
    said = as_object(parsed.get("usage"))
    used = usage(said)
    sides = said.get("prompt_tokens"), said.get("completion_tokens")
    if used is None or not all(sides):
        return False
    # The second is how a server tells it that counts reasoning beside the completion.
    return sides in ((used.input_tokens, used.output_tokens), (used.input_tokens, used.output_tokens - used.reasoning_tokens))


def corrected(event: bytes, parsed: Mapping[str, Json], pieces: Sequence[Chunk]) -> bytes:
    """An event of a stream as it may be passed on: as it was written, unless what was read from it says something else.

    Args:
        event: Its data.
        parsed: What that holds.
        pieces: What was read from it: one chunk, or none when it says nothing new.
    """
    choice, piece = first_choice(parsed), pieces[0] if pieces else Chunk()
    if choice is None:
        return event if is_strict(event) else fastjson.dumps(parsed)
    delta, finish = as_object(choice.get("delta")), _finish(piece)
    is_text = not isinstance(delta.get("content"), list)
    if (
        is_text
        and finish == (choice.get("finish_reason") or None)
        and _are_same(delta.get("tool_calls"), piece.tool_calls)
        and is_strict(event)
    ):
        return event
    said = {name: value for name, value in delta.items() if name != "tool_calls"}
    if piece.tool_calls:
        said["tool_calls"] = [_call(call) for call in piece.tool_calls]
    if not is_text:
        said |= {"content": piece.text} | ({"reasoning_content": piece.reasoning} if piece.reasoning else {})
    return fastjson.dumps({**parsed, "choices": [{**choice, "delta": said, "finish_reason": finish}]})


def _finish(piece: Chunk) -> str | None:
    """Why the answer ended, in a word of the format: clients may take no other."""
    return piece.finish_reason if piece.finish_reason is None or piece.finish_reason in FINISHES else "stop"


def _call(call: ToolCallDelta) -> dict[str, Json]:
    head = {"id": call.id, "type": "function"} if call.id else {}
    name = {"name": call.name} if call.name else {}
    return {"index": call.index, **head, "function": {**name, "arguments": call.arguments}}


def _are_same(written: Json, calls: Sequence[ToolCallDelta]) -> bool:
    raw = written if isinstance(written, list) else []
    return len(raw) == len(calls) and all(map(_is_same, raw, calls))


def _is_same(written: Json, call: ToolCallDelta) -> bool:
    said = as_object(written)
    function = as_object(said.get("function"))
    told = said.get("index"), said.get("id") or None, function.get("name") or None, function.get("arguments") or ""
    return told == (call.index, call.id, call.name, call.arguments)
