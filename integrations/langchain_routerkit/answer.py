"""routerkit's answers as LangChain messages, whole and in pieces, and their content blocks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall
from langchain_core.messages import ToolCall as LangChainToolCall
from langchain_core.messages import content as types
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.block_translators import register_translator
from langchain_core.messages.tool import ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_routerkit.convert import OWN_FIELDS
from langchain_routerkit.unreadable import Arguments
from routerkit import Chunk, Json, Reply, ToolCall, Usage

PROVIDER: Final = "routerkit"
"""`model_provider` of every answer and `ls_provider` of every trace; LangChain compares the two."""


def to_result(reply: Reply) -> ChatResult:
    """A whole answer."""
    message = to_message(reply)
    generation = ChatGeneration(message=message, generation_info={"finish_reason": reply.finish_reason})
    tokens = {
        "prompt_tokens": reply.usage.input_tokens,
        "completion_tokens": reply.usage.output_tokens,
        "total_tokens": reply.usage.input_tokens + reply.usage.output_tokens,
    }
    return ChatResult(generations=[generation], llm_output={"model_name": reply.model, "token_usage": tokens})


def combined(outputs: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """`llm_output` of several calls: all tokens, and the model where there was only one. Repetitions from a cache have none."""
    known = [output for output in outputs if output]
    if not known:
        return {}
    models = {output["model_name"] for output in known}
    tokens = {name: sum(output["token_usage"][name] for output in known) for name in known[0]["token_usage"]}
    return {"token_usage": tokens, **({"model_name": models.pop()} if len(models) == 1 else {})}


def to_message(reply: Reply) -> AIMessage:
    """A whole answer as a message."""
    calls: list[LangChainToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in reply.tool_calls:
        _sort_call(call, calls, invalid)
    return AIMessage(
        content=reply.text,
        tool_calls=calls,
        invalid_tool_calls=invalid,
        usage_metadata=usage_metadata(reply.usage),
        additional_kwargs=_more(reply),
        response_metadata={"finish_reason": reply.finish_reason, **_routing(reply)},
    )


def to_chunk(chunk: Chunk, arguments: Arguments, *, with_usage: bool) -> ChatGenerationChunk:
    """A piece of a streamed answer; what merges by concatenation (model name, record id) is said on the last one only.

    Args:
        chunk: The piece.
        arguments: Those of all tool calls so far.
        with_usage: Whether to say what it cost.
    """
    calls = [ToolCallChunk(type="tool_call_chunk", name=d.name, args=d.arguments, id=d.id, index=d.index) for d in chunk.tool_calls]
    metadata: dict[str, object] = _routing(chunk) if chunk.record_id else {"model_provider": PROVIDER}
    if chunk.finish_reason:
        metadata["finish_reason"] = chunk.finish_reason
    message = AIMessageChunk(
        content=chunk.text,
        tool_call_chunks=[*calls, *arguments.marks()] if chunk.record_id else calls,
        usage_metadata=usage_metadata(chunk.usage) if chunk.usage and with_usage else None,
        additional_kwargs=_more(chunk),
        response_metadata=metadata,
        chunk_position="last" if chunk.record_id else None,
    )
    return ChatGenerationChunk(message=message)


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Tokens in LangChain's terms; details only where there is something to say."""
    found = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=usage.input_tokens + usage.output_tokens
    )
    details = InputTokenDetails()
    if usage.cached_input_tokens:
        details["cache_read"] = usage.cached_input_tokens
    if usage.cache_write_tokens:
        details["cache_creation"] = usage.cache_write_tokens
    if usage.audio_input_tokens:
        details["audio"] = usage.audio_input_tokens
    if details:
        found["input_token_details"] = details
    if written := _output_details(usage):
        found["output_token_details"] = written
    return found


def _output_details(usage: Usage) -> OutputTokenDetails:
    details = OutputTokenDetails()
    if usage.reasoning_tokens:
        details["reasoning"] = usage.reasoning_tokens
    if usage.audio_output_tokens:
        details["audio"] = usage.audio_output_tokens
    return details


def _sort_call(call: ToolCall, calls: list[LangChainToolCall], invalid: list[InvalidToolCall]) -> None:
    """Arguments that are not a JSON object are handed on as written, never guessed."""
    arguments: object = None
    try:
        arguments = json.loads(call.arguments or "{}")
        error = None if isinstance(arguments, dict) else f"arguments are a JSON {type(arguments).__name__}, not an object"
    except (ValueError, RecursionError) as exc:
        error = f"arguments are not JSON: {exc}"
    if isinstance(arguments, dict):
        calls.append(LangChainToolCall(name=call.name, args=arguments, id=call.id, type="tool_call"))
    else:
        invalid.append(InvalidToolCall(name=call.name, args=call.arguments, id=call.id, error=error, type="invalid_tool_call"))


def _routing(answer: Reply | Chunk) -> dict[str, object]:
    return {
        "model_name": answer.model,
        "model_provider": PROVIDER,
        "routerkit": {
            "record_id": answer.record_id,
            "target": answer.target,
            "attempts": answer.attempts,
            "cost_usd": answer.cost_usd,
            "reason": answer.reason,
            "verified": answer.verified,
            "cached_from": answer.cached_from,
        },
    }


def _more(answer: Reply | Chunk) -> dict[str, Json]:
    more: dict[str, Json] = {}
    if answer.extra:
        more = {name: answer.extra[name] for name in OWN_FIELDS if answer.extra.get(name)}
    if answer.reasoning:
        more["reasoning_content"] = answer.reasoning
    if answer.refusal:
        more["refusal"] = answer.refusal
    return more


def _blocks(message: AIMessage) -> list[types.ContentBlock]:
    """Content blocks of a whole or merged answer."""
    calls = [types.ToolCall(type="tool_call", name=c["name"], args=c["args"], id=c["id"]) for c in message.tool_calls]
    invalid = [
        types.InvalidToolCall(type="invalid_tool_call", name=c["name"], args=c["args"], id=c["id"], error=c["error"])
        for c in message.invalid_tool_calls
    ]
    return [*_said(message), *calls, *invalid]


def _chunk_blocks(chunk: AIMessageChunk) -> list[types.ContentBlock]:
    """Content blocks of a piece; of merged pieces once the last is among them."""
    marks = [d for d in chunk.tool_call_chunks if d["id"] is None and d["name"] is None]
    if chunk.chunk_position != "last":
        return [*_said(chunk), *map(_delta_block, chunk.tool_call_chunks)]
    return _said(chunk) if marks == chunk.tool_call_chunks else _blocks(chunk)  # marks are not blocks: readers of those complete nothing


def _delta_block(delta: ToolCallChunk) -> types.ToolCallChunk:
    block = types.ToolCallChunk(type="tool_call_chunk", name=delta["name"], args=delta["args"], id=delta["id"])
    if delta["index"] is not None:
        block["index"] = delta["index"]
    return block


def _said(message: AIMessage) -> list[types.ContentBlock]:
    blocks: list[types.ContentBlock] = []
    if reasoning := message.additional_kwargs.get("reasoning_content"):
        blocks.append(types.ReasoningContentBlock(type="reasoning", reasoning=str(reasoning)))
    if isinstance(message.content, str):
        return [*blocks, types.TextContentBlock(type="text", text=message.content)] if message.content else blocks
    known = [cast("types.ContentBlock", b) for b in message.content if isinstance(b, Mapping) and b.get("type") not in _SAID_ELSEWHERE]
    has_reasoning = any(b["type"] == "reasoning" for b in known)
    return known if has_reasoning else [*blocks, *known]


_SAID_ELSEWHERE: Final = frozenset({"tool_call", "tool_call_chunk", "invalid_tool_call"})

register_translator(PROVIDER, _blocks, _chunk_blocks)
