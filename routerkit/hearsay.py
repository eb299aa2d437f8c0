"""What other processes say about a request's conversation: which prompt caches it left warm."""

from __future__ import annotations

from typing import Final

from routerkit.messages import Request
from routerkit.state.hints import Hint, Hints
from routerkit.waiting import aresult, result
from routerkit.warmth import WarmBoard

_PATIENCE_S: Final = 0.05
"""Longest wait; a Redis nearby answers in a millisecond, and what comes later than this is decided without."""


class Hearsay:
    """Keeps a board in step with those of other processes, one conversation at a time and only when it goes on."""

    def __init__(self, hints: Hints, board: WarmBoard) -> None:
        """Begin to tell what the board remembers."""
        self._hints, self._board = hints, board
        board.tell = self._tell

    def learn(self, request: Request) -> None:
        """Ask what is known of the request's conversation, and wait for it a moment; not at all if it has no session."""
        if request.session is not None:
            heard = result(self._hints.hear(_name(request)), _PATIENCE_S)
            self._board.adopt(request, heard or ())

    async def alearn(self, request: Request) -> None:
        """Async twin of `learn`."""
        if request.session is not None:
            heard = await aresult(self._hints.hear(_name(request)), _PATIENCE_S)
            self._board.adopt(request, heard or ())

    def _tell(self, request: Request, hint: Hint) -> None:
        self._hints.tell(_name(request), hint)


def _name(request: Request) -> str:
    return repr((request.key, request.agent, request.session))
