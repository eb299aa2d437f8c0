"""The formats a caller may speak. Each turns its body into OpenAI's chat format and an answer back into its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from routerkit.gateway.parts import Parts
from routerkit.gateway.refusal import Refusal
from routerkit.messages import Chunk, Json, Reply, Request


class Events(Protocol):
    """Writes one streamed answer."""

    def of(self, chunk: Chunk) -> bytes:
        """Events of a chunk; nothing when it says nothing to the caller."""
        ...

    def end(self) -> bytes:
        """What comes after the last chunk."""
        ...

    def broken(self, refused: Refusal) -> bytes:
        """What comes instead of the rest."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One way of asking and answering."""

    chat_body: Callable[[Mapping[str, Json]], Mapping[str, Json]]
    """The body as one of `/v1/chat/completions`; raises Refusal."""
    answer: Callable[[Reply, Mapping[str, Json]], dict[str, Any]]
    """Body of a whole answer, given the caller's body."""
    events: Callable[[Mapping[str, Json], Request], Events]
    """Writer for a streamed answer, given the caller's body and what was read from it."""
    parts: Parts | None = None
    """How its bodies are read part by part; None where no agent speaks it."""
