"""Shape of `[state]`."""

from __future__ import annotations

from typing import Final

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from routerkit.config.secrets import is_reference
from routerkit.config.section import Section, usable_path

_PLACES: Final = ("memory:", "sqlite:", "redis://", "rediss://", "unix://")


class StateSection(Section):
    """Where budgets, limits and news about targets are kept."""

    url: str

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, value: str) -> str:
        usable_path(value.removeprefix("file:").removeprefix("sqlite:"))
        if is_reference(value):
            return value
        if "@" in value and not value.startswith("sqlite:"):
            text = 'literal secrets are refused; write the whole URL into a variable or a file, and here "env:NAME" or "file:PATH"'
            raise PydanticCustomError("literal_secret", text)
        if not value.startswith(_PLACES):
            raise PydanticCustomError("state_url", 'should be "memory:", "sqlite:FILE", "redis://HOST:PORT/DB", or a reference to one')
        return value
