"""Writes the first configuration file: what was found here, commented, ready to be checked and edited."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from routerkit.config.discovery import Found, Model

_HEAD: Final = """\
# routerkit configuration, written by `routerkit init` from what it found on this machine.
# Prove it with `routerkit check`; see a choice with `routerkit explain "…"`. Every key is described in docs/config.md.
"""
_TAIL: Final = """\
# The cheapest target that is shown to be good enough. Until scores are measured (`routerkit eval run`, then
# `routerkit scores publish`) every target counts as unmeasured, and decisions say so.
[policies.cheapest_adequate]
quality_floor = 0.80    # share of successes a target must reach …
confidence = 0.80       # … with this probability

# [[rules]]
# name = "explanations go to a small model"
# when = { kind = "explain", max_input_tokens = 8_000 }
# prefer = ["TARGET"]

# [budgets.planner]     # the agent named "planner"
# usd_per_day = 5.00

[scorecard]
path = "scorecard.json"

[ledger]
path = "routerkit-data"
# store_text = true     # also keep prompts and answers; off by default
"""


def render(found: Sequence[Found]) -> str:
    """Text of a configuration file with one pool, `coding`, of everything found."""
    names = target_names(found)
    parts = [_HEAD]
    for provider in found:
        parts.append("\n".join(_provider_lines(provider)) + "\n")
        parts += ["\n".join(_target_lines(names[provider.name, m.model], provider, m)) + "\n" for m in provider.models]
    listed = ", ".join(toml_text(name) for name in names.values())
    parts.append(f'[pools.coding]           # callers say model = "coding"\ntargets = [{listed}]\npolicy = "cheapest_adequate"\n')
    return "\n".join([*parts, _TAIL])


def target_names(found: Sequence[Found]) -> dict[tuple[str, str], str]:
    """(Provider, model) → a short name, different for each."""
    names: dict[tuple[str, str], str] = {}
    for provider in found:
        for model in provider.models:
            short = slug(model.model.rsplit("/", 1)[-1])
            taken = set(names.values())
            wanted = short if short not in taken else f"{provider.name}-{short}"
            names[provider.name, model.model] = next(n for n in numbered(wanted) if n not in taken)
    return names


def _provider_lines(found: Found) -> Iterator[str]:
    yield f"[providers.{toml_key(found.name)}]    # {found.why}"
    yield f"kind = {toml_text(found.kind)}"
    if found.base_url:
        yield f"base_url = {toml_text(found.base_url)}"
    if found.key_variable:
        yield f"api_key = {toml_text('env:' + found.key_variable)}"
    if found.kind == "local":
        yield f"model = {toml_text(found.models[0].model)}    # fetch it once: routerkit local pull {found.models[0].model}"


def _target_lines(name: str, found: Found, model: Model) -> Iterator[str]:
    yield f"[targets.{toml_key(name)}]"
    yield f"provider = {toml_text(found.name)}"
    yield f"model = {toml_text(model.model)}"
    if model.is_free and found.kind != "local":
        yield "usd_per_mtok = { input = 0, output = 0 }    # your own machine; correct it if this server passes requests on"


def slug(model: str) -> str:
    """A model's name as the name of a target."""
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-") or "model"


def numbered(name: str) -> Iterator[str]:
    """The name, then `name-2` and so on."""
    yield name
    yield from (f"{name}-{n}" for n in range(2, 1000))


def toml_key(name: str) -> str:
    """A key of a table, in quotes only where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml_text(name)


def toml_text(value: str) -> str:
    """A text in quotes."""
    # JSON's strings are valid TOML basic strings for printable text, and discovery lets nothing else through.
    return json.dumps(value, ensure_ascii=False)
