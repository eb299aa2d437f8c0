"""Tools on their way out, tool calls on their way back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.utils import parse_partial_json
from llama_index.core.tools.types import BaseTool

from routerkit import Json

UNREADABLE = "unreadable_arguments"
"""Argument under which a call with broken JSON is handed on: no tool takes it, so none runs on guesses, and the model is told."""


def to_specs(tools: Sequence[BaseTool]) -> list[Json]:
    """Tools in OpenAI's format; long descriptions are the target's business, not ours."""
    return [tool.metadata.to_openai_tool(skip_length_check=True) for tool in tools]


def to_choice(tool_choice: Json, *, is_required: bool) -> Json:
    """OpenAI's `tool_choice`; None leaves it to the model.

    Args:
        tool_choice: `auto`, `none`, `required`, `any`, a tool's name, or OpenAI's object; None = not given.
        is_required: What holds when it is not given.
    """
    if not tool_choice:
        return "required" if is_required else None
    if not isinstance(tool_choice, str) or tool_choice in {"auto", "none", "required"}:
        return tool_choice
    return "required" if tool_choice == "any" else {"type": "function", "function": {"name": tool_choice}}


def to_selections(response: ChatResponse) -> list[ToolSelection]:
    """Tool calls of a response; of one still being streamed, as far as they can be read."""
    is_growing = isinstance(response.raw, Mapping) and response.raw.get("finish_reason", "") is None
    return [_selection(block, is_growing=is_growing) for block in _blocks(response)]


def keep_first_call(response: ChatResponse) -> ChatResponse:
    """The response with at most one tool call."""
    message = response.message
    extra = {id(block) for block in _blocks(response)[1:]}
    message.blocks = [b for b in message.blocks if id(b) not in extra]
    if calls := message.additional_kwargs.get("tool_calls"):
        message.additional_kwargs["tool_calls"] = calls[:1]
    return response


def _blocks(response: ChatResponse) -> list[ToolCallBlock]:
    return [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]


def _selection(block: ToolCallBlock, *, is_growing: bool) -> ToolSelection:
    arguments = block.tool_kwargs
    if isinstance(arguments, str):
        arguments = _partial(arguments) if is_growing else _whole(arguments)
    return ToolSelection(tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=arguments)


def _partial(text: str) -> dict[str, Json]:
    try:
        found = parse_partial_json(text) if text else {}
    except ValueError:  # ends inside an escape or a number; the next chunk will complete it
        return {}
    return found if isinstance(found, dict) else {}


def _whole(text: str) -> dict[str, Json]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {UNREADABLE: text}
    return found if isinstance(found, dict) else {UNREADABLE: text}
