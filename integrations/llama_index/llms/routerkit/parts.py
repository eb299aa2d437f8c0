"""Signed parts of an answer, which its writer wants back unchanged and nobody else may see. They travel inside the message's metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from routerkit import Json

_RETURNED: Final = ("thinking_blocks", "reasoning_items", "reasoning_details", "provider_specific_fields", "extra_content")
"""Signed thinking of Anthropic, encrypted reasoning of OpenAI, both as OpenRouter has them, signatures of Gemini via litellm and Google."""


def merge(so_far: dict[str, Json], piece: Mapping[str, Json]) -> None:
    """Add the parts of one more chunk: lists grow, everything else is replaced."""
    for name, value in piece.items():
        old = so_far.get(name)
        so_far[name] = [*old, *value] if isinstance(old, list) and isinstance(value, list) else value


def to_return(extra: Mapping[str, Json]) -> dict[str, Json]:
    """What of an answer has to go back with the conversation."""
    found = {name: extra[name] for name in _RETURNED if extra.get(name)}
    thinking = found.get("thinking_blocks")
    if isinstance(thinking, list):
        found["thinking_blocks"] = _whole_blocks(thinking)
    return found


def _whole_blocks(pieces: Sequence[Json]) -> list[Json]:
    """Thinking blocks put together from the pieces of a stream; each ends with its signature."""
    blocks: list[dict[str, Json]] = []
    for piece in pieces:
        if not isinstance(piece, Mapping):
            continue
        last = blocks[-1] if blocks else {}
        if last.get("type") == piece.get("type") == "thinking" and not last.get("signature"):
            last["thinking"] = f"{last.get('thinking') or ''}{piece.get('thinking') or ''}"
            last["signature"] = piece.get("signature") or ""
        else:
            blocks.append(dict(piece))
    return list(blocks)
