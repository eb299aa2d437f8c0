"""Bodies of agents, which are those of the turn before and a little more: each part that was seen before is known by its bytes.

What a message says follows from its own bytes, but for the calls that its results are of; so does what a list of tools says, and a system
prompt. The rest of a body is small and read as always. Whatever is unusual, too long or wrong is left to the general way, which says the
same of all that is taken here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import Raw

from routerkit.gateway.limits import LONG_BYTES, Limits, is_deeper
from routerkit.gateway.memo import Memo
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.written import Known, is_said_once
from routerkit.known import KnownMessage, KnownMessages, KnownTools, known
from routerkit.messages import Json, Message

T = TypeVar("T")
Object = Mapping[str, Json]
_decode: Final = msgspec.json.Decoder().decode
_fields_of: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_elements_of: Final = msgspec.json.Decoder(list[Raw]).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refusal)


class Said(NamedTuple):
    """What one element of a conversation says."""

    messages: Sequence[Message]
    """In OpenAI's chat format."""
    calls: Sequence[str] = ()
    """Ids of the tool calls in it."""
    results: Sequence[str] = ()
    """Ids of the calls before it that its results are of."""
    refers: str | None = None
    """Id of what it only refers to, which says something else to each caller."""


class Tools(NamedTuple):
    """What a list of tools says."""

    sent: KnownTools
    """In OpenAI's chat format."""
    own: Any = None
    """What else the caller's format wants to know of them."""


class Parts(Protocol):
    """How to read the parts of one format; whatever raises Refusal is left to the general way."""

    conversation: str
    """Name of the list that grows."""
    lead: str
    """Name of the prompt that comes before it; empty where there is none."""

    def said(self, element: Json) -> Said:
        """What an element of the conversation says."""
        ...

    def led(self, value: Json) -> Message | None:
        """What the prompt before it says."""
        ...

    def offered(self, value: Json) -> Tools | None:
        """What a list of tools says, which is not empty."""
        ...

    def joined(self, said: Iterable[Said]) -> Iterable[Message]:
        """The messages of a conversation."""
        ...

    def chat_body(self, rest: Object, messages: KnownMessages, tools: Tools | None) -> Object:
        """The whole request in OpenAI's chat format, given all its other fields."""
        ...


class Read(NamedTuple):
    """What a body says."""

    asked: Mapping[str, Json]
    """What of it its answer depends on."""
    body: Object
    """All of it in OpenAI's chat format."""
    known: Known | None
    """Itself, and where the model's name stands in it, quotes included; None unless both are known to say everything once."""


class _Gaps(NamedTuple):
    """How JSON is spaced."""

    comma: bytes
    colon: bytes


_COMPACT, _SPACED = _Gaps(b",", b":"), _Gaps(b", ", b": ")
_PLAIN_TEXT: Final = re.compile(rb'"[^"\\]*"')


class PartsReader:
    """Reads bodies of one format part by part."""

    def __init__(self, parts: Parts, limits: Limits) -> None:
        """Begin with nothing known."""
        self._parts, self._limits = parts, limits
        self._said = Memo(self._reading(lambda value: _known(parts.said(value)), limits.depth - 2))
        self._led = Memo(self._reading(lambda value: KnownMessage(parts.led(value) or {}), limits.depth - 1), 1024 * 1024)
        self._offered = Memo(self._reading(lambda value: parts.offered(value) if value else None, limits.depth - 1), 1024 * 1024)

    def read(self, data: bytes) -> Read | None:
        """What a body says; None where it is left to the general way."""
        if len(data) >= LONG_BYTES:
            return None
        try:
            fields = {name: bytes(value) for name, value in _fields_of(data).items()}
            gaps = _SPACED if data.startswith(b": ", data.find(b'"', 2) + 1) else _COMPACT
            if _joined(fields, gaps) != data:
                return None
            place = _place(fields, gaps)
            elements: list[Raw] = _elements_of(fields.pop(self._parts.conversation, b""))
            said = self._read(fields, [*map(bytes, elements)])
        except _UNREADABLE:
            return None
        return None if said is None else Read(*said, None if place is None else (data, place))

    def _read(self, fields: dict[str, bytes], elements: list[bytes]) -> tuple[dict[str, Json], Object] | None:
        lead, offer = fields.pop(self._parts.lead, None) if self._parts.lead else None, fields.pop("tools", None)
        tools = None if offer is None else self._offered.of(offer)
        led = None if lead is None else self._led.of(lead)
        rest: dict[str, Json] = {name: _decode(value) for name, value in fields.items()}
        if not all(is_said_once(rest[name], value) for name, value in fields.items() if b"{" in value):
            return None
        written = b"{%b" % b"".join(fields.values())
        if (lead is not None and led is None) or (offer is not None and tools is None) or is_deeper(rest, written, self._limits.depth):
            return None
        messages = self._messages(elements, led)
        if messages is None:
            return None
        body = self._parts.chat_body(rest, messages, tools)
        if tools is not None:
            rest["tools"] = tools
        return rest, body

    def _messages(self, elements: list[bytes], led: KnownMessage | None) -> KnownMessages | None:
        said = self._said.each(elements) if 0 < len(elements) <= self._limits.messages else None
        if said is None or not _have_calls(said):
            return None
        found = self._parts.joined(said)
        return known([led, *found] if led else found)

    @staticmethod
    def _reading(read: Callable[[Json], T | None], levels: int) -> Callable[[bytes], T | None]:
        """Reads a part that may be nested so deep; None for one that is not fine."""

        def of(written: bytes) -> T | None:
            try:
                value = _decode(written)
                return read(value) if is_said_once(value, written) and not is_deeper(value, written, levels) else None
            except _UNREADABLE:
                return None

        return of


def _have_calls(said: Iterable[Said]) -> bool:
    """Whether all results are of calls before them."""
    called: set[str] = set()
    for one in said:
        if one.results and not called.issuperset(one.results):
            return False
        if one.calls:
            called.update(one.calls)
    return True


def _joined(fields: Mapping[str, bytes], gaps: _Gaps) -> bytes:
    """An object of these fields. A body that is the same to the letter has no field twice, of which only the last would have been seen."""
    return b"{%b}" % gaps.comma.join([b'"%b"%b%b' % (name.encode(), gaps.colon, value) for name, value in fields.items()])


def _place(fields: Mapping[str, bytes], gaps: _Gaps) -> slice | None:
    """Where the model's name stands in it, quotes included; None where it is no plain text."""
    if not _PLAIN_TEXT.fullmatch(fields.get("model", b"")):
        return None
    before = dict(itertools.takewhile(lambda field: field[0] != "model", fields.items()))
    at = len(_joined({**before, "model": b""}, gaps)) - 1
    return slice(at, at + len(fields["model"]))


def _known(said: Said) -> Said:
    return said._replace(messages=known(said.messages))
