"""JSON for what is read and written with every call: msgspec, which takes an eighth of the standard library's time.

What msgspec does not take (half of a surrogate pair, keys that are not text, numbers beyond a float) the standard library decides about.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from operator import itemgetter
from typing import Final

import msgspec

from routerkit.messages import Json


def dumps(value: object) -> bytes:
    """Compact JSON in UTF-8; a dataclass is written as an object. NaN and infinity become null, half of a surrogate pair becomes `?`.

    Raises:
        TypeError: a value is nothing that JSON could say.
        RecursionError: it is nested too deeply.
    """
    try:
        return _ENCODE(value)
    except (TypeError, UnicodeEncodeError):
        return _SLOW_ENCODE(_finite(value)).encode("utf-8", "replace")


def canonical(value: Json) -> bytes:
    """As `dumps`, the same for all equal values: keys are sorted, and what JSON cannot say stands as text."""
    try:
        return _ENCODE_SORTED(value)
    except (TypeError, UnicodeEncodeError):
        return _SLOW_ENCODE_SORTED(value).encode("utf-8", "replace")


def loads(text: bytes) -> Json:
    """Value of a JSON text in UTF-8.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    try:
        value: Json = _DECODE(text)
    except msgspec.DecodeError:
        value = json.loads(text.decode("utf-8-sig"))  # some servers begin with a byte order mark
    return value


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8, which decoding into a structure checks only in the fields that it has."""
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class Form:
    """JSON text that is the same for many values but for what stands in its holes."""

    def __init__(self, value: object) -> None:
        """Write a value once; it has `hole(i)` wherever the i-th of what `fill` is given shall stand, and at least two of them."""
        self._parts = _HOLE.split(dumps(value))
        self._order = itemgetter(*map(int, self._parts[1::2]))

    def fill(self, pieces: Sequence[bytes]) -> bytes:
        """The text with these pieces of JSON in its holes."""
        parts = self._parts.copy()
        parts[1::2] = self._order(pieces)
        return b"".join(parts)


def hole(i: int) -> str:
    """What stands for a piece of JSON in the value that a `Form` is made of."""
    return f"{_MARK}{i}{_MARK}"


def dump_each(numbers: Sequence[float | None]) -> list[bytes]:
    """As `dumps`, each by itself."""
    return dumps(numbers)[1:-1].split(b",")


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet | Sequence) and not isinstance(value, bytes | bytearray):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _plain_or_text(value: object) -> Json:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if is_dataclass(value):
        return {f.name: _finite(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, AbstractSet | Sequence) and not isinstance(value, str | bytes):
        return [_finite(v) for v in value]
    return value


_MARK: Final = f"_{os.urandom(8).hex()}_"
"""Nobody else can have written it."""
_HOLE: Final = re.compile(rf'"{_MARK}(\d+){_MARK}"'.encode())
_ENCODE: Final = msgspec.json.Encoder(enc_hook=_plain).encode
_ENCODE_SORTED: Final = msgspec.json.Encoder(enc_hook=_plain_or_text, order="deterministic").encode
_DECODE: Final = msgspec.json.Decoder().decode
_SLOW_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode
_SLOW_ENCODE_SORTED: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain_or_text).encode
