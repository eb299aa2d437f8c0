"""Answers of many machines, in Redis or Valkey, which forgets them by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from routerkit.cache import lua
from routerkit.cache.tower import CLAIM_S, Claim, FlightShelf, Sight
from routerkit.errors import ConfigError, StateError

_ANSWER_S: Final = 0.25
_AGAIN_S: Final = 1.0
"""After a failure it is not asked for so long, so that requests do not queue up behind a dead server."""
_CLAIM_MS: Final = int(1000 * CLAIM_S)


class RedisShelf(FlightShelf):
    """A shelf in Redis 6 or newer, or Valkey. Give the server a `maxmemory` with an `allkeys-lru` policy of its own."""

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        """Prepare; the server is first asked when it is needed.

        Raises:
            ConfigError: the URL cannot be understood; never with its password.
        """
        self._now, self._again_at = now, float("-inf")
        try:
            self._redis = Redis.from_url(url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 0))
        except ValueError:
            raise ConfigError("not a Redis URL; write e.g. redis://127.0.0.1:6379/0") from None
        self._claim, self._renew, self._land = (self._redis.register_script(step) for step in (lua.CLAIM, lua.RENEW, lua.LAND))

    def get(self, key: str) -> bytes | None:
        """As `Shelf.get`."""
        with self._asked() as redis:
            found: Any = redis.get(_answer(key))  # its type covers the async client, too
        return found if isinstance(found, bytes) else None

    def put(self, key: str, data: bytes, expires_at: float) -> None:
        """As `Shelf.put`."""
        with self._asked() as redis:
            redis.set(_answer(key), data, px=max(1, int(1000 * (expires_at - self._now()))))

    def drop(self, key: str) -> None:
        """As `Shelf.drop`."""
        with self._asked() as redis:
            redis.delete(_answer(key))

    def claim(self, key: str, claim: Claim) -> Sight:
        """As `FlightShelf.claim`."""
        with self._asked():
            own = claim.flight
            answer, flight = self._claim(
                [_answer(key), _flight(key)], [str(own), _CLAIM_MS, int(bool(claim.followed)), claim.unwanted, own.n_failed]
            )
        return Sight(answer, flight.decode("ascii", "replace"))

    def renew(self, flights: Mapping[str, str]) -> None:
        """As `FlightShelf.renew`."""
        with self._asked() as redis, redis.pipeline(transaction=False) as steps:
            for key, flight in flights.items():
                self._renew([_flight(key)], [flight, _CLAIM_MS], client=steps)
            steps.execute()

    def land(self, key: str, flight: str, landing: str) -> None:
        """As `FlightShelf.land`."""
        with self._asked():
            self._land([_flight(key)], [flight, _CLAIM_MS, landing])

    def close(self) -> None:
        """As `Shelf.close`."""
        self._redis.close()

    @contextmanager
    def _asked(self) -> Iterator[Redis]:
        if time.monotonic() < self._again_at:
            raise StateError("Redis is away")
        try:
            yield self._redis
        except (RedisError, OSError) as exc:
            self._again_at = time.monotonic() + _AGAIN_S
            raise StateError("Redis is away") from exc


def _answer(key: str) -> str:
    return f"routerkit:answer:{{{key}}}"  # braces: both on one machine of a cluster


def _flight(key: str) -> str:
    return f"routerkit:flight:{{{key}}}"
