"""SHA-256 of prompts, so that rows of the ledger tell equal ones without holding them.

An agent sends its conversation again with every turn, so that hashing it was most of what its length cost. Of one that grew, only what is
new is hashed: what was hashed before is kept from the second turn on, for as long as there is room.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from routerkit import fastjson
from routerkit.known import KnownMessages
from routerkit.messages import Message

if TYPE_CHECKING:
    from hashlib import _Hash

_MOST_BYTES: Final = 4 * 2**20
"""JSON of the conversations that are kept. In memory such texts take little more; messages of a few characters each, ten times as much."""
_MOST_OPENINGS: Final = 4_096
_OPENING_CHARS: Final = 64
_Texts = tuple[dict[str, str | list[dict[str, str | dict[str, str | None] | None]] | None], ...]
"""Messages of nothing but texts, as nearly all are: in others 1, 1.0 and true are equal to Python, but not as JSON."""


def prompt_sha256(messages: Sequence[Message]) -> str:
    """Hexadecimal digest of messages as canonical JSON: the same for all equal prompts."""
    return sha256(fastjson.canonical(messages)).hexdigest()


class _Hashed(NamedTuple):
    messages: tuple[Message, ...]
    """Copies of those that whoever made the call may change afterwards; known ones are the same objects again, and equal at a glance."""
    begun: _Hash
    """Of everything but the bracket at the end."""
    digest: str
    n_bytes: int
    """Length as JSON."""


class PromptHashes:
    """Says what `prompt_sha256` does, of long prompts that begin alike in less time. For one thread at a time."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: dict[Hashable, _Hashed] = {}
        """By how the conversation begins; the one that was asked for last comes last."""
        self._n_bytes = 0

    def of(self, messages: tuple[Message, ...]) -> str:
        """As `prompt_sha256`."""
        opening = _opening(messages)
        if (known := self._kept.pop(opening, None)) is None:  # it may be the only one that begins like this
            self._keep(opening, _NOTHING)
            return prompt_sha256(messages)
        self._n_bytes -= known.n_bytes
        if messages[: len(known.messages)] != known.messages:
            known = _NOTHING
        if len(known.messages) < len(messages):
            try:
                known = _grown(known, messages)
            except msgspec.ValidationError:
                return prompt_sha256(messages)
        self._keep(opening, known)
        return known.digest

    def _keep(self, opening: Hashable, hashed: _Hashed) -> None:
        self._kept[opening] = hashed
        self._n_bytes += hashed.n_bytes
        while self._n_bytes > self._most_bytes or len(self._kept) > _MOST_OPENINGS:
            self._n_bytes -= self._kept.pop(next(iter(self._kept))).n_bytes


def _grown(known: _Hashed, messages: tuple[Message, ...]) -> _Hashed:
    """Of messages that begin with the known ones and go on.

    Raises:
        msgspec.ValidationError: what is new is more than texts.
    """
    new = msgspec.convert(messages[len(known.messages) :], _Texts)
    written = memoryview(fastjson.canonical(new))
    begun = known.begun.copy()
    begun.update(b"," if known.messages else b"")
    begun.update(written[1:-1])
    whole = begun.copy()
    whole.update(b"]")
    kept = messages if isinstance(messages, KnownMessages) else known.messages + new
    return _Hashed(kept, begun, whole.hexdigest(), known.n_bytes + len(written))


def _opening(messages: Sequence[Message]) -> Hashable:
    """What tells most conversations apart: their first two messages, of which the first is often the same for all of an agent's."""
    texts: list[Any] = [message.get("content") for message in messages[:2]]
    return tuple([(len(text), text[:_OPENING_CHARS]) for text in texts if isinstance(text, str)])


_NOTHING: Final = _Hashed((), sha256(b"["), sha256(b"[]").hexdigest(), 0)
