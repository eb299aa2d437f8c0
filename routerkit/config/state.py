"""From `[state]` to the store it names; budgets get a file of their own when nothing is said."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from routerkit.config.problems import Problem
from routerkit.config.schema import Config
from routerkit.config.secrets import is_reference, resolve
from routerkit.config.section import located
from routerkit.errors import ConfigError
from routerkit.state.interface import StateStore

DEFAULT_FOLDER: Final = "routerkit-data"
KEYS_FILE: Final = "keys.sqlite"


def build_store(config: Config, base: Path) -> StateStore | None:
    """The store that a configuration names, else a file if anything needs one, else None: everything stays in this process.

    Raises:
        ConfigError: it cannot be opened, or a package for it is not installed.
    """
    url = state_url(config, base)
    if url is None:
        return None
    try:
        return open_store(
            resolve(url, base).reveal() if is_reference(url) else url, base, ledger=config.ledger.path if config.ledger else None
        )
    except ConfigError as exc:
        raise config.source.error([Problem(("state", "url"), str(exc))]) from exc


def state_url(config: Config, base: Path) -> str | None:
    """Where state is kept; None = nowhere. Unless told, in the ledger's folder, once there are budgets or keys of a gateway."""
    if config.state is not None:
        return None if config.state.url == "memory:" else config.state.url
    folder = config.ledger.path if config.ledger is not None else DEFAULT_FOLDER
    has_keys = (located(base, folder) / KEYS_FILE).exists()
    return f"sqlite:{folder}/state.sqlite" if config.budgets or config.pool_usd_per_day or has_keys else None


def open_store(url: str, base: Path, *, ledger: str | None = None) -> StateStore:
    """Open a store.

    Args:
        url: As in `[state]`.
        base: Folder that relative paths start from.
        ledger: Folder of the ledger that this process writes.

    Raises:
        ConfigError: it cannot be opened, or a package for it is not installed.
    """
    # The store's modules take a while, which only those who have something to keep should wait for; so does sqlite3.
    from routerkit.state.notes import Notes
    from routerkit.store import record_lost

    folder = None if ledger is None else located(base, ledger)
    if url.startswith("sqlite:"):
        from routerkit.state.sqlite import SqliteStore, notes_beside

        path = located(base, url.removeprefix("sqlite:"))
        return SqliteStore(path, notes=Notes(notes_beside(path), ledger=folder, bury=record_lost))
    try:
        # An optional extra.
        from routerkit.state.redis import RedisStore
    except ModuleNotFoundError as exc:
        raise ConfigError(f"needs {exc.name}, which is not installed; run pip install 'routerkit[redis]'") from exc
    # Another server's notes are of no use here, and must not be taken for this one's.
    name = f"redis-{hashlib.sha256(url.encode()).hexdigest()[:8]}-owed"
    return RedisStore(url, notes=None if folder is None else Notes(folder / name, ledger=folder, bury=record_lost))
