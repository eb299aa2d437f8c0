"""Virtual keys: who may use which pools, how fast and until when. Kept in SQLite, only as hashes."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from routerkit.errors import ConfigError
from routerkit.gateway.exchange import Exchange
from routerkit.gateway.refusal import Refusal
from routerkit.messages import Request

PREFIX: Final = "rk-"
FRESH_S: Final = 2.0
"""A revoked key stops working after at most so long."""
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS keys (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
    created_at REAL NOT NULL, revoked_at REAL)"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a key may do; empty = everything."""

    pools: tuple[str, ...] = ()
    agent: str | None = None
    """Agent name that every call of the key gets, so that it spends that agent's budget and no other."""
    requests_per_minute: int | None = None
    expires_at: float | None = None
    """Unix time."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key as it is stored."""

    id: str
    sha256: str
    name: str
    scope: Scope
    created_at: float
    revoked_at: float | None = None

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
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            with self._open() as db:
                db.execute(_SCHEMA)
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
            db.execute("PRAGMA journal_mode = WAL")
            yield db


class Gate:
    """Lets requests with a good key in; looks at the file at most every `FRESH_S` seconds."""

    def __init__(self, store: KeyStore, *, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time) -> None:
        self._store, self._clock, self._now = store, clock, now
        self._known: Mapping[str, Key] = {}
        self._read_at = float("-inf")
        self._buckets: dict[str, _Bucket] = {}

    def check(self, exchange: Exchange) -> Key:
        """The key of a request.

        Raises:
            Refusal: no key, more than one, or one that is not good.
        """
        text = _sent(exchange)
        key = self._keys().get(text[len(PREFIX) : len(PREFIX) + 8])
        if key is None or not hmac.compare_digest(key.sha256, _hash(text)) or key.status(self._now()) != "active":
            raise Refusal(401, "this key is unknown, expired or revoked", code="invalid_api_key")
        return key

    def admit(self, exchange: Exchange, request: Request) -> Request:
        """The request as the key's scope allows it.

        Raises:
            Refusal: the pool is not the key's, or it asks too often.
        """
        key = self.check(exchange)
        scope = key.scope
        if scope.pools and request.model not in scope.pools and request.model.partition("/")[0] not in scope.pools:
            raise Refusal(
                403, f"this key may not use {request.model[:80]!r}; it may use {', '.join(scope.pools)}", code="model_not_allowed"
            )
        if scope.requests_per_minute is not None:
            wait_s = self._buckets.setdefault(key.id, _Bucket(scope.requests_per_minute, self._clock())).take(self._clock())
            if wait_s:
                raise Refusal(429, "this key's requests per minute are used up", code="rate_limit_exceeded", retry_after_s=wait_s)
        return replace(request, agent=scope.agent) if scope.agent is not None else request

    def _keys(self) -> Mapping[str, Key]:
        if self._clock() - self._read_at >= FRESH_S:
            self._known, self._read_at = {key.id: key for key in self._store.all()}, self._clock()
        return self._known


@dataclass(slots=True)
class _Bucket:
    """Token bucket that holds one minute's requests."""

    per_minute: int
    at: float
    used: float = 0.0

    def take(self, now: float) -> float:
        """Take one; the wait in seconds when there is none."""
        self.used = max(0.0, self.used - (now - self.at) * self.per_minute / 60)
        self.at = now
        if self.used + 1 > self.per_minute:
            return (self.used + 1 - self.per_minute) * 60 / self.per_minute
        self.used += 1
        return 0.0


def _sent(exchange: Exchange) -> str:
    headers = exchange.headers
    if "authorization" in exchange.repeated or "x-api-key" in exchange.repeated or ("authorization" in headers and "x-api-key" in headers):
        raise Refusal(400, "more than one key was sent; send one", code="ambiguous_api_key")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    text = headers.get("x-api-key") or (bearer.strip() if scheme.lower() == "bearer" else "")
    if not text:
        raise Refusal(401, "no key was sent; send `Authorization: Bearer rk-...`, made by `routerkit keys create`", code="missing_api_key")
    return text


def _hash(text: str) -> str:
    # The key has 256 bits of its own, so a slow password hash would add nothing.
    return hashlib.sha256(text.encode()).hexdigest()


def _scope(text: str) -> Scope:
    stored = json.loads(text)
    return Scope(tuple(stored["pools"]), stored["agent"], stored["requests_per_minute"], stored["expires_at"])
