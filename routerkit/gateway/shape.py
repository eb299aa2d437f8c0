"""Checks parsed JSON against what a format fixes: types of known fields, and which of them are needed. Fields it does not know pass."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from routerkit.messages import Json

S = TypeVar("S", bound=Struct)


class Misfit(NamedTuple):
    """Where and why a value is not what it should be."""

    inner: str
    """Place within the value, like `.tool_calls[0].id`; empty for the value itself."""
    why: str


def fitted(value: Json, shape: type[S]) -> S | Misfit:
    """The value as a struct of its known fields, or what is wrong with it."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as exc:
        why, _, inner = str(exc).partition(" - at `$")
        return Misfit(inner.rstrip("`"), why[:1].lower() + why[1:].replace("`", ""))
