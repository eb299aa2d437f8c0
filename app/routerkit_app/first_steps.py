"""Commands that fill a page, to be typed as they stand, wherever the app was started."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from routerkit_app.environment import CONFIG
from routerkit_app.setup import setup

_USUAL = "routerkit.toml"


def to_configure() -> str:
    """Writes a configuration."""
    return f"routerkit init{_option('--path')}   # once: from the keys and servers that are found here"


def to_call() -> str:
    """Brings calls into the ledger."""
    body = f'{{"model": "{_pool()}", "messages": [{{"role": "user", "content": "Say hello."}}]}}'
    return _after_configuring(
        f"routerkit serve{_option('--config')} &   # every agent may call it as OpenAI's API; calls are recorded in its [ledger]",
        f"curl -s --retry 9 --retry-connrefused http://127.0.0.1:8080/v1/chat/completions -H 'content-type: application/json' -d '{body}'",
    )


def to_measure() -> str:
    """Brings samples into the store, and publishes the scores."""
    found = setup()
    pool = f" --pool {shlex.quote(_pool())}" if found is not None and len(found.state.pools) > 1 else ""
    return _after_configuring(
        f"routerkit eval run{_option('--config')}{pool} --tasks demo   # small ones; --tasks own asks more of a model",
        f"routerkit scores publish{_option('--config')}",
    )


def _after_configuring(*commands: str) -> str:
    return "\n".join(commands if setup() else (to_configure(), *commands))


def _pool() -> str:
    """The configuration's first pool; without one, the pool that `routerkit init` writes."""
    found = setup()
    return "coding" if found is None else next(iter(found.state.pools))


def _option(name: str) -> str:
    """Names the configuration where it is not the one that commands look for by themselves."""
    path = os.environ.get(CONFIG)
    return "" if path is None or Path(path) == Path(_USUAL).resolve() else f" {name} {shlex.quote(path)}"
