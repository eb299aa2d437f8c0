"""Which files can be laid out in one folder: plain relative paths, texts that UTF-8 can say, no file that is a folder as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routerkit_evals.fields import shown

_NAME_BYTES: Final = 255
"""Longest name of a file or folder on Linux."""
_PATH_BYTES: Final = 3_800
"""Longest path on Linux, 4,096, less the folder it lies in."""


def layout_fault(files: Mapping[str, str]) -> str:
    """Why these files (relative path → text) cannot be laid out, in one line; empty when they can."""
    why = next((why for path, text in files.items() if (why := path_fault(path) or _text_fault(path, text))), "")
    return why or next((f"{path!r} is a file and the folder of {inner!r}" for path, inner in _doubles(files)), "")


def path_fault(path: str) -> str:
    """Why a path is none below the work folder, in one line; empty when it is."""
    if not path or "\0" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        return f"path {shown(path)} is not a plain relative path"
    longest = max(len(part.encode("utf-8", "replace")) for part in path.split("/"))
    if longest > _NAME_BYTES:
        return f"path {shown(path)} has a name longer than {_NAME_BYTES} bytes"
    return f"path {shown(path)} is longer than {_PATH_BYTES} bytes" if len(path.encode("utf-8", "replace")) > _PATH_BYTES else ""


def _text_fault(path: str, text: str) -> str:
    try:
        (path + text).encode()
    except UnicodeEncodeError as exc:
        return f"{shown(path)} holds {exc.object[exc.start]!r}, half of a surrogate pair, which cannot be written"
    return ""


def _doubles(files: Mapping[str, str]) -> list[tuple[str, str]]:
    cuts = [(path, i) for path in files for i, letter in enumerate(path) if letter == "/"]
    return [(path[:i], path) for path, i in cuts if path[:i] in files]
