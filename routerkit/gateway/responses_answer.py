"""OpenAI's second format, for callers of `/v1/responses`: whole answers. Events are in `responses_events`."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from routerkit.gateway.response_tools import Object, Tool, arguments_as_text, tools_of
from routerkit.gateway.spoken import Spoken
from routerkit.messages import Reply, Usage

Item = dict[str, Any]
_REPEATED: Final = ("max_output_tokens", "metadata", "parallel_tool_calls", "store", "temperature", "tool_choice", "top_p", "user")
"""Callers find their answers again by some of these. Instructions and tools are not among them: agents' are long, and told three times."""


def response(reply: Reply, asked: Object, spoken: Spoken) -> Item:
    """Body of a whole answer, which the caller may refer to from now on."""
    tools = tools_of(asked)
    items = [thought(reply.reasoning)] if reply.reasoning else []
    items += [message(reply.text, reply.refusal)] if reply.text or reply.refusal or not reply.tool_calls else []
    items += [finished(call(c.id, tools.get(c.name), c.name), c.arguments) for c in reply.tool_calls]
    spoken.keep(items, asked)
    return body_of(f"resp_{reply.record_id}", reply.model, items, asked, finish=reply.finish_reason, used=reply.usage)


def body_of(response_id: str, model: str, items: list[Item], asked: Object, *, finish: str, used: Usage | None) -> Item:
    """A response with these items, which repeats the short ones of the settings it was asked with."""
    is_cut = finish in {"length", "content_filter"}
    why = {"reason": "max_output_tokens" if finish == "length" else "content_filter"} if is_cut else None
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": why,
        "error": None,
        "model": model,
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "instructions": None,
        "temperature": None,
        "top_p": None,
        "usage": None if used is None else _usage(used),
        **{name: asked[name] for name in _REPEATED if asked.get(name) is not None},
    }


def message(text: str, refusal: str) -> Item:
    """An item of text, or of its refusal."""
    part: Item = {"type": "refusal", "refusal": refusal} if refusal else {"type": "output_text", "text": text, "annotations": []}
    return {"id": _new_id("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def thought(text: str) -> Item:
    """An item of reasoning in plain text, which is what this format calls a summary."""
    return {"id": _new_id("rs"), "type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}


def call(call_id: str, tool: Tool | None, name: str) -> Item:
    """An item that calls a tool, still without what the tool is given; the name alone says it where no such tool was offered."""
    if tool is not None and tool.is_custom:
        head = {"id": _new_id("ctc"), "type": "custom_tool_call", "status": "completed", "input": ""}
    else:
        head = {"id": _new_id("fc"), "type": "function_call", "status": "completed", "arguments": ""}
    space = {"namespace": tool.namespace} if tool is not None and tool.namespace else {}
    return {**head, "call_id": call_id, "name": name if tool is None else tool.name, **space}


def finished(item: Item, arguments: str) -> Item:
    """A call with what its tool is given."""
    if item["type"] == "custom_tool_call":
        return item | {"input": arguments_as_text(arguments)}
    return item | {"arguments": arguments}


def _new_id(prefix: str) -> str:
    return f"{prefix}_{os.urandom(12).hex()}"


def _usage(used: Usage) -> Item:
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.input_tokens + used.output_tokens,
    }
