"""From replies and chunks to LlamaIndex responses: cumulative messages, tool calls in both places, usage where it is looked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CompletionResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from llama_index.llms.routerkit.parts import merge, to_return
from routerkit import Chunk, Json, Reply, ToolCall, Usage

Object: TypeAlias = dict[str, Json]


def to_response(reply: Reply) -> ChatResponse:
    """A whole answer."""
    text = reply.text or reply.refusal  # LlamaIndex has no word for refusals; an empty answer would hide it
    facts = _facts(reply)
    message = _message(text, reply.reasoning, [_finished_block(c) for c in reply.tool_calls], reply.tool_calls)
    message.additional_kwargs["routerkit"] = _remembered(facts, reply.extra)
    raw = _raw(reply.model, reply.finish_reason, reply.usage) | {"id": reply.record_id, "refusal": reply.refusal or None, **_extra(reply)}
    return ChatResponse(message=message, raw=raw, additional_kwargs={**_token_counts(reply.usage), "routerkit": facts})


def to_completion(response: ChatResponse) -> CompletionResponse:
    """The same answer to a prompt instead of messages."""
    return CompletionResponse(
        text=response.message.content or "", delta=response.delta, raw=response.raw, additional_kwargs=response.additional_kwargs
    )


@dataclass(slots=True)
class Growing:
    """An answer while it is streamed: takes chunks, gives responses that each hold all of it so far."""

    text: str = ""
    reasoning: str = ""
    model: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    calls: dict[int, ToolCall] = field(default_factory=dict)
    extra: dict[str, Json] = field(default_factory=dict)

    def add(self, chunk: Chunk) -> ChatResponse | None:
        """Take a chunk; the response to show for it, or None if nothing can be seen of it."""
        self._note(chunk)
        if chunk.record_id:
            return self._last(chunk)
        if not chunk.has_content():
            return None
        delta = chunk.text + chunk.refusal
        self.text += delta
        self.reasoning += chunk.reasoning
        for piece in chunk.tool_calls:
            old = self.calls.get(piece.index)
            self.calls[piece.index] = (
                ToolCall(piece.id or "", piece.name or "", piece.arguments)
                if old is None
                else ToolCall(old.id or piece.id or "", old.name or piece.name or "", old.arguments + piece.arguments)
            )
        thought: Object = {"thinking_delta": chunk.reasoning} if chunk.reasoning else {}
        return ChatResponse(
            message=self._so_far([_growing_block(c) for c in self.calls.values()]),
            delta=delta,
            raw=_raw(self.model, None, None),
            additional_kwargs=thought,
        )

    def _note(self, chunk: Chunk) -> None:
        self.model = chunk.model or self.model
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.usage = chunk.usage or self.usage
        merge(self.extra, chunk.extra)

    def _last(self, chunk: Chunk) -> ChatResponse:
        facts = _facts(chunk)
        message = self._so_far([_finished_block(c) for c in self.calls.values()])
        message.additional_kwargs["routerkit"] = _remembered(facts, self.extra)
        raw = _raw(self.model, self.finish_reason or "stop", self.usage) | {"id": chunk.record_id, **_extra(self)}
        return ChatResponse(message=message, delta="", raw=raw, additional_kwargs={**_token_counts(self.usage), "routerkit": facts})

    def _so_far(self, blocks: Sequence[ToolCallBlock]) -> ChatMessage:
        return _message(self.text, self.reasoning, blocks, self.calls.values())


def _message(text: str, reasoning: str, blocks: Sequence[ToolCallBlock], calls: Iterable[ToolCall]) -> ChatMessage:
    content: list[ContentBlock] = [ThinkingBlock(content=reasoning)] if reasoning else []
    if text or not blocks:
        content.append(TextBlock(text=text))
    content.extend(blocks)
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=content)
    if blocks:
        message.additional_kwargs["tool_calls"] = [_openai_call(c) for c in calls]
    return message


def _openai_call(call: ToolCall) -> Object:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _growing_block(call: ToolCall) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments)


def _finished_block(call: ToolCall) -> ToolCallBlock:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = call.arguments
    return ToolCallBlock(
        tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments if isinstance(arguments, dict) else call.arguments
    )


def _raw(model: str, finish_reason: str | None, usage: Usage | None) -> Object:
    return {"model": model, "finish_reason": finish_reason, "usage": None if usage is None else _usage(usage)}


def _extra(answer: Reply | Growing) -> Object:
    return {"extra": dict(answer.extra)} if answer.extra else {}


def _usage(usage: Usage) -> Object:
    return {
        **_token_counts(usage),
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_input_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": usage.audio_output_tokens},
        "is_estimated": usage.is_estimated,
    }


def _token_counts(usage: Usage | None) -> Object:
    if usage is None:
        return {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _facts(answer: Reply | Chunk) -> Object:
    """What routerkit did, in JSON."""
    return {
        "record_id": answer.record_id,
        "target": answer.target,
        "attempts": answer.attempts,
        "cost_usd": answer.cost_usd,
        "reason": answer.reason,
        "verified": answer.verified,
        "cached_from": answer.cached_from,
    }


def _remembered(facts: Object, extra: Mapping[str, Json]) -> Object:
    """What stays with the message, for the day it goes back to its writer."""
    parts = to_return(extra)
    return {**facts, "parts": parts} if parts else facts
