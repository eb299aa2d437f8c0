"""What a caller is told where a conversation or the answer it wants does not fit: agents shorten the one, or ask for less of the other."""

from __future__ import annotations

import re
from typing import Final

from routerkit.errors import ProviderError
from routerkit.filters import DEFAULT_OUTPUT_TOKENS

_PROMPT: Final = "prompt is too long"
"""Anthropic's words. Claude Code, pydantic-ai, LangChain, litellm and opencode look for them, whatever the format."""
_SUM: Final = "input length and `max_tokens` exceed context limit: {} + {} > {}"
"""Anthropic's words for the other case; with the numbers Claude Code asks anew by itself."""
_N: Final = {name: rf"(?P<{name}>\d{{1,9}})" for name in ("input", "answer", "window")}
_SUMS: Final = tuple(
    re.compile(form.format(**_N), re.IGNORECASE)
    for form in (
        r"exceed context limit: {input} \+ {answer} > {window}",
        r"length is {window} tokens[.,] however,? you requested \d+ tokens \({input} in [a-z ]+[,;] {answer} (?:in|for) the completion",
        r"too large: {answer}\. This model's maximum context length is {window} tokens and your request has {input} input",
        r"length is {window} tokens\. However, you requested {answer} output tokens and your prompt contains (?:at least )?{input} input",
    )
)
"""How Anthropic, OpenAI and (twice) vLLM say how long the prompt is, how much was asked for, and what both together must fit into."""


def prompt_too_long(error: ProviderError) -> str:
    """What happened, with the words by which agents and SDKs know that a shorter conversation would help."""
    said = str(error)
    return said if _PROMPT in said.lower() else f"{_PROMPT}: {said}"


def answer_too_long(error: ProviderError, cause: ProviderError) -> str | None:
    """What happened, with OpenAI's and Anthropic's words for a limit that is too large; None if a short answer would not fit either.

    Args:
        error: What became of the call.
        cause: What says why.
    """
    found = next((sum_ for form in _SUMS if (sum_ := form.search(str(cause)))), None)
    if found is None or int(found["input"]) + DEFAULT_OUTPUT_TOKENS > int(found["window"]):
        return None
    return f"max_tokens is too large: {_SUM.format(*found.group(*_N))}, decrease input length or `max_tokens` and try again: {error}"
