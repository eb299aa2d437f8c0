"""Lists of tools, which agents repeat with every request: read, checked and measured once for all that say the same to the letter."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from routerkit.gateway.chat_shape import checked
from routerkit.gateway.limits import is_deeper
from routerkit.gateway.refusal import Refusal
from routerkit.messages import KnownTools

_LARGEST_BYTES: Final = 64 * 1024
"""What is longer is read each time. Parsed, JSON takes up to twenty times its length: all that is kept stays below 50 MB."""
_decode: Final = msgspec.json.Decoder().decode


def known_tools(written: bytes, levels: int) -> KnownTools | None:
    """The tools that this JSON says, the same objects for all who ask; None for an empty list, and for what a chat may not have.

    Args:
        written: The value of `tools` in the body of a chat.
        levels: How deep the list may be nested.
    """
    return _kept(written, levels) if len(written) <= _LARGEST_BYTES else _read(written, levels)


def _read(written: bytes, levels: int) -> KnownTools | None:
    try:
        tools = _decode(written)
        checked({"tools": tools})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refusal):
        return None
    return None if not tools or is_deeper(tools, written, levels) else KnownTools(tools)


_kept: Final = lru_cache(maxsize=32)(_read)
