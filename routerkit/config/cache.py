"""From `[cache]` to a router that remembers answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from routerkit.config.cache_section import CacheSection
from routerkit.config.problems import Problem
from routerkit.config.schema import Config
from routerkit.config.secrets import is_reference, resolve
from routerkit.config.section import located
from routerkit.config.state import DEFAULT_FOLDER
from routerkit.errors import ConfigError
from routerkit.observe import Observer
from routerkit.router import Router
from routerkit.router_state import RouterState

if TYPE_CHECKING:
    from routerkit.cache.paraphrases import Paraphrases
    from routerkit.cache.shelf import Shelf, ShelfThread
    from routerkit.cache.tower import Tower

_log: Final = logging.getLogger(__name__)


def build_router(config: Config, base: Path, state: RouterState, observers: Sequence[Observer]) -> Router:
    """A router over this state; one that remembers answers if the configuration says so.

    Raises:
        ConfigError: answers cannot be kept where it says.
    """
    section = config.cache
    if section is None:
        return Router(state, observers=observers)
    # Brings concurrent.futures and msgspec, which routers without a cache need not load.
    from routerkit.cache import AnswerCache, CacheSettings, CachingRouter

    settings = CacheSettings(section.ttl_s, section.sampled, section.tool_calls, section.memory_mb * 1024 * 1024)
    try:
        shelf, tower = _shelf(section, config, base)
    except ConfigError as exc:
        raise config.source.error([Problem(("cache", "url"), str(exc))]) from exc
    router = CachingRouter(state, observers=observers)
    router.remember(AnswerCache(settings, shelf, tower=tower, paraphrases=_paraphrases(config) if section.semantic else None))
    return router


def _paraphrases(config: Config) -> Paraphrases | None:
    """Loads the embedder here and now: forked workers share its memory, and no call waits for it."""
    from routerkit.cache.embedder import load
    from routerkit.cache.likeness import LikenessThread
    from routerkit.cache.paraphrases import Paraphrases

    try:
        return Paraphrases(LikenessThread(load()))
    except ModuleNotFoundError as exc:
        message = f"needs {exc.name}, which is not installed; run pip install 'routerkit[semantic]'"
        raise config.source.error([Problem(("cache", "semantic"), message)]) from exc
    except Exception as exc:  # noqa: BLE001  foreign code, and the exact cache does without it
        _log.warning("[cache] semantic: cannot load the embedder (%s: %s); only equal prompts are repeated", type(exc).__name__, exc)
        return None


def _shelf(section: CacheSection, config: Config, base: Path) -> tuple[ShelfThread[Shelf] | None, Tower | None]:
    """Where answers are kept, and where processes learn who asks for all."""
    folder = config.ledger.path if config.ledger is not None else DEFAULT_FOLDER
    url = section.url or f"sqlite:{folder}/cache.sqlite"
    if is_reference(url):
        url = resolve(url, base).reveal()
    if url == "memory:":
        return None, None
    return (_file(located(base, url.removeprefix("sqlite:"))), None) if url.startswith("sqlite:") else _redis(url)


def _file(path: Path) -> ShelfThread[Shelf]:
    from routerkit.cache.shelf import ShelfThread
    from routerkit.cache.sqlite import SqliteShelf, check_place  # sqlite3 takes 5 ms, which only those who need it should wait for

    check_place(path)
    return ShelfThread(lambda: SqliteShelf(path))


def _redis(url: str) -> tuple[ShelfThread[Shelf], Tower]:
    try:
        from routerkit.cache.redis import RedisShelf  # an optional extra
    except ModuleNotFoundError as exc:
        raise ConfigError(f"needs {exc.name}, which is not installed; run pip install 'routerkit[redis]'") from exc
    from routerkit.cache.shelf import ShelfThread
    from routerkit.cache.tower import Tower

    shelf = RedisShelf(url)
    thread = ShelfThread(lambda: shelf)
    return thread, Tower(thread)
