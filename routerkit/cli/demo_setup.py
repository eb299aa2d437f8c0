"""What the demo needs before it can start: a configuration, and models to measure."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit.cli.new_file import create
from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from routerkit.config import Config

_POLICY = """\
# Local models cost nothing but time, so the demo weighs measured quality against seconds.
[policies.bang_for_buck]
value_usd = 0.05         # what one right answer is worth
usd_per_second = 0.001   # what waiting costs
"""


def ensure_config(folder: Path) -> Path:
    """The demo's configuration file, written from what this machine has if it is not there yet."""
    path = folder / "routerkit.toml"
    if path.exists():
        print(f"using {path}")
        return path
    from routerkit.config.discovery import discover
    from routerkit.config.init import render

    found = discover(os.environ)
    for provider in found:
        print(f"{provider.name}: {provider.why} -> {', '.join(m.model for m in provider.models)}")
    text = render(found).replace('path = "routerkit-data"', 'path = "data"')
    if all(provider.kind == "local" for provider in found):
        text = text.replace('policy = "cheapest_adequate"', 'policy = "bang_for_buck"', 1) + "\n" + _POLICY
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written ({exc.strerror}); choose another --folder") from exc
    create(path, text, option="--folder")
    print(f"wrote {path}")
    return path


def read_config(path: Path) -> Config:
    """The demo's configuration, with its secrets looked up.

    Raises:
        ConfigError: it is wrong, or what it refers to is gone: it was written from what was there on another day.
    """
    from routerkit.config import check_providers, read

    config = read(path)
    try:
        check_providers(config, path.parent)
    except ConfigError as exc:
        raise ConfigError(f"{exc}; or delete {path}, and the demo looks anew for what is here") from exc
    return config


def ensure_models(config: Config) -> bool:
    """Download the local models that a configuration names; returns whether all of its targets are local."""
    from routerkit.cli.local import pull_one  # rich progress bars, only needed here
    from routerkit.config.schema import LocalSection

    local = [section for section in config.providers.values() if isinstance(section, LocalSection)]
    for section in local:
        if section.model:  # left out, it is the target's model id
            pull_one(section.model)
    return len(local) == len(config.providers)
