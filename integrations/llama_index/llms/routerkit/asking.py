"""From the settings of an LLM and the keywords of one call to a Request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from llama_index.llms.routerkit.outgoing import to_wire
from llama_index.llms.routerkit.tools import to_choice
from routerkit import TASK_KINDS, Request

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
        ValueError: there are no messages, or an unknown task kind.
    """
    if not messages:
        raise ValueError("no messages to send; pass at least one ChatMessage")
    if settings.get("kind") not in {None, *TASK_KINDS}:
        raise ValueError(f"unknown task kind {settings['kind']!r}; use one of {', '.join(TASK_KINDS)}")
    said = {name: value for name, value in settings.items() if value is not None and name != FORCE}
    if not said.get("tools"):  # servers refuse a tool choice without tools
        said = {name: value for name, value in said.items() if name not in _ABOUT_TOOLS}
    for name in _TUPLES:
        if name in said:
            said[name] = one_or_many(said[name])
    said["tool_choice"] = to_choice(said.get("tool_choice"), is_required=False)
    typed = {name: said.pop(name) for name in _TYPED & said.keys()}
    return Request(messages=to_wire(messages), extra=said, pin=_last_target(messages), **typed)


def one_or_many(given: object) -> tuple[Any, ...]:
    """A tuple of what was given, be it one text or several things.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(given, str | Iterable):
        raise ValueError(f"{given!r} is neither a text nor a list of texts")  # noqa: TRY004  # Pydantic reports nothing else
    return (given,) if isinstance(given, str) else tuple(given)


def _last_target(messages: Sequence[ChatMessage]) -> str | None:
    """Target that wrote the last assistant turn, if a RouterLLM did; travels with the history, so also through storage."""
    for message in reversed(messages):
        if message.role is MessageRole.ASSISTANT:
            facts = message.additional_kwargs.get("routerkit")
            target = facts.get("target") if isinstance(facts, Mapping) else None
            return target if isinstance(target, str) and target else None
    return None
