"""Token counts without a tokenizer, a download or a network: the router's own estimate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_routerkit.convert import to_messages
from routerkit import Request, features

_BYTES_PER_PIECE = 4
"""Characters per token of prose and code, as in `routerkit.features`."""


def pieces(text: str) -> list[int]:
    """Four-byte pieces of a text as numbers."""
    raw = text.encode("utf-8", "surrogatepass")
    return [int.from_bytes(raw[i : i + _BYTES_PER_PIECE]) for i in range(0, len(raw), _BYTES_PER_PIECE)]


def prompt_tokens(messages: Sequence[BaseMessage], tools: Sequence[Any] | None) -> int:
    """Expected prompt tokens of a conversation with its tools."""
    offered = tuple(convert_to_openai_tool(tool) for tool in tools or ())
    return features(Request("", to_messages(messages), tools=offered)).input_tokens
