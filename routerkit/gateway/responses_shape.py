"""What OpenAI's specification fixes of the insides of a `/v1/responses` request; fields that it does not know pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, ValidationError, convert

from routerkit.gateway.refusal import bad
from routerkit.gateway.responses_items import ITEMS, LEFT_OUT, PARTS, Calling, Easy, Item, Output, Told
from routerkit.gateway.shape import fitting, misplaced
from routerkit.gateway.wire import MOST_TOKENS
from routerkit.messages import Json

_Object = dict[str, Any]
_Name = Annotated[str, Meta(min_length=1)]
_Count = Annotated[int, Meta(ge=1, le=MOST_TOKENS)]
_ROLES: Final = ("user", "assistant", "system", "developer")  # no set: what callers send may be unhashable
_CHOICES: Final = ("none", "auto", "required")


class _Function(Struct, gc=False):
    name: _Name
    description: str | None = None
    parameters: _Object | None = None
    strict: bool | None = None


class _CustomTool(Struct, gc=False):
    name: _Name
    description: str | None = None
    format: _Object | None = None


_TOOLS: Final[Mapping[str, type[Struct]]] = {"function": _Function, "custom": _CustomTool}


class _Form(Struct, gc=False):
    type: str
    name: str | None = None
    schema: _Object | None = None


class _TextSettings(Struct, gc=False):
    format: _Form | None = None
    verbosity: str | None = None


class _Effort(Struct, gc=False):
    effort: str | None = None


class _Settings(Struct, gc=False):
    instructions: str | None = None
    max_output_tokens: _Count | None = None
    metadata: _Object | None = None
    parallel_tool_calls: bool | None = None
    prompt_cache_key: str | None = None
    reasoning: _Effort | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    text: _TextSettings | None = None
    tools: list[_Object] | None = None
    top_p: float | None = None
    user: str | None = None


def check(body: Mapping[str, Json]) -> None:
    """Look at everything that the translation would take at its word.

    Raises:
        Refusal: something is not what it should be; names the place, like `input[3].content[1].image_url`.
    """
    settings = fitting(body, _Settings, "")
    form = None if settings.text is None else settings.text.format
    if form is not None and form.type == "json_schema" and (form.name is None or form.schema is None):
        raise misplaced("text.format", "a json_schema needs name and schema")
    asked, choice = body.get("input"), body.get("tool_choice")
    if not isinstance(asked, str):
        _check_items(asked)
    for number, tool in enumerate(settings.tools or ()):
        _check_tool(tool, f"tools[{number}]")
    if choice is not None and choice not in _CHOICES and not (isinstance(choice, dict) and isinstance(choice.get("type"), str)):
        raise bad("tool_choice must be none, auto, required, or an object with a type", param="tool_choice")


def is_reference(item: Mapping[str, Json]) -> bool:
    """Whether an item stands for a stored one, whose type may be left out."""
    return item.get("type") == "item_reference" or (item.get("type") is None and "id" in item and "role" not in item)


def item_ids(item: Json) -> tuple[list[str], list[str]]:
    """Ids of the call that an item is, and of the one before it that it is the output of.

    Raises:
        Refusal: something in it is not what it should be.
    """
    kind = item.get("type") if isinstance(item, dict) else None
    told = fitting(item, ITEMS[kind], "input[0]") if isinstance(kind, str) and kind in ITEMS else None
    results = [told.call_id] if isinstance(told, Told) else []
    _check_item(item, "input[0]", set(results))
    return [told.call_id] if isinstance(told, Calling) else [], results


def _check_items(items: Json) -> None:
    if not isinstance(items, list):
        raise bad("input is missing; it must be a text or a list of items", param="input")
    if _is_usual(items):
        return
    called: set[str] = set()
    for number, item in enumerate(items):
        _check_item(item, f"input[{number}]", called)


def _check_item(item: Json, at: str, called: set[str]) -> None:
    if not isinstance(item, dict):
        raise misplaced(at, "must be an object")
    if is_reference(item):
        return
    if item.get("type") in (None, "message"):
        _check_message(item, at)
    else:
        _check_call(item, at, called)


def _is_usual(items: Sequence[Json]) -> bool:
    """Whether all of it is well-formed and of known kinds, as an agent's; told far sooner than the place of a mistake is found."""
    called: set[str] = set()
    try:
        convert([item for item in items if isinstance(item, dict) and "type" not in item], list[Easy])
        for item in convert([item for item in items if not isinstance(item, dict) or "type" in item], list[Item]):
            if isinstance(item, Calling):
                called.add(item.call_id)
            elif isinstance(item, Output) and (item.call_id not in called or isinstance(item.output, list)):
                return False
    except ValidationError:
        return False
    return True


def _check_message(item: Mapping[str, Json], at: str) -> None:
    if item.get("role") not in _ROLES:
        raise bad(f"{at}.role must be one of {', '.join(_ROLES)}", param=f"{at}.role")
    if not isinstance(content := item.get("content"), str):
        _check_parts(content, f"{at}.content")


def _check_call(item: Mapping[str, Json], at: str, called: set[str]) -> None:
    """Look at a call, or at an output, which has one before it."""
    kind = item["type"]
    if not isinstance(kind, str):
        raise bad(f"{at}.type must be a text", param=f"{at}.type")
    if kind in LEFT_OUT:
        return
    if kind not in ITEMS:
        raise misplaced(f"{at}.type", f"{kind[:40]!r} cannot be routed; leave the item out, or say in a message what it says")
    told = fitting(item, ITEMS[kind], at)
    if isinstance(told, Calling):
        called.add(told.call_id)
    elif isinstance(told, Told):
        if told.call_id not in called:
            raise misplaced(f"{at}.call_id", f"{told.call_id[:80]!r}, which no call before it has")
        if isinstance(told, Output) and isinstance(told.output, list):
            _check_parts(told.output, f"{at}.output")


def _check_parts(content: Json, at: str) -> None:
    if not isinstance(content, list):
        raise bad(f"{at} must be a text or a list of parts", param=at)
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if not isinstance(kind, str):
            raise bad(f"{at}[{number}] must be an object with a type", param=f"{at}[{number}]")
        if kind in PARTS:
            fitting(part, PARTS[kind], f"{at}[{number}]")


def _check_tool(tool: Mapping[str, Json], at: str) -> None:
    kind = tool.get("type")
    if not isinstance(kind, str):
        raise bad(f"{at}.type is missing; it must be a text, like function", param=f"{at}.type")
    if kind in _TOOLS:
        fitting(tool, _TOOLS[kind], at)
    inner = tool.get("tools") if kind == "namespace" else None
    for number, other in enumerate(inner if isinstance(inner, list) else ()):
        if isinstance(other, dict):
            _check_tool(other, f"{at}.tools[{number}]")
