"""Virtual keys: who may use which pools, how fast and until when. Kept in SQLite, only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from routerkit.errors import ConfigError
from routerkit.fair_queue import PRIORITIES, Priority
from routerkit.gateway.head import Head
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.repeats import Repeats
from routerkit.gateway.spoken import CALLER
from routerkit.gateway.turnstile import Turnstile
from routerkit.messages import Allowance, Request
from routerkit.state.interface import Pace
from routerkit.wal import open_shared

PREFIX: Final = "rk-"
FRESH_S: Final = 2.0
"""A revoked key stops working after at most so long."""
_NO_KEY: Final = "no key was sent; send `Authorization: Bearer rk-...`, made by `routerkit keys create`"
_NO_PACE: Final = Pace(None, None, None)
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    created_at REAL NOT NULL, revoked_at REAL)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key may do; empty = everything."""

    pools: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    """Agents it may call as; the first one if it names none, so that it spends their budgets and no others."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    at_once: int | None = None
    """Requests under way at the same time."""
    same_per_minute: int | None = None
    """How often the very same chat request may come."""
    usd_per_day: float | None = None
    expires_at: float | None = None
    """Unix time."""
    priority: Priority | None = None
    """Most that its requests may matter; None = what they say."""

    @property
    def pace(self) -> Pace | None:
        """How fast it may ask; None = as fast as it likes."""
        pace = Pace(self.requests_per_minute, self.tokens_per_minute, self.at_once)
        return None if pace == _NO_PACE else pace

    def allows(self, model: str) -> bool:
        """Whether it may use a pool, or a target of one."""
        return not self.pools or model in self.pools or model.partition("/")[0] in self.pools


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is stored."""

    id: str
    sha256: str
    name: str
    scope: Scope
    created_at: float
    revoked_at: float | None = None
    agent: str | None = field(init=False, repr=False, compare=False)
    """As whom it calls unless it says so; None = as whomever it says."""
    pays: tuple[Allowance, ...] = field(init=False, repr=False, compare=False)
    """Accounts that pay for its requests."""
    pace: Pace | None = field(init=False, repr=False, compare=False)
    """That of its scope."""

    def __post_init__(self) -> None:
        usd_per_day = self.scope.usd_per_day
        object.__setattr__(self, "agent", next(iter(self.scope.agents), None))
        object.__setattr__(self, "pays", () if usd_per_day is None else (Allowance(f"key:{self.id}", usd_per_day),))
        object.__setattr__(self, "pace", self.scope.pace)

    def status(self, now: float) -> str:
        """`active`, `revoked` or `expired`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.scope.expires_at is not None and self.scope.expires_at <= now else "active"


class KeyStore:
    """Keys in a SQLite file that several processes may use."""

    def __init__(self, path: Path) -> None:
        """Open the file, making it readable by its owner alone.

        Raises:
            ConfigError: it cannot be opened.
        """
        self._path = path
        try:
            open_shared(path, _SCHEMA, busy_s=0.0).close()
        except (OSError, sqlite3.Error) as exc:
            raise ConfigError(f"{path}: cannot keep keys there ({exc}); choose a folder you may write to") from exc

    def create(self, name: str, scope: Scope) -> tuple[Key, str]:
        """A new key and its secret text, which is shown once and never stored."""
        key_id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"{PREFIX}{key_id}-{secret}"
        key = Key(key_id, _hash(text), name, scope, time.time())
        stored = json.dumps({f: getattr(scope, f) for f in Scope.__slots__})
        with self._open() as db:
            db.execute("INSERT INTO keys VALUES (?, ?, ?, ?, ?, NULL)", (key.id, key.sha256, name, stored, key.created_at))
        return key, text

    def revoke(self, key_id: str) -> bool:
        """Make a key useless for good; False when there is no such active key."""
        with self._open() as db:
            return db.execute("UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (time.time(), key_id)).rowcount == 1

    def all(self) -> tuple[Key, ...]:
        """Every key ever made, oldest first."""
        with self._open() as db:
            rows = db.execute("SELECT id, sha256, name, scope, created_at, revoked_at FROM keys ORDER BY created_at").fetchall()
        return tuple(Key(i, h, n, _scope(s), c, r) for i, h, n, s, c, r in rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=5.0)) as db, db:
            yield db


class Gate:
    """Lets requests with a good key in, and all of them while no key was ever made; looks at the file at most every `FRESH_S` seconds."""

    def __init__(
        self,
        path: Path,
        turnstile: Turnstile | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path, self._clock, self._now = path, clock, now
        self._store: KeyStore | None = None
        self._turnstile, self._repeats = turnstile or Turnstile(), Repeats(clock)
        self._known: Mapping[str, Key] = {}
        self._proven: dict[str, Key] = {}
        """Keys in force by their texts, as far as they were sent since the file was looked at; there is but one text for each."""
        self._stale_at = float("-inf")

    def check(self, head: Head) -> Key | None:
        """The key of a request, which is its `CALLER` from now on; None while there are no keys.

        Raises:
            Refusal: no key, more than one, or one that is not good.
        """
        text = head.fact(_sent)
        if self._clock() >= self._stale_at:
            self._read()
        key = self._proven.get(text)
        if key is None:
            if not self._known:
                return None
            key = self._prove(text)
        if key.scope.expires_at is not None and key.scope.expires_at <= self._now():
            raise _no_good()
        CALLER.set(key.id)
        return key

    def _prove(self, text: str) -> Key:
        if not text:
            raise Refusal(401, _NO_KEY, code="missing_api_key")
        key = self._known.get(text[len(PREFIX) : len(PREFIX) + 8])
        if key is None or not hmac.compare_digest(key.sha256, _hash(text)) or key.status(self._now()) != "active":
            raise _no_good()
        self._proven[text] = key
        return key

    def admit(self, key: Key, request: Request, body: bytes = b"") -> AbstractContextManager[None] | None:
        """Book a request on a key as its scope allows it.

        Args:
            key: That of the caller, checked.
            request: Fresh, because it is the one that is booked.
            body: What it was read from, if its repetition is to be noticed.

        Returns:
            To be held while it is under way, and raises Refusal when it comes too early; None for a key without a pace.

        Raises:
            Refusal: the pool or the agent is not the key's, or it came too often.
        """
        scope, note = key.scope, object.__setattr__  # nobody else has seen the request yet
        if scope.pools and not scope.allows(request.model):
            raise _not_allowed("use", request.model, scope.pools, "model_not_allowed")
        if key.agent is not None and request.agent not in scope.agents:
            if request.agent is not None and len(scope.agents) > 1:
                raise _not_allowed("call as", request.agent, scope.agents, "agent_not_allowed")
            note(request, "agent", key.agent)
        if scope.same_per_minute is not None and body:
            self._repeats.check(key.id, body, scope.same_per_minute)
        if scope.priority is not None:
            note(request, "priority", max(request.priority, scope.priority, key=PRIORITIES.index))
        note(request, "key", key.id)
        if key.pays:
            note(request, "allowances", key.pays)
        return None if key.pace is None else self._turnstile.passage(key.id, request, key.pace)

    def _read(self) -> None:
        if self._path.exists():
            self._store = self._store or KeyStore(self._path)
            self._known = {key.id: key for key in self._store.all()} or self._known  # whoever empties the file opens no door
        self._proven.clear()
        self._stale_at = self._clock() + FRESH_S


def _sent(head: Head) -> str:
    """The key that came with a request; empty without one."""
    headers = head.headers
    if "authorization" in head.repeated or "x-api-key" in head.repeated or ("authorization" in headers and "x-api-key" in headers):
        raise Refusal(400, "more than one key was sent; send one, as authorization or as x-api-key", code="ambiguous_api_key")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")


def _hash(text: str) -> str:
    # The key has 256 bits of its own, so a slow password hash would add nothing.
    return hashlib.sha256(text.encode()).hexdigest()


def _scope(text: str) -> Scope:
    stored = json.loads(text)
    if agent := stored.pop("agent", None):  # keys of earlier versions have one agent
        stored["agents"] = [agent]
    stored |= {name: tuple(stored.get(name, ())) for name in ("pools", "agents")}
    return Scope(**stored)


def _no_good() -> Refusal:
    return Refusal(401, "this key is unknown, expired or revoked", code="invalid_api_key")


def _not_allowed(verb: str, name: str, allowed: tuple[str, ...], code: str) -> Refusal:
    return Refusal(403, f"this key may not {verb} {name[:80]!r}; it may {verb} {', '.join(allowed)}", code=code)
