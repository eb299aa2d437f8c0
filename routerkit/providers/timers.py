"""How long each stage of one attempt may take, and the arithmetic that says when it took too long."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from routerkit.errors import ConfigError, ProviderError

END_MARK_S: Final = 2.0
"""Longest silence after a stream's finish reason; usage and end mark follow it at once, or never."""
FAILURE_S: Final = 1.0
"""Longest wait for what a failure says besides its status and headers; it comes with them, or is not worth waiting for."""


@dataclass(frozen=True, slots=True)
class Timers:
    """Limits of one attempt's stages, in seconds; `Request.timeout_s` bounds them all together."""

    connect_s: float = 5.0
    """Name lookup, TCP and TLS handshake."""
    first_token_s: float = 30.0
    """From a streamed request to the first piece of its answer; comments and empty events, which servers send to keep a connection
    alive, are none. A whole answer may take until the total deadline."""
    between_chunks_s: float = 30.0
    """Longest silence within an answer's body."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ConfigError(f"timers: {name} is {getattr(self, name)!r}; give a number of seconds above 0")


class Watch:
    """When one attempt has taken too long. It only compares readings of a monotonic clock; the drivers do the waiting."""

    has_begun = False
    """Whether anything of the answer itself has arrived."""
    was_sent = False
    """Whether sending had begun, so that the upstream may have processed, and billed, the request."""
    _tier = ""
    """What goes on: `connect`, `end mark`, or else the answer."""
    _tier_at = _first_at = math.inf

    def __init__(
        self, timers: Timers, *, timeout_s: float, first_token_s: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timers, self._between_s = timers, timers.between_chunks_s
        self._first_s = math.inf if first_token_s is None else first_token_s
        self._clock, self._total_s = clock, timeout_s
        self.total_at = clock() + timeout_s
        """Reading of the clock at which the whole attempt must be over."""

    def connecting(self) -> None:
        """A connection is being opened."""
        self._enter("connect", self._timers.connect_s)

    def sending(self) -> float:
        """The request is being sent; returns when the time is up, see `due`."""
        self.was_sent = True
        self._first_at = self._clock() + self._first_s
        if self._tier:
            self._tier, self._tier_at = "", math.inf
        return min(self._first_at, self.total_at)

    def began(self) -> None:
        """The first piece of the answer itself arrived."""
        self.has_begun, self._first_at = True, math.inf

    def heard(self) -> bool:
        """Something of the body arrived, be it only a sign of life; returns whether the time is up sooner than it was."""
        before, self._tier_at = self._tier_at, self._clock() + self._between_s
        return self._tier_at < before

    def ending(self) -> None:
        """All was said but the end mark, for which nobody should wait long."""
        self._between_s = min(self._between_s, END_MARK_S)
        self._enter("end mark", self._between_s)

    def failed(self) -> None:
        """The answer is a failure, and its head has said so."""
        self.total_at = min(self.total_at, self._clock() + FAILURE_S)

    def _enter(self, tier: str, limit_s: float) -> None:
        self._tier, self._tier_at = tier, self._clock() + limit_s

    def due(self) -> float:
        """Reading of the clock at which the time is up."""
        return min(self._tier_at, self._first_at, self.total_at)

    def remaining_s(self) -> float:
        """Seconds left until then; 0 or less when it has passed."""
        return self.due() - self._clock()

    def error(self, where: str) -> ProviderError:
        """What to raise once the time is up: `timeout`, or `connect` when the connection alone took too long."""
        if self.total_at <= min(self._tier_at, self._first_at):
            return ProviderError(f"{where}: total timer of {self._total_s:g} s fired", code="timeout", maybe_billed=self.was_sent)
        if self._first_at <= self._tier_at:
            tier, tier_s = "first token", self._first_s
        else:
            tier, tier_s = self._tier or "between chunks", self._timers.connect_s if self._tier == "connect" else self._between_s
        return ProviderError(
            f"{where}: {tier} timer of {tier_s:g} s fired",
            code="timeout" if self.was_sent else "connect",
            maybe_billed=self.was_sent,
        )
