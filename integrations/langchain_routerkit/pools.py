"""What a pool can do as one model, and routers shared between chat models."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from langchain_core.language_models.model_profile import ModelProfile

import routerkit
from routerkit import Router, Target, UnknownModelError

_ROUTERS: Final[WeakValueDictionary[tuple[Path, int], Router]] = WeakValueDictionary()
_LOCK: Final = threading.Lock()
_ABILITIES: Final = (
    ("tool_calling", "tools"),
    ("tool_choice", "tools"),
    ("structured_output", "json_schema"),
    ("image_inputs", "vision"),
    ("image_url_inputs", "vision"),
    ("image_tool_message", "vision"),
    ("pdf_inputs", "pdf"),
    ("pdf_tool_message", "pdf"),
    ("audio_inputs", "audio"),
    ("reasoning_output", "reasoning"),
)
"""LangChain's name, and ours. Media in tool results go wherever media go: the router moves them where a target wants them."""


def shared_router(path: Path) -> Router:
    """Router of a configuration file; models of the same file share it, and so its health, spend and ledger.

    Raises:
        ConfigError: the file is missing or wrong.
    """
    where = path.expanduser().resolve()
    changed = where.stat().st_mtime_ns if where.exists() else 0
    with _LOCK:
        router = _ROUTERS.get((where, changed))
        if router is None:
            router = _ROUTERS[where, changed] = routerkit.load(where)
        return router


def targets_of(router: Router, model: str) -> tuple[Target, ...]:
    """Targets a model name stands for: a pool's, or the one it names.

    Raises:
        UnknownModelError: no pool or target has that name.
    """
    pools = router.state.pools
    if pool := pools.get(model):
        return pool.targets
    pool_name, _, name = model.rpartition("/")
    inside = pools[pool_name].target(name) if pool_name in pools else None
    found = inside or next((t for p in pools.values() for t in p.targets if t.name == model), None)
    if found is None:
        raise UnknownModelError(model, {*pools, *(t.name for p in pools.values() for t in p.targets)})
    return (found,)


def only_pool(router: Router) -> str:
    """The pool that is meant when none is named; empty when there are several."""
    names = list(router.state.pools)
    return names[0] if len(names) == 1 else ""


def profile_of(targets: tuple[Target, ...]) -> ModelProfile:
    """What every target can do, and the smallest of their limits; what is unknown for any of them is left out."""
    profile = ModelProfile(text_inputs=True, text_outputs=True)
    for name, capability in _ABILITIES:
        known = [t.can.get(capability) for t in targets]
        if False in known:
            profile[name] = False  # type: ignore[literal-required]  # the names are ModelProfile's own
        elif all(known):
            profile[name] = True  # type: ignore[literal-required]  # as above
    windows = [t.context_tokens for t in targets if t.context_tokens is not None]
    answers = [t.max_output_tokens for t in targets if t.max_output_tokens is not None]
    if windows:
        profile["max_input_tokens"] = min(windows)
    if answers:
        profile["max_output_tokens"] = min(answers)
    return profile
