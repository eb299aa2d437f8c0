"""Tokens that an answer reports, and what stands in for counts that nobody made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from routerkit.features import features
from routerkit.messages import Json, Request, Usage
from routerkit.sizes import CHARS_PER_TOKEN

MAX_TOKENS: Final = 10**8
"""Ten times the longest window of any model: a larger count was not counted, and would empty a budget."""


def usage(raw: Json) -> Usage | None:
    """Reported tokens; None if there are none. Negative counts become 0 and mark the whole as estimated; what is no count is 0."""
    if not isinstance(raw, dict) or not (raw.get("prompt_tokens") or raw.get("completion_tokens")):
        return None
    details_in, details_out = _object(raw.get("prompt_tokens_details")), _object(raw.get("completion_tokens_details"))
    counts = [
        _count(raw.get("prompt_tokens")),
        _count(raw.get("completion_tokens")),
        _count(details_in.get("cached_tokens") or raw.get("prompt_cache_hit_tokens") or raw.get("cached_tokens")),
        _count(details_in.get("cache_write_tokens") or raw.get("cache_creation_input_tokens")),
        _count(details_out.get("reasoning_tokens")),
        _count(details_in.get("audio_tokens")),
        _count(details_out.get("audio_tokens")),
    ]
    prompt, completion, cached, written, reasoned, heard, spoken = [n if n > 0 else 0 for n in counts]
    if is_beside(prompt, completion, reasoned, _count(raw.get("total_tokens"))):
        completion += reasoned
    return Usage(prompt, completion, cached, written, reasoned, min(counts) < 0, heard, spoken)


def is_beside(prompt: int, completion: int, reasoned: int, total: int | None) -> bool:
    """Whether a server counts reasoning beside the completion and not within it (xAI): it is billed all the same."""
    return reasoned > 0 and total == prompt + completion + reasoned


def counted(reported: Usage | None, request: Request, n_chars: int) -> Usage:
    """What was reported, with an estimate where it says 0: no prompt has no tokens, and no answer of `n_chars` characters has none."""
    if reported is not None and (reported.is_estimated or (reported.input_tokens and (reported.output_tokens or not n_chars))):
        return reported
    estimate = estimated_usage(request, n_chars)
    if reported is None:
        return estimate
    sides = reported.input_tokens or estimate.input_tokens, reported.output_tokens or estimate.output_tokens
    return replace(reported, input_tokens=sides[0], output_tokens=sides[1], is_estimated=True)


def estimated_usage(request: Request, n_chars: int) -> Usage:
    """Tokens of a request and an answer of `n_chars` characters, for servers that report none."""
    return Usage(features(request).input_tokens, max(1, round(n_chars / CHARS_PER_TOKEN)), is_estimated=True)


def _object(raw: Json) -> Mapping[str, Json]:
    return raw if isinstance(raw, dict) else {}


def _count(raw: Json) -> int:
    return int(raw) if isinstance(raw, (int, float)) and abs(raw) < MAX_TOKENS else 0
