"""Whole answers that hold a text, tool calls, reasoning and their usage, as nearly all do: read in one step, with a tenth of the work.

Any other (log probabilities, citations, calls that are not whole, counts that make no sense) is left to `openai_format`, which says the
same of these.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from routerkit import fastjson
from routerkit.as_written import WrittenAnswer
from routerkit.messages import Json, Reply, Request, ToolCall, Usage
from routerkit.providers.openai_usage import MAX_TOKENS, is_beside
from routerkit.quick import maker, tupler

_Count = Annotated[int, Meta(ge=0, lt=MAX_TOKENS)]
_Name = Annotated[str, Meta(min_length=1)]
_Filled = Annotated[str, Meta(min_length=1)]
_Nothing = Annotated[list[None], Meta(max_length=0)]
_Some = Annotated[int, Meta(ge=1, lt=MAX_TOKENS)]


class _PromptDetails(Struct):
    cached_tokens: _Count | None = 0
    cache_write_tokens: _Count | None = 0
    audio_tokens: _Count | None = 0


class _AnswerDetails(Struct):
    reasoning_tokens: _Count | None = 0
    audio_tokens: _Count | None = 0


_NO_PROMPT_DETAILS: Final = _PromptDetails()
_NO_ANSWER_DETAILS: Final = _AnswerDetails()


class Counts(Struct):
    """Tokens as the format counts them, if they make sense."""

    prompt_tokens: _Some
    completion_tokens: _Some
    total_tokens: _Count | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _AnswerDetails | None = None
    # What other servers call the same.
    prompt_cache_hit_tokens: None = None
    cached_tokens: None = None
    cache_creation_input_tokens: None = None


class _Function(Struct):
    name: _Name
    arguments: _Filled


class _Call(Struct):
    id: _Name
    function: _Function


class _Message(Struct, forbid_unknown_fields=True):
    content: str | None
    role: str | None = None
    refusal: Literal[""] | None = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    # OpenAI says with every answer that there are none.
    annotations: _Nothing | None = None
    audio: None = None
    function_call: None = None


class _Choice(Struct):
    message: _Message
    finish_reason: Literal["stop", "length", "tool_calls"]
    index: Literal[0] = 0
    logprobs: None = None
    # The token that ended it, at vLLM and SGLang; a text would be a stop sequence.
    stop_reason: int | None = None
    matched_stop: int | None = None


class _Answer(Struct):
    choices: tuple[_Choice]
    usage: Counts
    id: str = ""
    model: str | None = None
    error: None = None


_decode: Final = msgspec.json.Decoder(_Answer).decode
_reply, _usage, _written = maker(Reply), maker(Usage), tupler(WrittenAnswer)


def plain_answer(body: bytes, request: Request) -> Reply | None:
    """The answer, with the body it was read from where the request has one, too; None when there is more to it, or something is wrong."""
    try:
        answer = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    message, finish = answer.choices[0].message, answer.choices[0].finish_reason
    text, calls = message.content or "", _calls(message.tool_calls) if message.tool_calls else ()
    if calls is None or not (calls or finish == "length" or (finish == "stop" and text.strip())):
        return None
    if not (body.isascii() or fastjson.is_text(body)):
        return None
    written = _written((body, text, calls)) if answer.id and request.written is not None else None
    extra: dict[str, Json] = {} if message.annotations is None else {"annotations": message.annotations}
    reasoning = message.reasoning_content or message.reasoning or ""
    model = answer.model or request.model
    return _reply(text, calls, finish, usage_of(answer.usage), model, reasoning, extra=extra, written=written)


def _calls(called: list[_Call]) -> tuple[ToolCall, ...] | None:
    """The calls; None where some have the same id, for which others must be found."""
    if len({call.id for call in called}) < len(called):
        return None
    return tuple([ToolCall(call.id, call.function.name, call.function.arguments) for call in called])


def usage_of(used: Counts) -> Usage:
    """The same in our words."""
    prompt, answer = used.prompt_tokens_details, used.completion_tokens_details
    if prompt is None and answer is None:
        return _usage(used.prompt_tokens, used.completion_tokens)
    prompt, answer = prompt or _NO_PROMPT_DETAILS, answer or _NO_ANSWER_DETAILS
    asked, said, reasoned = used.prompt_tokens, used.completion_tokens, answer.reasoning_tokens or 0
    return _usage(
        asked,
        said + reasoned if is_beside(asked, said, reasoned, used.total_tokens) else said,
        prompt.cached_tokens or 0,
        prompt.cache_write_tokens or 0,
        reasoned,
        False,  # noqa: FBT003  positional, because keywords take longer
        prompt.audio_tokens or 0,
        answer.audio_tokens or 0,
    )
