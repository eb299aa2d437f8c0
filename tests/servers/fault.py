"""What a scripted answer of the strict server does differently from a healthy one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Framing = Literal["lf", "crlf", "cr", "comments", "multiline", "no_space", "bom", "fields", "bytes", "unended"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted answer. The defaults change nothing, so `Fault(text="hi")` is a healthy answer with a given text."""

    # What is said.
    text: str | None = None
    tool_calls: Sequence[tuple[str, str]] | None = None
    """Pairs of function name and raw argument text."""
    refusal: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    """Echoed instead of the requested model."""
    usage: Mapping[str, Any] | Literal["missing"] | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the message (whole) or of its first delta (stream)."""
    choice: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the choice (whole) or of the one that ends the stream."""
    no_choices: bool = False
    no_ids: bool = False
    """Tool calls come without ids."""

    # How the HTTP answer looks.
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent instead of the answer, with `status`."""
    gzip: Literal["gzip", "deflate", "raw_deflate"] | None = None
    raw: bytes | None = None
    """Sent instead of everything, head included, byte by byte if it trickles."""
    raw_end: Literal["keep", "fin", "rst", "stall"] = "fin"
    """What happens to the connection after `raw`."""

    # What goes wrong on the way.
    delay_s: float = 0.0
    """Before the head."""
    hang: bool = False
    """No byte is ever sent."""
    hang_after_head: bool = False
    reset: bool = False
    """RST instead of an answer."""
    hang_up: bool = False
    """FIN instead of an answer."""
    stall_after: int | None = None
    """Events (of a whole answer: bytes) sent before silence."""
    cut_after: int | None = None
    """Events (of a whole answer: bytes) sent before the connection is cut."""
    cut_by: Literal["fin", "rst"] = "fin"
    end_after: int | None = None
    """Events sent before the stream ends cleanly, without a finish_reason."""
    with_done: bool = False
    """`[DONE]` follows even after `end_after`."""
    no_done: bool = False
    error_after: int | None = None
    """Events sent before `error_event`, after which the stream ends."""
    error_event: Mapping[str, Any] = field(
        default_factory=lambda: {"error": {"message": "overloaded", "type": "overloaded_error", "code": 529}}
    )
    trickle_s: float | None = None
    """Pause after each single byte of the body."""
    keep_alive_s: float | None = None
    """Pause between signs of life, which are all that follows the head: comments of a stream, line breaks of a whole answer."""
    framing: Framing = "lf"
