"""Items and parts of a `/v1/responses` request, as OpenAI's specification fixes them; fields that it does not know pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

_Object = dict[str, Any]


class _Text(Struct, gc=False):
    text: str


class _InputText(_Text, gc=False, tag="input_text"):
    pass


class _OutputText(_Text, gc=False, tag="output_text"):
    pass


class _Refused(Struct, gc=False, tag="refusal"):
    refusal: str


class _Image(Struct, gc=False, tag="input_image"):
    image_url: str | None = None
    detail: str | None = None


class _File(Struct, gc=False, tag="input_file"):
    file_data: str | None = None
    filename: str | None = None


PARTS: Final[Mapping[str, type[Struct]]] = {
    "input_text": _InputText,
    "output_text": _OutputText,
    "text": _Text,
    "refusal": _Refused,
    "input_image": _Image,
    "input_file": _File,
}
"""Kinds of parts."""


_Part = _InputText | _OutputText | _Refused | _Image | _File


class _Call(Struct, gc=False, tag="function_call"):
    call_id: str
    name: str
    arguments: str


class _Custom(Struct, gc=False, tag="custom_tool_call"):
    call_id: str
    name: str
    input: str


class Output(Struct, gc=False, tag="function_call_output"):
    """What came of a call: text, or parts that are looked at by themselves."""

    call_id: str
    output: str | list[Any]


class _CustomOutput(Output, gc=False, tag="custom_tool_call_output"):
    pass


class _Shell(Struct, gc=False, tag="shell_call"):
    call_id: str
    action: _Object


class _LocalShell(_Shell, gc=False, tag="local_shell_call"):
    pass


class _Patch(Struct, gc=False, tag="apply_patch_call"):
    call_id: str
    operation: _Object


class _ShellOutput(Struct, gc=False, tag="shell_call_output"):
    call_id: str
    output: list[Any]


class _PatchOutput(Struct, gc=False, tag="apply_patch_call_output"):
    call_id: str
    status: str
    output: str | None = None


class _LocalShellOutput(Struct, gc=False, tag="local_shell_call_output"):
    id: str
    output: str

    @property
    def call_id(self) -> str:
        """Which it names differently."""
        return self.id


class _Mcp(Struct, gc=False, tag="mcp_call"):
    id: str
    server_label: str
    name: str
    arguments: str
    output: str | None = None


class _Code(Struct, gc=False, tag="code_interpreter_call"):
    id: str
    code: str | None = None
    outputs: list[Any] | None = None


class Easy(Struct, gc=False):
    """A message that does not say that it is one."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[_Part]


class _Message(Easy, gc=False, tag="message"):
    pass


class _Reasoning(Struct, gc=False, tag="reasoning"):
    pass


Calling = _Call | _Custom | _Shell | _Patch
"""Calls of tools that the caller runs."""
Told = Output | _ShellOutput | _PatchOutput | _LocalShellOutput
"""What came of them."""
ITEMS: Final[Mapping[str, type[Struct]]] = {
    "function_call": _Call,
    "custom_tool_call": _Custom,
    "shell_call": _Shell,
    "local_shell_call": _LocalShell,
    "apply_patch_call": _Patch,
    "function_call_output": Output,
    "custom_tool_call_output": _CustomOutput,
    "shell_call_output": _ShellOutput,
    "local_shell_call_output": _LocalShellOutput,
    "apply_patch_call_output": _PatchOutput,
    "mcp_call": _Mcp,
    "code_interpreter_call": _Code,
}
"""Those that are calls of tools, or what came of them."""
Item = _Message | _Reasoning | _Call | _Custom | Output | _CustomOutput
"""Those that nearly all conversations consist of."""
LEFT_OUT: Final = ("reasoning", "web_search_call", "file_search_call", "mcp_list_tools")
"""Items of an answer that say nothing to another provider: encrypted, or that something was done or could be, but not what came of it."""
