"""Items of `/v1/responses` that are calls of tools, or what came of them, as chats have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routerkit.gateway.exchange import encode
from routerkit.gateway.response_tools import Object, flat_name, text_as_arguments
from routerkit.messages import Json

_OWN_TOOLS: Final[Mapping[str, tuple[str, str]]] = {
    "apply_patch_call": ("apply_patch", "operation"),
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
}
"""Calls of tools that OpenAI names and the caller runs: the tool, and the field with what it is given."""
CALLS: Final = ("function_call", "custom_tool_call", *_OWN_TOOLS)  # no sets: what callers send may be unhashable


def call_of(item: Object) -> Object:
    """A call as one message."""
    kind = str(item["type"])
    if kind in _OWN_TOOLS:
        name, field = _OWN_TOOLS[kind]
        return _calling(item.get("call_id"), name, _text(item.get(field)))
    arguments = text_as_arguments(item.get("input")) if kind == "custom_tool_call" else item.get("arguments") or "{}"
    return _calling(item.get("call_id"), flat_name(item.get("name"), item.get("namespace")), arguments)


def told_of(item: Object) -> list[Object]:
    """What came of a call of one of those tools, or of one that OpenAI ran, which its item tells as well; nothing of other items."""
    match item.get("type"):
        case "local_shell_call_output":
            return [_told(item.get("id"), item.get("output"))]
        case "shell_call_output":
            return [_told(item.get("call_id"), _text(item.get("output")))]
        case "apply_patch_call_output":
            return [_told(item.get("call_id"), f"{item.get('status')}: {item.get('output') or ''}")]
        case "mcp_call":
            name = flat_name(item.get("name"), item.get("server_label"))
            found = f"Error: {_text(item['error'])}" if item.get("error") else item.get("output") or ""
            return [_calling(item.get("id"), name, item.get("arguments")), _told(item.get("id"), found)]
        case "code_interpreter_call":
            asked, found = _text({"code": item.get("code")}), _text(item.get("outputs") or [])
            return [_calling(item.get("id"), "code_interpreter", asked), _told(item.get("id"), found)]
    return []


def _calling(call_id: Json, name: str, arguments: Json) -> Object:
    call: Object = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _told(call_id: Json, content: Json) -> Object:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def _text(value: Json) -> str:
    return encode(value).decode()
