"""Lets a key's requests through at its pace: requests and tokens a minute, requests at once. Tokens are estimated first, settled last."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Final

from routerkit.errors import StateError
from routerkit.features import features
from routerkit.gateway.refusal import Refusal
from routerkit.messages import Request
from routerkit.record import Record, Report
from routerkit.state.interface import Entry, Pace, StateStore, TooFast
from routerkit.state.memory import MemoryStore

USUAL_ANSWER_TOKENS: Final = 1_024
"""Counted for a caller that sets no limit, until the answer is there."""


class Turnstile:
    """An observer that learns what requests used. While its store is away it counts by itself, for this process."""

    def __init__(self) -> None:
        self.store: StateStore = MemoryStore()
        """Where paces are counted."""
        self._alone = MemoryStore()
        self._used: dict[int, int] = {}
        """Tokens of requests under way, by identity of their messages, which a copy with a shorter deadline shares."""

    def passage(self, key_id: str, request: Request, pace: Pace) -> Passage:
        """What a request passes through."""
        return Passage(self, key_id, request, pace)

    def observe(self, event: Record | Report) -> None:
        """Note what a request used."""
        if self._used and isinstance(event, Record) and id(event.request.messages) in self._used:
            self._used[id(event.request.messages)] += event.usage.input_tokens + event.usage.output_tokens

    def enter(self, entry: Entry, pace: Pace, request: Request) -> StateStore:
        """Let a request in; returns the store it was counted in.

        Raises:
            Refusal: it is too much or too early.
        """
        store = self.store
        try:
            slow_down = store.enter(entry, pace)
        except StateError:
            store = self._alone
            slow_down = store.enter(entry, pace)
        if slow_down is not None:
            raise _refused(slow_down, entry, pace)
        self._used[id(request.messages)] = 0
        return store

    def leave(self, store: StateStore, entry: Entry, pace: Pace, request: Request) -> None:
        """A request has ended."""
        used = self._used.pop(id(request.messages))
        try:
            store.leave(entry, pace, used)
        except StateError:
            return  # its bucket leaks empty, and its place is free again when its time is up


class Passage:
    """One request on its way through."""

    __slots__ = ("_entry", "_pace", "_request", "_store", "_turnstile")

    def __init__(self, turnstile: Turnstile, key_id: str, request: Request, pace: Pace) -> None:
        self._turnstile, self._request, self._pace = turnstile, request, pace
        tokens = 0 if pace.tokens_per_minute is None else features(request).input_tokens + _answer_tokens(request)
        self._entry = Entry(f"key:{key_id}", os.urandom(8).hex(), tokens, request.timeout_s + 60)

    def __enter__(self) -> None:
        self._store = self._turnstile.enter(self._entry, self._pace, self._request)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._turnstile.leave(self._store, self._entry, self._pace, self._request)


def _answer_tokens(request: Request) -> int:
    return USUAL_ANSWER_TOKENS if request.max_tokens is None else request.max_tokens


def _refused(slow_down: TooFast, entry: Entry, pace: Pace) -> Refusal:
    code = "rate_limit_exceeded"
    if slow_down.what == "at_once":
        return Refusal(429, f"this key has {pace.at_once} requests under way, as many as it may", code=code, retry_after_s=slow_down.wait_s)
    if slow_down.what == "tokens" and pace.tokens_per_minute is not None and entry.tokens > pace.tokens_per_minute:
        text = f"this request may use {entry.tokens:,} tokens, more than the {pace.tokens_per_minute:,} a minute of its key; ask for fewer"
        return Refusal(429, text, code=code)
    return Refusal(429, f"this key's {slow_down.what} per minute are used up", code=code, retry_after_s=slow_down.wait_s)
