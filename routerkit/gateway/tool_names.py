"""Names of tools as every provider takes them, and back: Anthropic and servers of tools (MCP) allow more than OpenAI does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

_TAKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OTHER: Final = re.compile(r"[^A-Za-z0-9_-]")


def portable_name(name: str) -> str:
    """A name that every provider takes, the same for the same name; one that they all take stays."""
    if _TAKEN.fullmatch(name) or not name:
        return name
    mark = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_OTHER.sub('_', name)[:55]}_{mark}"


def changed_names(names: Iterable[str]) -> Mapping[str, str]:
    """Names that are sent in another form, by that form."""
    return {sent: name for name in names if (sent := portable_name(name)) != name}
