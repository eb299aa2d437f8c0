"""What processes tell each other about prompt caches that are warm."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # takes 5 ms, and most stores keep no hints
    from concurrent.futures import Future


class Hint(NamedTuple):
    """What a target's cache holds of one conversation."""

    target: str
    prefix_tokens: int
    """0 = nothing any more."""
    n_messages: int
    """Length of the conversation when it was last sent there."""
    left_s: float
    """Seconds that it is still counted on."""


class Hints(Protocol):
    """Told and heard in a thread, so that a call waits no longer than it wants to. Thread-safe; what cannot be reached is silent.

    Conversations have names of any length, which are not passed on.
    """

    def tell(self, conversation: str, hint: Hint) -> None:
        """Tell the others, soon."""
        ...

    def hear(self, conversation: str) -> Future[tuple[Hint, ...]]:
        """What was told about a conversation, by this process too, and still counts."""
        ...
