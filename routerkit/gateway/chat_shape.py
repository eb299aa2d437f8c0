"""What OpenAI's specification fixes of the insides of a chat; what it leaves open (other kinds of parts and tools, more fields) passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from routerkit.gateway.refusal import Refusal, bad
from routerkit.gateway.shape import fitting, misplaced
from routerkit.messages import Json

ROLES: Final = frozenset({"assistant", "developer", "function", "system", "tool", "user"})
_CHOICES: Final = ("auto", "none", "required", "any")
"""The last is what Mistral calls `required`."""
_OWN: Final = ("function", "custom")
"""Kinds of tools that a caller runs itself; those of a provider are its own affair."""
_Object = dict[str, Any]
_Name = Annotated[str, Meta(min_length=1)]


class _Text(Struct, gc=False):
    text: str


class _Address(Struct, gc=False):
    url: str
    detail: str | None = None


class _Image(Struct, gc=False):
    image_url: _Address | str  # a bare text, here and below, is Mistral's


class _Sound(Struct, gc=False):
    data: str
    format: str


class _Audio(Struct, gc=False):
    input_audio: _Sound | str


class _Document(Struct, gc=False):
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class _File(Struct, gc=False):
    file: _Document


class _Refused(Struct, gc=False):
    refusal: str


_PARTS: Final[Mapping[str, type[Struct]]] = {
    "text": _Text,
    "image_url": _Image,
    "input_audio": _Audio,
    "file": _File,
    "refusal": _Refused,
}


class _Called(Struct, gc=False):
    name: str
    arguments: str


class _Given(Struct, gc=False):
    name: str
    input: str


class _Call(Struct, gc=False):
    id: str
    type: str | None = None
    function: _Called | None = None
    custom: _Given | None = None


class _Function(Struct, gc=False):
    name: _Name
    description: str | None = None
    parameters: _Object | None = None
    strict: bool | None = None


class _Custom(Struct, gc=False):
    name: _Name
    description: str | None = None
    format: _Object | None = None


class _Tool(Struct, gc=False):
    type: str
    function: _Function | None = None
    custom: _Custom | None = None


class _Named(Struct, gc=False):
    name: str


class _Choice(Struct, gc=False):
    type: str
    function: _Named | None = None
    custom: _Named | None = None


class _Schema(Struct, gc=False):
    name: str
    description: str | None = None
    schema: _Object | None = None
    strict: bool | None = None


class _Form(Struct, gc=False):
    type: str
    json_schema: _Schema | None = None


class _Message(Struct, gc=False):
    role: str
    content: str | list[Any] | None = None
    name: str | None = None
    refusal: str | None = None
    function_call: _Called | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Chat(Struct, gc=False):
    messages: list[_Message] | None = None
    tools: list[_Tool] | None = None
    tool_choice: str | _Choice | None = None
    response_format: _Form | None = None
    stream_options: _Object | None = None


class _Settings(Struct, gc=False):
    """Of the fields that pass as they are; what only other servers know is theirs to judge."""

    audio: _Object | None = None
    frequency_penalty: float | None = None
    logit_bias: _Object | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    parallel_tool_calls: bool | None = None
    prediction: _Object | None = None
    presence_penalty: float | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    store: bool | None = None
    top_logprobs: int | None = None
    top_p: float | None = None
    user: str | None = None
    verbosity: str | None = None
    web_search_options: _Object | None = None


def checked(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The body itself, when its insides are what they should be.

    Raises:
        Refusal: something is not; names the place, like `messages[3].content[1].image_url`.
    """
    fitting(body, _Settings, "")
    chat = fitting(body, _Chat, "")
    _check_messages(chat.messages or (), set())
    if chat.tools or chat.tool_choice is not None:
        _check_tools(chat.tools or (), chat.tool_choice)
    if chat.response_format is not None and chat.response_format.type == "json_schema" and chat.response_format.json_schema is None:
        raise misplaced("response_format.json_schema", "missing; it must be an object with name and schema")
    return body


def message_ids(message: Json) -> tuple[list[str], list[str]]:
    """Ids of the calls in a message, and of those before it that it has a result of.

    Raises:
        Refusal: something in it is not what it should be.
    """
    told = fitting(message, _Message, "messages[0]")
    results = [] if told.role != "tool" or told.tool_call_id is None else [told.tool_call_id]
    _check_messages([told], set(results))
    return [call.id for call in told.tool_calls or ()], results if told.tool_calls is None else []


def _check_messages(messages: Sequence[_Message], called: set[str]) -> None:
    for number, message in enumerate(messages):
        if message.role not in ROLES:
            raise bad(f"messages[{number}].role must be one of {', '.join(sorted(ROLES))}", param=f"messages[{number}].role")
        if message.content.__class__ is list:
            _check_parts(message.content, f"messages[{number}].content")
        if message.tool_calls is not None:
            called.update([_checked_id(call, number) for call in message.tool_calls])
        elif message.role == "tool" and message.tool_call_id not in called:
            raise _orphaned(message, number)


def _checked_id(call: _Call, number: int) -> str:
    if call.function is None and call.type in {None, "function"}:
        raise misplaced(f"messages[{number}].tool_calls", "a call has no function; it must be an object with name and arguments")
    return call.id


def _orphaned(message: _Message, number: int) -> Refusal:
    """A result has a call before it."""
    shown = "missing" if message.tool_call_id is None else repr(message.tool_call_id[:80])
    return misplaced(f"messages[{number}].tool_call_id", f"{shown}, which no tool call before it has as its id")


def _check_parts(content: Json, at: str) -> None:
    assert isinstance(content, list)
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise misplaced(f"{at}[{number}]", "must be an object with a type")
        if kind in _PARTS:
            fitting(part, _PARTS[kind], f"{at}[{number}]")


def _check_tools(tools: Sequence[_Tool], choice: str | _Choice | None) -> None:
    for number, tool in enumerate(tools):
        if tool.type in _OWN and getattr(tool, tool.type) is None:
            raise misplaced(f"tools[{number}].{tool.type}", "missing; it must be an object with a name")
    if isinstance(choice, str) and choice not in _CHOICES:
        raise misplaced("tool_choice", "must be none, auto, required, or an object with a type")
    if isinstance(choice, _Choice) and choice.type in _OWN:
        _check_choice(choice, tools)


def _check_choice(choice: _Choice, tools: Sequence[_Tool]) -> None:
    named = choice.function or choice.custom
    if named is None:
        raise misplaced(f"tool_choice.{choice.type}", "missing; it must be an object with a name")
    if not any(own is not None and own.name == named.name for tool in tools for own in (tool.function, tool.custom)):
        raise bad(f"tool_choice names {named.name[:80]!r}, which is none of the tools", param="tool_choice")
