"""What a request asks of the cache: under which key its answer may be found, and how old it may be."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from typing import Final, NamedTuple

from routerkit import addressing, fastjson
from routerkit.cache.asking import asking_of
from routerkit.cache.paraphrases import Alike
from routerkit.messages import Request
from routerkit.router_state import RouterState

_FORMAT: Final = 1
"""Part of every key, so that a version that stores answers otherwise finds none of the old ones."""


class Wish(NamedTuple):
    """One request, as the cache sees it."""

    key: str
    max_age_s: float = math.inf
    """0 = the answer must be new."""
    alike: Alike | None = None
    """What others may ask in other words; None = nobody is to look for that."""

    @property
    def is_for_new(self) -> bool:
        """Whether no answer that is there already will do."""
        return self.max_age_s <= 0


def wish_of(request: Request, state: RouterState) -> Wish | None:
    """What a request asks of the cache; None when its caller wants none of it.

    Raises:
        UnknownModelError: `request.model` names no pool or target.
    """
    if not request.cache_control:
        return Wish(key_of(request, state))
    directives = {name.strip(): value.strip() for name, _, value in _directives(request.cache_control)}
    if "no-store" in directives:
        return None
    max_age = directives.get("max-age", "")
    max_age_s = 0.0 if "no-cache" in directives else float(max_age) if max_age.isdigit() else math.inf
    return Wish(key_of(request, state), max_age_s)


def key_of(request: Request, state: RouterState) -> str:
    """SHA-256 over everything that can change the answer: whose request it is, where it may go, and all that reaches a provider.

    Not the session: it decides which of equally good targets is warm, not what is asked.

    Raises:
        UnknownModelError: `request.model` names no pool or target.
    """
    pool, target = addressing.find(request.model, state.pools)
    place = [_FORMAT, request.key, state.revision, state.scorecard.revision, pool.name, target and target.name]
    routing = [request.kind, request.agent, list(request.tags), request.pin]
    return hashlib.sha256(fastjson.canonical([place, routing, request.parts])).hexdigest()  # type: ignore[list-item]  # parts are JSON


def alike_of(request: Request, state: RouterState) -> Alike | None:
    """What others may ask in other words; None unless the last turn is a question or a request of the user in plain text.

    Raises:
        UnknownModelError: `request.model` names no pool or target.
    """
    last = request.messages[-1] if request.messages and not request.inputs else {}
    content = last.get("content")
    asking = asking_of(content) if last.get("role") == "user" and isinstance(content, str) else None
    if asking is None:
        return None
    same = {**last, "content": [asking.form, asking.rest]}
    return Alike(key_of(replace(request, messages=(*request.messages[:-1], same)), state), asking.opening)


def _directives(text: str) -> list[tuple[str, str, str]]:
    return [directive.partition("=") for directive in text.lower().split(",")]
