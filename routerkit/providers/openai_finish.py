"""Why an answer ended: OpenAI's four words, and what servers that claim its format say instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routerkit.messages import Json
from routerkit.providers.openai_errors import gave_up

_FINISH_REASONS: Final = {
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "end_turn": "stop",
    "eos": "stop",
    "stop_sequence": "stop",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "recitation": "content_filter",
    "prohibited_content": "content_filter",
}
"""Other words for OpenAI's four, in any case, as used by servers that claim its format."""
OWN_FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
"""OpenAI's own words."""
_BROKEN_FINISHES: Final = frozenset({"error", "insufficient_system_resource", "network_error", "abort"})
"""What some servers say instead of failing (OpenRouter, DeepSeek, Zhipu, vLLM and SGLang)."""


def finish_reason(choice: Mapping[str, Json]) -> str | None:
    """Why the answer ended, in OpenAI's words; None while it goes on.

    Raises:
        ProviderError: `server` if the server says that it broke.
    """
    raw = choice.get("finish_reason")
    if not isinstance(raw, str) or not raw:
        return None
    word = raw.lower()
    if word in _BROKEN_FINISHES:
        raise gave_up(raw)
    return _FINISH_REASONS.get(word, word if word in OWN_FINISHES else raw)


def stopped_by(choice: Mapping[str, Json]) -> str | None:
    """The stop sequence that ended the answer, as vLLM (`stop_reason`) and SGLang (`matched_stop`) tell.

    Empty where a server says only that one did (TGI); None where nothing is said of it, or a token did it.
    """
    for name in ("stop_reason", "matched_stop"):
        if isinstance(said := choice.get(name), str):
            return said
    return "" if choice.get("finish_reason") == "stop_sequence" else None
