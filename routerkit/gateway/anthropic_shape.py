"""What Anthropic's specification fixes of the insides of a request; fields that it does not know pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, ValidationError, convert

from routerkit.gateway.refusal import Refusal, bad
from routerkit.gateway.shape import Misfit, S, fitted
from routerkit.gateway.wire import MOST_TOKENS
from routerkit.messages import Json

_Object = dict[str, Any]
_Name = Annotated[str, Meta(min_length=1)]
_Count = Annotated[int, Meta(ge=1, le=MOST_TOKENS)]


class _Text(Struct, gc=False, tag="text"):
    text: str


class _Kind(Struct, gc=False):
    type: str
    data: str | None = None
    media_type: str | None = None
    url: str | None = None


class _Image(Struct, gc=False, tag="image"):
    source: _Kind


class _Document(Struct, gc=False, tag="document"):
    source: _Kind
    title: str | None = None


class _Use(Struct, gc=False, tag="tool_use"):
    id: str
    name: str
    input: _Object


class _Result(Struct, gc=False, tag="tool_result"):
    tool_use_id: str
    content: str | list[Any] | None = None
    is_error: bool | None = None


class _Thought(Struct, gc=False, tag="thinking"):
    thinking: str


_BLOCKS: Final[Mapping[str, type[Struct]]] = {
    "text": _Text,
    "image": _Image,
    "document": _Document,
    "tool_use": _Use,
    "tool_result": _Result,
    "thinking": _Thought,
}


_Block = _Text | _Image | _Document | _Use | _Result | _Thought


class _Turn(Struct, gc=False):
    role: Literal["user", "assistant", "system"]
    content: str | list[_Block]


class _Tool(Struct, gc=False):
    name: _Name
    input_schema: _Object
    description: str | None = None


class _Form(Struct, gc=False):
    type: str
    schema: _Object


class _Output(Struct, gc=False):
    format: _Form | None = None
    effort: str | None = None


class _Settings(Struct, gc=False):
    context_management: _Object | None = None
    max_tokens: _Count | None = None
    metadata: _Object | None = None
    output_config: _Output | None = None
    service_tier: str | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    temperature: float | None = None
    thinking: _Object | None = None
    tool_choice: _Object | None = None
    tools: list[_Object] | None = None
    top_k: int | None = None
    top_p: float | None = None


def check(body: Mapping[str, Json]) -> None:
    """Look at everything that the translation would take at its word.

    Raises:
        Refusal: something is not what it should be; names the place as Anthropic does, `messages.3.content.1.source`.
    """
    settings = _checked(body, _Settings, "")
    system, messages = body.get("system"), body.get("messages")
    if system is not None and not isinstance(system, str):
        _check_blocks(system, "system", set())
    if not isinstance(messages, list):
        raise bad("messages: missing; it must be a list of messages", param="messages")
    if not _is_usual(messages):
        used: set[str] = set()
        for number, message in enumerate(messages):
            _check_message(message, f"messages.{number}", used)
    for number, tool in enumerate(settings.tools or ()):
        if tool.get("type") in (None, "custom"):
            _checked(tool, _Tool, f"tools.{number}")


def message_ids(message: Json) -> tuple[list[str], list[str]]:
    """Ids of the tool uses in a message, and of those before it that it has results of.

    Raises:
        Refusal: something in it is not what it should be.
    """
    content = message.get("content") if isinstance(message, dict) else None
    used: list[str] = []
    results: list[str] = []
    for block in content if isinstance(content, list) else ():
        told = convert(block, _Use | _Result) if isinstance(block, dict) and block.get("type") in ("tool_use", "tool_result") else None
        if isinstance(told, _Use):
            used.append(told.id)
        elif told is not None and told.tool_use_id not in used:
            results.append(told.tool_use_id)
    _check_message(message, "messages.0", set(results))
    return used, results


def _is_usual(messages: Sequence[Json]) -> bool:
    """Whether all of it is well-formed and of known kinds, as nearly always; told far sooner than the place of a mistake is found."""
    used: set[str] = set()
    try:
        return all(_refer(turn.content, used) for turn in convert(messages, list[_Turn]) if isinstance(turn.content, list))
    except ValidationError:
        return False


def _refer(blocks: list[_Block], used: set[str]) -> bool:
    """Whether results have a use before them; raises ValidationError if their insides are no blocks."""
    for block in blocks:
        if isinstance(block, _Use):
            used.add(block.id)
        elif isinstance(block, _Result):
            if block.tool_use_id not in used:
                return False
            if isinstance(block.content, list):
                convert(block.content, list[_Block])
    return True


def _check_message(message: Json, at: str, used: set[str]) -> None:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(message, dict) or role not in ("user", "assistant", "system"):
        raise bad(f"{at}.role: must be user or assistant", param=f"{at}.role")
    content = message.get("content")
    if not isinstance(content, str):
        _check_blocks(content, f"{at}.content", used)


def _check_blocks(content: Json, at: str, used: set[str]) -> None:
    if not isinstance(content, list):
        raise bad(f"{at}: must be a text or a list of blocks", param=at)
    for number, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if not isinstance(kind, str):
            raise bad(f"{at}.{number}: must be an object with a type", param=f"{at}.{number}")
        if kind in _BLOCKS:
            _check_use(_checked(block, _BLOCKS[kind], f"{at}.{number}"), f"{at}.{number}", used)


def _check_use(told: Struct, at: str, used: set[str]) -> None:
    """Look at what belongs to a tool's use: results have one before them, and their insides are blocks, too."""
    if isinstance(told, _Use):
        used.add(told.id)
    if not isinstance(told, _Result):
        return
    if told.tool_use_id not in used:
        raise _refused(f"{at}.tool_use_id", f"{told.tool_use_id[:80]!r}, which no tool_use before it has as its id")
    if isinstance(told.content, list):
        _check_blocks(told.content, f"{at}.content", used)


def _checked(value: Json, shape: type[S], at: str) -> S:
    found = fitted(value, shape)
    if isinstance(found, Misfit):
        raise _refused(f"{at}{found.inner}".removeprefix("."), found.why)
    return found


def _refused(place: str, why: str) -> Refusal:
    dotted = place.replace("[", ".").replace("]", "")
    return bad(f"{dotted}: {why}", param=dotted)
