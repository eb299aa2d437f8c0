"""State of many machines, in Redis or Valkey. When it is away each router continues on its own, says so once, and comes back on its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from routerkit.errors import ConfigError, StateError
from routerkit.state import lua
from routerkit.state.estate import Estate
from routerkit.state.interface import Account, AccountLine, Entry, Grant, Notice, Pace, Standing, StateStore, TooFast
from routerkit.state.notes import Notes
from routerkit.state.owed import OwedFile
from routerkit.state.redis_hints import RedisHints

_log: Final = logging.getLogger(__name__)

ANSWER_S: Final = 0.25
"""Longest wait for an answer; a step takes some 0.1 ms on the same host."""
AGAIN_S: Final = 1.0
"""After a failure it is not asked for so long, so that requests do not queue up behind a dead server."""
KEPT_S: Final = 35 * 86_400
_PREFIX: Final = "routerkit:"


class _Steps:
    """How far a holder of an account has come."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = self.heard = 0
        """Of the last step, and of the last one whose answer was heard."""


class RedisStore(StateStore):
    """A `StateStore` in Redis 6 or newer, or Valkey. Without persistence of the server, a restart of it forgets what was spent."""

    is_shared = True
    may_be_away = True

    def __init__(
        self, url: str, *, now: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic, notes: Notes | None = None
    ) -> None:
        """Prepare; the server is first asked when it is needed.

        Args:
            url: `redis://`, `rediss://` or `unix://`, with its password.
            now: Unix time.
            clock: Monotonic seconds.
            notes: Where processes of this machine note what they owe; None = nowhere.

        Raises:
            ConfigError: the URL cannot be understood.
        """
        self._now, self._clock, self._notes = now, clock, notes
        self.records_lost = notes is not None and notes.records_lost
        self._place = _without_secrets(url)
        try:
            # No retries: a step whose answer was lost may have been taken, and must not be taken twice.
            self._redis = Redis.from_url(
                url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry=Retry(NoBackoff(), 0)
            )
        except ValueError as exc:
            raise ConfigError(f"{self._place}: not a Redis URL ({exc}); write e.g. redis://127.0.0.1:6379/0") from None
        self._scripts: dict[str, Any] = {}
        self._steps: dict[tuple[Account, str], _Steps] = {}
        self._again_at = float("-inf")
        self._trouble: str | None = None
        self.hints = self._hints = RedisHints(self._asked)

    def draw(self, account: Account, *, ask: int, least: int, limit: int, holder: str, until: float) -> Grant:
        """As `StateStore.draw`."""
        with self._asked() as redis:
            redis.sadd(f"{_PREFIX}accounts", "|".join(account))
        found = self._step(lua.DRAW, account, holder, ask, least, limit, holder, until - self._now(), KEPT_S)
        return Grant(found[0], Standing(*found[1:]))

    def book(self, account: Account, *, spent: int, back: int, holder: str, until: float, number: int = 0) -> Standing | None:
        """As `StateStore.book`. An account that the server has lost is begun anew."""
        found = self._step(lua.BOOK, account, holder, spent, back, holder, until - self._now(), KEPT_S, number)
        return Standing(*found) if found else None

    def owed(self, holder: str) -> OwedFile | None:
        """As `StateStore.owed`: on this machine. Others count all of a lease that lapsed, until an heir here puts it right."""
        return None if self._notes is None else self._notes.begin(holder)

    def standing(self, account: Account, holder: str) -> Standing:
        """As `StateStore.standing`."""
        return Standing(*self._run(lua.STANDING, [_key(account)], holder))

    def lapse(self, now: float) -> int:
        """As `StateStore.lapse`. `now` is compared with this process's clock only, the leases with the server's."""
        inherited = self._notes.inherit(self._end) if self._notes else 0
        lapsed: list[int] = [self._run(lua.LAPSE, [_key(account)], now - self._now()) for account in self._accounts()]
        return inherited + sum(lapsed)

    def _end(self, holder: str, estate: Estate) -> int:
        spent = 0
        for account in self._accounts():
            with self._asked() as redis:
                number: Any = redis.hget(_key(account), f"booked:{holder}")
            owed = estate.owed(account, int(number or 0))
            if owed is not None:
                spent += self._run(lua.END, [_key(account)], holder, owed)
        return spent

    def correct(self, account: Account, what: str, micros: int) -> None:
        """As `StateStore.correct`."""
        key = _key(account)
        self._run(lua.CORRECT, [key, f"{{{key}}}:corrections"], what, micros, KEPT_S)  # braces: both on one machine of a cluster

    def accounts(self, day: str) -> tuple[AccountLine, ...]:
        """As `StateStore.accounts`."""
        of_day = [account for account in self._accounts() if account.day == day]
        with self._asked() as redis:
            rows: Any = [redis.hmget(_key(account), ["cap", "spent", "leased"]) for account in of_day]
        return tuple(sorted(AccountLine(account, *(int(v or 0) for v in row)) for account, row in zip(of_day, rows, strict=True)))

    def enter(self, entry: Entry, pace: Pace) -> TooFast | None:
        """As `StateStore.enter`."""
        limits = [-1 if n is None else n for n in (pace.at_once, pace.requests_per_minute, pace.tokens_per_minute)]
        what, wait_s = self._run(lua.ENTER, _traffic(entry), *limits, entry.tokens, entry.id, entry.hold_s)
        return TooFast(what, float(wait_s)) if what else None

    def leave(self, entry: Entry, pace: Pace, used_tokens: int) -> None:
        """As `StateStore.leave`."""
        self._run(lua.LEAVE, _traffic(entry), entry.id, used_tokens - entry.tokens)

    def post(self, notices: Sequence[Notice]) -> None:
        """As `StateStore.post`."""
        self._run(lua.POST, [f"{_PREFIX}notices"], *(v for n in notices for v in (n.target, f"{n.until:.3f}", f"{n.state} {n.why}")))

    def notices(self, now: float) -> tuple[Notice, ...]:
        """As `StateStore.notices`."""
        with self._asked() as redis:
            rows: Any = redis.hgetall(f"{_PREFIX}notices")
        found = ((target, text.split(" ", 2)) for target, text in rows.items())
        return tuple(Notice(target, state, float(until), why) for target, (until, state, why) in found if float(until) > now)

    def trouble(self) -> str | None:
        """As `StateStore.trouble`."""
        return self._trouble

    def after_fork(self) -> None:
        """As `StateStore.after_fork`. The client itself notices; the thread is new, and the steps were its parent's."""
        self._steps = {}
        self._hints.start()

    def close(self) -> None:
        """As `StateStore.close`."""
        self._hints.close()
        self._redis.close()

    def _accounts(self) -> list[Account]:
        """Accounts of the last days; older ones are forgotten on the way."""
        oldest = time.strftime("%Y-%m-%d", time.gmtime(self._now() - KEPT_S))
        with self._asked() as redis:
            names: Any = redis.smembers(f"{_PREFIX}accounts")
            found = [Account(*name.rsplit("|", 1)) for name in names]
            if old := ["|".join(account) for account in found if account.day < oldest]:
                redis.srem(f"{_PREFIX}accounts", *old)
        return [account for account in found if account.day >= oldest]

    def _step(self, script: str, account: Account, holder: str, *arguments: str | float) -> Any:
        """Move money: one step of a holder at a time, so that one whose answer was lost is known to be the last."""
        steps = self._steps.setdefault((account, holder), _Steps())
        with steps.lock:
            steps.number += 1
            found = self._run(script, [_key(account)], *arguments, steps.number, steps.heard)
            steps.heard = steps.number
        return found

    def _run(self, script: str, keys: list[str], *arguments: str | float) -> Any:
        with self._asked() as redis:
            known = self._scripts.get(script) or self._scripts.setdefault(script, redis.register_script(script))
            return known(keys=keys, args=list(arguments))

    @contextmanager
    def _asked(self) -> Iterator[Redis]:
        if self._clock() < self._again_at:
            raise StateError(self._trouble or f"{self._place} is away")
        try:
            yield self._redis
        except (RedisError, OSError) as exc:
            self._again_at = self._clock() + AGAIN_S
            if self._trouble is None:
                _log.warning(
                    "%s is away (%s): limits, budgets and hints are now kept by this process alone", self._place, type(exc).__name__
                )
            self._trouble = f"{self._place} is away ({type(exc).__name__})"
            raise StateError(self._trouble) from exc
        if self._trouble is not None:
            _log.warning("%s is back", self._place)
            self._trouble = None


def _key(account: Account) -> str:
    return f"{_PREFIX}account:{account.day}:{account.name}"


def _traffic(entry: Entry) -> list[str]:
    # The braces keep both on one machine of a cluster.
    return [f"{_PREFIX}pace:{{{entry.caller}}}", f"{_PREFIX}running:{{{entry.caller}}}"]


def _without_secrets(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "the Redis URL"
    return f"{parts.scheme}://{parts.hostname or parts.path}{port}"
