"""Published facts about models, each with source and date: where estimates start before anything was measured here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from routerkit.errors import ConfigError
from routerkit.posterior import Prior

if TYPE_CHECKING:
    from typing import Any

FACT_N: Final = 10.0
"""Samples that a published share is worth: the lower end of what halves a cold start's regret, because harness and version may differ."""
OTHER_KIND_N: Final = 4.0
"""The same, of a share on another kind of work."""
OTHER_VERSION: Final = 0.5
"""What is left of that where only another version of the model was published."""
FILES: Final = ("aider_edit", "aider_polyglot", "aider_refactor", "openhands_index")


@dataclass(frozen=True, slots=True)
class Fact:
    """What one public leaderboard says about one model on one kind of task."""

    model: str
    kind: str
    """Task kind, in routerkit's words."""
    passed_share: float
    """0..1."""
    n_tasks: int | None
    """Tasks behind the share; None where the source does not say."""
    cost_usd: float | None
    """Dollars per task; None where not recorded, never 0."""
    latency_s: float | None
    """Seconds per task."""
    harness: str
    """What ran the model; in another harness the fact is worth less."""
    benchmark: str
    date: str
    """ISO day of the run."""


@dataclass(frozen=True, slots=True)
class ListPrice:
    """One published blended price, for models whose calls were recorded without cost."""

    model: str
    usd_per_mtok: float
    source: str
    date: str


@lru_cache(maxsize=1)
def facts() -> tuple[Fact, ...]:
    """All shipped facts.

    Raises:
        ConfigError: a shipped file is damaged; reinstall.
    """
    return tuple(Fact(**{"benchmark": body["benchmark"], **row}) for body in map(_read, FILES) for row in body["facts"])


@lru_cache(maxsize=1)
def list_prices() -> tuple[ListPrice, ...]:
    """Published blended prices.

    Raises:
        ConfigError: the shipped file is damaged; reinstall.
    """
    return tuple(ListPrice(**row) for row in _read("list_prices")["facts"])


def facts_about(model: str, kind: str | None = None) -> tuple[Fact, ...]:
    """Facts whose model has the same name, spelling and provider prefixes aside; of this kind where there are any, else of all kinds."""
    wanted = plain_name(model)
    same = tuple(f for f in facts() if plain_name(f.model) == wanted)
    return tuple(f for f in same if f.kind == kind) or same


def published(model: str) -> tuple[Prior, ...]:
    """What to assume of a model before anything was measured here, per kind, and last for any other kind.

    Worth `FACT_N` samples for the kind that was published, `OTHER_KIND_N` otherwise, because other harnesses ran it; half of that where
    only another version of the model was published. Empty for a model nobody published.
    """
    found = facts_about(model)
    worth, remark = 1.0, ""
    if not found:
        wanted = _family_name(model)
        found = tuple(f for f in facts() if wanted and _family_name(f.model) == wanted)
        worth, remark = OTHER_VERSION, ", another version"
    by_kind = {kind: [f for f in found if f.kind == kind] for kind in dict.fromkeys(f.kind for f in found)}
    priors = [_prior(same, kind, FACT_N * worth, remark) for kind, same in by_kind.items()]
    return (*priors, _prior(found, None, OTHER_KIND_N * worth, f"{remark}, other kinds")) if found else ()


def plain_name(model: str) -> str:
    """A model's name without provider prefix, harness, remarks and punctuation, for comparison."""
    name = model.split("@", maxsplit=1)[0].rsplit("/", 1)[-1].split("(", maxsplit=1)[0].lower()
    return re.sub(r"[^a-z0-9]", "", name)


def _family_name(model: str) -> str:
    """Plain name without the date of a version."""
    return re.sub(r"(latest|preview|20\d{6}|\d{4})$", "", plain_name(model))


def _prior(found: Sequence[Fact], kind: str | None, n: float, remark: str) -> Prior:
    quality = sum(f.passed_share for f in found) / len(found)
    newest = max(found, key=lambda f: f.date)
    source = f"{newest.benchmark.replace('_', ' ')}, {newest.date}{remark}"
    return Prior(min(max(quality, 0.02), 0.98), n, source, kind)  # nobody is certain


def _read(name: str) -> dict[str, Any]:  # JSON of our own making; the constructors above check the names
    import json  # only those who start without measurements need it

    try:
        body = json.loads((files("routerkit") / "priors" / f"{name}.json").read_text("utf-8"))
        return body if isinstance(body, dict) else {}
    except (OSError, ValueError) as exc:
        raise ConfigError(f"routerkit/priors/{name}.json is damaged ({exc}); install routerkit again") from exc
