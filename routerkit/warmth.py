"""Which targets' prompt caches still hold the beginning of a session, as far as this process knows. Bounded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from routerkit.catalog import Pool, Price
from routerkit.messages import Request, Usage
from routerkit.record import Record
from routerkit.state.hints import Hint

LIFETIME_S: Final = 300.0
"""How long a cache is counted on after its last use: Anthropic's default, and the least that OpenAI promises."""
MIN_TOKENS: Final = 1_024
"""Shorter beginnings are cached by nobody (least length of OpenAI and Anthropic)."""
MAX_SESSIONS: Final = 10_000
"""Sessions remembered; beyond that the one unused for longest is forgotten, which only costs a saving."""
_NOTHING: Final[Mapping[str, int]] = {}

Tell: TypeAlias = Callable[[Request, Hint], None]
_Key: TypeAlias = tuple[str | None, str | None, str | None]
"""Session, agent and gateway's key: agents of one session do not share a prompt, and callers may name their sessions alike."""


class _Warm(NamedTuple):
    prefix_tokens: int
    n_messages: int
    """Length of the conversation then: one that became shorter was rewritten, and no longer begins alike."""
    until: float


class WarmBoard:
    """Remembers per session what each target was sent last. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[_Key, dict[str, _Warm]] = OrderedDict()
        self.tell: Tell | None = None
        """Told of everything that is remembered; None = nobody is."""

    def prefixes(self, request: Request) -> Mapping[str, int]:
        """Prompt tokens that each target's cache holds of this conversation; targets that hold none are left out."""
        warm = self._sessions.get(_key(request)) if request.session is not None else None
        if not warm:
            return _NOTHING
        now, n_messages = self._clock(), len(request.messages)
        return {name: w.prefix_tokens for name, w in tuple(warm.items()) if w.until > now and w.n_messages <= n_messages}

    def remember(self, record: Record, pool: Pool | None) -> None:
        """Note what an answered call leaves behind in its target's cache."""
        request = record.request
        if request.session is None or pool is None or record.status != "ok":
            return
        last = next((a for a in reversed(record.attempts) if a.purpose == "answer" and a.error is None), None)
        if last is None or last.usage is None:
            return
        target = pool.target(last.target)
        if target is None or target.price is None:
            return
        now = self._clock()
        with self._lock:
            warm = self._session(request)
            before = warm.get(target.name)
            n_tokens = cached_tokens(last.usage, target.price, was_warm=before is not None and before.until > now)
            _put(warm, hint := Hint(target.name, n_tokens, len(request.messages), LIFETIME_S), now)
        if self.tell is not None:
            self.tell(request, hint)

    def adopt(self, request: Request, hints: Sequence[Hint]) -> None:
        """Believe what others say about a request's conversation, where it is newer than what is known here."""
        if not hints:
            return
        now = self._clock()
        with self._lock:
            warm = self._session(request)
            for hint in hints:
                known = warm.get(hint.target)
                if known is None or known.until < now + hint.left_s:
                    _put(warm, hint, now)

    def _session(self, request: Request) -> dict[str, _Warm]:
        key = _key(request)
        warm = self._sessions.setdefault(key, {})
        self._sessions.move_to_end(key)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return warm


def _key(request: Request) -> _Key:
    return request.session, request.agent, request.key


def _put(warm: dict[str, _Warm], hint: Hint, now: float) -> None:
    warm.pop(hint.target, None)
    if hint.prefix_tokens >= MIN_TOKENS:
        warm[hint.target] = _Warm(hint.prefix_tokens, hint.n_messages, now + hint.left_s)


def cached_tokens(usage: Usage, price: Price, *, was_warm: bool) -> int:
    """Prompt tokens that a target's cache holds after an answer.

    A provider that charges for writing caches only what it was asked to, and says how much. The others cache every prompt; one that was
    expected to be warm and read nothing does not, or not this conversation.

    Args:
        usage: Of the answer.
        price: Of the target.
        was_warm: Whether its cache was counted on for this call.
    """
    touched = usage.cached_input_tokens + usage.cache_write_tokens
    if price.cache_write is not None or touched:
        return touched if price.cache_write is not None else usage.input_tokens
    return 0 if was_warm and not usage.is_estimated else usage.input_tokens
