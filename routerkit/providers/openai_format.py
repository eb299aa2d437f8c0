"""OpenAI's chat format: answers to values. Pure functions; `openai_request` writes requests, `openai_stream` puts streams together."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from routerkit import fastjson
from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Json, Reply, Request, ToolCall, ToolCallDelta, text_of
from routerkit.providers.openai_finish import OWN_FINISHES, finish_reason, stopped_by
from routerkit.providers.openai_request import as_text
from routerkit.providers.openai_usage import counted, usage

Object = Mapping[str, Json]
"""A JSON object."""

_KNOWN_FIELDS: Final = frozenset({"role", "content", "tool_calls", "refusal", "reasoning", "reasoning_content"})
NO_ARGUMENTS: Final = "{}"
"""What a tool is given that is given nothing."""


def decode(body: bytes) -> Json:
    """Value of a JSON answer.

    Raises:
        ProviderError: `malformed` if it is not JSON.
    """
    try:
        return fastjson.loads(body)
    except (ValueError, RecursionError) as exc:
        raise malformed(f"not JSON ({type(exc).__name__}, {len(body):,} bytes)") from exc


def malformed(what: str) -> ProviderError:
    """The answer is not what the format asks for."""
    return ProviderError(f"answer is malformed: {what}", code="malformed", maybe_billed=True)


def empty_answer(what: str) -> ProviderError:
    """The answer says nothing."""
    return ProviderError(f"answer is empty: {what}", code="empty_answer", maybe_billed=True)


def reply(parsed: Json, request: Request) -> Reply:
    """Whole answer.

    Raises:
        ProviderError: `malformed` or `empty_answer`.
    """
    if not isinstance(parsed, dict):
        raise malformed(f"a JSON {type(parsed).__name__} instead of an object")
    choice = first_choice(parsed)
    if choice is None:
        raise empty_answer("it has no choices")
    message = choice.get("message")
    if not isinstance(message, dict):
        raise malformed("its choice has no message")
    said = finish_reason(choice)
    calls = _tool_calls(message, "" if said == "length" else NO_ARGUMENTS)  # a call that was cut stays as it is
    text, refusal, reasoning = text_of(message.get("content")), _string(message.get("refusal")), _reasoning(message)
    finish = said or ("tool_calls" if calls else "unknown")
    if finish == "tool_calls" and not calls:
        finish = "stop"  # or an agent waits for calls that nobody makes
    check_not_empty(text, finish, has_other=bool(calls or refusal))
    n_chars = len(text) + len(refusal) + len(reasoning) + sum(len(c.name) + len(c.arguments) for c in calls)
    return Reply(
        text=text,
        tool_calls=calls,
        finish_reason=finish,
        usage=counted(usage(parsed.get("usage")), request, n_chars),
        model=_string(parsed.get("model")) or request.model,
        reasoning=reasoning,
        refusal=refusal,
        extra=_extra(message, choice),
    )


def chunk(parsed: Object) -> Chunk:
    """One event of a streamed answer, without what needs its predecessors: tool calls keep their index and id as sent."""
    choice = first_choice(parsed)
    model, used = _string(parsed.get("model")), usage(parsed.get("usage"))
    if choice is None:
        return Chunk(model=model, usage=used)
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        return Chunk(finish_reason=finish_reason(choice), usage=used, model=model, extra=_extra({}, choice))
    content, finish = delta.get("content"), finish_reason(choice)
    if len(delta) == 1 and isinstance(content, str) and finish is None and not choice.get("logprobs"):  # nearly every event: half the work
        return Chunk(text=content, usage=used, model=model)
    return Chunk(
        text=content if isinstance(content, str) else text_of(content),
        tool_calls=tuple(_tool_delta(c, n) for n, c in enumerate(_objects(delta.get("tool_calls")))),
        finish_reason=finish,
        usage=used,
        model=model,
        reasoning=_reasoning(delta),
        refusal=_string(delta.get("refusal")),
        extra=_extra(delta, choice),
    )


def check_not_empty(text: str, finish: str, *, has_other: bool) -> None:
    """Refuse a finished answer that says nothing; cut (`length`) and filtered ones are delivered as they are.

    Raises:
        ProviderError: `empty_answer`.
    """
    if not has_other and not text.strip() and finish not in {"length", "content_filter"}:
        why = f", finish_reason {finish!r}" if finish in OWN_FINISHES else ""  # another word may be anything, even our key
        raise empty_answer(f"neither text nor tool call{why}")


def new_call_id() -> str:
    """Id for a tool call that came without one."""
    return f"call_{secrets.token_hex(12)}"


def check_named(names: Iterable[str]) -> None:
    """Refuse an answer that calls a tool without saying which.

    Raises:
        ProviderError: `malformed`.
    """
    if not all(names):
        raise malformed("a tool call has no name")


def _tool_calls(message: Object, nothing: str) -> tuple[ToolCall, ...]:
    """The calls, each under an id of its own: results are told apart by nothing else; and what they are given if that is nothing."""
    calls: dict[str, ToolCall] = {}
    for raw in _objects(message.get("tool_calls")):
        function, call_id = as_object(raw.get("function")), _string(raw.get("id"))
        call_id = new_call_id() if not call_id or call_id in calls else call_id
        calls[call_id] = ToolCall(call_id, _string(function.get("name")), _arguments(function.get("arguments")) or nothing)
    check_named(call.name for call in calls.values())
    return tuple(calls.values())


def _tool_delta(raw: Object, position: int) -> ToolCallDelta:
    function, index = as_object(raw.get("function")), raw.get("index")
    return ToolCallDelta(
        index if isinstance(index, int) else position,
        _string(raw.get("id")) or None,
        _string(function.get("name")) or None,
        _arguments(function.get("arguments")),
    )


def _arguments(raw: Json) -> str:
    return raw if isinstance(raw, str) else "" if raw is None else as_text(raw)  # an object where the format asks for its text (Ollama)


def _reasoning(message: Object) -> str:
    told = _string(message.get("reasoning_content")) or _string(message.get("reasoning"))
    return told or "".join([text_of(part.get("thinking")) for part in _objects(message.get("content"))])  # Mistral's parts


def _extra(message: Object, choice: Object) -> dict[str, Json]:
    extra: dict[str, Json] = {name: value for name, value in message.items() if name not in _KNOWN_FIELDS and value is not None}
    if isinstance(message.get("content"), list):
        extra["content"] = message["content"]
    if choice.get("logprobs") is not None:
        extra["logprobs"] = choice["logprobs"]
    if (stopped := stopped_by(choice)) is not None:
        extra["stop_sequence"] = stopped
    return extra


def first_choice(parsed: Object) -> Object | None:
    """The choice that counts; None without one."""
    choices = parsed.get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    first: Json = choices[0]
    if isinstance(first, dict) and not first.get("index"):
        return first
    return next((c for c in _objects(choices) if not c.get("index")), None)


# Parsed JSON holds dicts and lists, never other Mappings and Sequences; checking for these would cost 0.4 µs each, per event of a stream.
def _objects(raw: Json) -> list[Object]:
    return [item for item in raw if isinstance(item, dict)] if isinstance(raw, list) and raw else []


def as_object(raw: Json) -> Object:
    """The value if it is an object, else an empty one."""
    return raw if isinstance(raw, dict) else {}


def _string(raw: Json) -> str:
    return raw if isinstance(raw, str) else ""
