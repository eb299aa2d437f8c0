"""Checks parsed JSON against what a format fixes: types of known fields, and which of them are needed. Fields it does not know pass."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from routerkit.gateway.refusal import Refusal, bad
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


def fitting(value: Json, shape: type[S], at: str) -> S:
    """The value as a struct.

    Raises:
        Refusal: it is none; names the place as OpenAI does, `messages[3].content[1].image_url`.
    """
    found = fitted(value, shape)
    if isinstance(found, Misfit):
        raise misplaced(f"{at}{found.inner}".removeprefix("."), found.why)
    return found


def misplaced(place: str, why: str) -> Refusal:
    """Something is wrong at a place."""
    return bad(f"{place}: {why}", param=place or None)
