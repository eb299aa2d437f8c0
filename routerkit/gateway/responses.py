"""OpenAI's second format, for callers of `/v1/responses`: requests in. Answers are in `responses_answer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from routerkit.gateway.parts import Said
from routerkit.gateway.refusal import bad, refuse_unknown
from routerkit.gateway.response_calls import CALLS, call_of, told_of
from routerkit.gateway.response_tools import Object, Tool, choice_of, objects, tools_of
from routerkit.gateway.responses_items import LEFT_OUT
from routerkit.gateway.responses_shape import check, is_reference
from routerkit.gateway.spoken import Spoken
from routerkit.known import together
from routerkit.messages import Json, text_of

_SAME: Final = (
    "model",
    "temperature",
    "top_p",
    "stream",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
    "user",
)
_IGNORED: Final = (
    "client_metadata",
    "context_management",
    "include",
    "max_tool_calls",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
    "stream_options",
    "truncation",
)
"""About storage, padding, tools that OpenAI runs or the caller's own books: an answer without them is the same."""
_HARMLESS: Final[Mapping[str, tuple[Json, ...]]] = {"background": (False,), "top_logprobs": (0,)}
"""Values of other fields that ask for nothing."""
KNOWN: Final = frozenset(
    {
        *_SAME,
        *_IGNORED,
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "tools",
        "tool_choice",
    }
)
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")


def chat_body(body: Object, spoken: Spoken) -> Object:
    """The same request in OpenAI's chat format.

    Args:
        body: The request.
        spoken: What it may refer to.

    Raises:
        Refusal: a field is wrong, or needs answers stored at a provider.
    """
    check_all(body)
    messages = [*lead_of(body.get("instructions")), *_messages(body.get("input"), spoken)]
    tools = tools_of(body)
    return translated(body, messages, tools, functions_of(tools))


def check_all(body: Object) -> None:
    """Look at every field.

    Raises:
        Refusal: one is wrong, or needs answers stored at a provider.
    """
    if body.get("previous_response_id") or body.get("conversation"):
        raise bad("nothing is stored here; send the whole conversation as input", param="previous_response_id")
    refuse_unknown({name: value for name, value in body.items() if value not in _HARMLESS.get(name, ())}, KNOWN)
    check(body)


def translated(body: Object, messages: Sequence[Object], tools: Mapping[str, Tool], functions: Sequence[Object]) -> Object:
    """The request in OpenAI's chat format, given what its messages and its tools are there."""
    found: dict[str, Any] = {name: body[name] for name in _SAME if body.get(name) is not None}
    found["messages"] = messages
    if tools:
        wanted = {"tool_choice": choice_of(body, tools), "parallel_tool_calls": body.get("parallel_tool_calls")}
        found |= {name: value for name, value in wanted.items() if value is not None} | {"tools": functions}
    if body.get("max_output_tokens") is not None:
        found["max_tokens"] = body["max_output_tokens"]
    return found | _hints(body) | _text_format(body.get("text")) | _effort(body.get("reasoning"))


def lead_of(instructions: Json) -> list[Object]:
    """Instructions as messages, of which there is one or none."""
    return [{"role": "system", "content": instructions}] if instructions else []


def functions_of(tools: Mapping[str, Tool]) -> list[Object]:
    """Tools as chats have them."""
    return [{"type": "function", "function": tool.function} for tool in tools.values()]


def _messages(value: Json, spoken: Spoken) -> Iterable[Object]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    return grouped([said_of(item) for item in objects(value, "input")], spoken)


def said_of(item: Object) -> Said:
    """What an item says, or what it refers to, unless that is reasoning, which is not sent on.

    Raises:
        Refusal: something that no other provider understands.
    """
    if is_reference(item):
        item_id = str(item.get("id"))
        return Said((), refers=None if item_id.startswith("rs_") else item_id)
    if item.get("type") in LEFT_OUT:
        return Said(())
    if item.get("type") in CALLS:
        return Said([call_of(item)])
    return Said(told_of(item) or [_message(item)])


def grouped(items: Iterable[Said], spoken: Spoken) -> Iterator[Object]:
    """Messages of items; what the assistant says and calls belongs to one as far as nothing stands between.

    Providers answered it as one, some take no two of the assistant in a row, and all want the results right behind the calls.

    Raises:
        Refusal: an item refers to what is not known here.
    """
    turn: list[Object] = []
    for message in chain.from_iterable(item.messages if item.refers is None else [_referred(item.refers, spoken)] for item in items):
        if message.get("role") == "assistant":
            turn.append(message)
            continue
        yield from _turn(turn)
        turn = []
        yield message
    yield from _turn(turn)


def _turn(said: Sequence[Object]) -> Sequence[Object]:
    has_calls = len(said) > 1 and any("tool_calls" in message for message in said)
    return [together(said, _one)] if has_calls else said


def _one(said: Sequence[Object]) -> Object:
    texts = [text_of(message["content"]) for message in said if message["content"]]
    calls = [call for message in said for call in objects(message.get("tool_calls") or [], "tool_calls")]
    return {"role": "assistant", "content": "\n".join(texts) or None, "tool_calls": calls}


def _referred(item_id: str, spoken: Spoken) -> Object:
    """What a reference stands for.

    Raises:
        Refusal: that is not known, and without it the conversation would be another.
    """
    if (message := spoken.message(item_id)) is None:
        why = f"item {item_id[:80]!r} is not known here, as little is stored, and not for long"
        raise bad(f"{why}; send the item itself instead of an item_reference (AI SDK: store: false)", param="input")
    return message


def _message(item: Object) -> Object:
    if item.get("type") not in _OUTPUTS:
        return {"role": item.get("role"), "content": _content(item.get("content"))}
    output = item.get("output")
    return {"role": "tool", "tool_call_id": item.get("call_id"), "content": output if isinstance(output, str) else _content(output)}


def _content(value: Json) -> Json:
    if isinstance(value, str):
        return value
    parts = [_part(part) for part in objects(value, "content")]
    is_text = all(part["type"] == "text" for part in parts)
    return "".join(str(part["text"]) for part in parts) if is_text else parts


def _part(part: Object) -> Object:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part.get("text") or ""}
        case "refusal":
            return {"type": "text", "text": part.get("refusal") or ""}
        case "input_image" if part.get("image_url"):
            return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail") or "auto"}}
        case "input_file" if part.get("file_data"):
            return {"type": "file", "file": {"file_data": part["file_data"], "filename": part.get("filename") or "file.pdf"}}
    raise bad(
        f"a content part of type {str(part.get('type'))[:40]!r} cannot be routed as it is; send text, image_url or file_data", param="input"
    )


def _hints(body: Object) -> dict[str, Json]:
    """The caller's own hints; the key of its prompt cache, which lasts as long as a conversation, names the session."""
    key, metadata = body.get("prompt_cache_key"), body.get("metadata")
    session: dict[str, Json] = {"session": key} if isinstance(key, str) else {}
    if metadata is None:
        return {"metadata": session} if session else {}
    return {"metadata": {**session, **metadata} if isinstance(metadata, dict) else metadata}


def _text_format(value: Json) -> dict[str, Json]:
    asked = value if isinstance(value, dict) else {}
    chosen = asked.get("format")
    found: dict[str, Json] = {} if asked.get("verbosity") is None else {"verbosity": asked["verbosity"]}
    if not isinstance(chosen, dict) or chosen.get("type") == "text":
        return found
    if chosen.get("type") == "json_schema":
        schema = {name: part for name, part in chosen.items() if name != "type"}
        return {**found, "response_format": {"type": "json_schema", "json_schema": schema}}
    return {**found, "response_format": chosen}


def _effort(value: Json) -> dict[str, Json]:
    effort = value.get("effort") if isinstance(value, dict) else None
    return {} if effort is None else {"reasoning_effort": effort}
