"""From the settings of an LLM and the keywords of one call to a Request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from llama_index.llms.routerkit.outgoing import to_wire
from routerkit import Request

SETTINGS: Final = ("model", "temperature", "max_tokens", "stop", "kind", "agent", "session", "tags", "timeout_s")
"""Settings of an LLM that each call may override by keyword."""
FORCE: Final = "routerkit_force_tool"
"""Keyword that asks for a tool call where LlamaIndex itself forgets to: streamed structured prediction."""
_ABOUT_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
_TUPLES: Final = ("stop", "tags", "tools")
_TYPED: Final = frozenset({*SETTINGS, "tools", "tool_choice", "response_format"})


def to_request(messages: Sequence[ChatMessage], settings: Mapping[str, Any]) -> Request:
    """The request that messages and settings add up to; a setting of None is none at all, unknown ones go to the target.

    Raises:
        ValueError: there are no messages.
    """
    if not messages:
        raise ValueError("no messages to send; pass at least one ChatMessage")
    said = {name: value for name, value in settings.items() if value is not None and name != FORCE}
    if not said.get("tools"):  # servers refuse a tool choice without tools
        said = {name: value for name, value in said.items() if name not in _ABOUT_TOOLS}
    for name in _TUPLES:
        if name in said:
            said[name] = one_or_many(said[name])
    typed = {name: said.pop(name) for name in _TYPED & said.keys()}
    return Request(messages=to_wire(messages), extra=said, pin=_last_target(messages), **typed)


def one_or_many(given: object) -> tuple[Any, ...]:
    """A tuple of what was given, be it one text or several things."""
    return (given,) if isinstance(given, str) else tuple(given)  # type: ignore[arg-type]  # validated by whoever takes it


def _last_target(messages: Sequence[ChatMessage]) -> str | None:
    """Target that wrote the last assistant turn, if a RouterLLM did; travels with the history, so also through storage."""
    for message in reversed(messages):
        if message.role is MessageRole.ASSISTANT:
            facts = message.additional_kwargs.get("routerkit")
            target = facts.get("target") if isinstance(facts, Mapping) else None
            return target if isinstance(target, str) and target else None
    return None
