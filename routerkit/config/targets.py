"""From a target's section to a Target: what the file says wins, the price map fills the gaps, unknown stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from routerkit.catalog import CAPABILITIES, Price, Target
from routerkit.config.prices import ModelFacts, Wanted, wanted_of
from routerkit.config.schema import LiteLLMSection, LocalSection, PriceSection, ProviderSection, TargetSection
from routerkit.errors import ConfigError
from routerkit.providers.local_models import CATALOG

LOCAL_PRICE: Final = Price(0.0, 0.0, version="local: electricity not counted")
"""What a model on this machine costs."""
_IMPLIES: Final = (("json_schema", "json_mode"), ("parallel_tools", "tools"))
"""Who can the first can the second, unless the file says otherwise."""


def wanted(target: TargetSection, provider: ProviderSection) -> Wanted | None:
    """What to look up in the price map; None when the file says everything."""
    price = target.usd_per_mtok
    has_price = price is not None and price.input is not None and price.output is not None
    if provider.kind in {"local", "router"}:
        return None  # models on this machine are not in any price list, and a nested router prices its own targets
    if has_price and target.context_tokens is not None and isinstance(target.can, tuple):
        return None
    custom = provider.custom_llm_provider if isinstance(provider, LiteLLMSection) else None
    return wanted_of(target.model, provider=custom, base_url=getattr(provider, "base_url", None))


def build_target(name: str, section: TargetSection, provider: ProviderSection, known: ModelFacts | None) -> Target:
    """A target with everything that is known of it.

    Raises:
        ConfigError: only one of the two prices is given and the map does not know the other.
    """
    facts = _local_facts(provider, section.model) if isinstance(provider, LocalSection) else known or ModelFacts()
    return Target(
        name=name,
        provider=section.provider,
        model=section.model,
        context_tokens=section.context_tokens or facts.context_tokens,
        max_output_tokens=section.max_output_tokens or facts.max_output_tokens,
        can=_capabilities(section, facts),
        price=_price(section.usd_per_mtok, facts.price),
        tags=section.tags,
        extra=section.extra,
        at_once=section.at_once,
    )


def _local_facts(provider: LocalSection, model: str) -> ModelFacts:
    known = CATALOG.get(provider.model or model)
    return ModelFacts(LOCAL_PRICE, provider.context_tokens, can=dict.fromkeys(known.cannot, False) if known else {})


def _capabilities(section: TargetSection, facts: ModelFacts) -> dict[str, bool]:
    if section.can is None:
        return dict(facts.can)
    if isinstance(section.can, Mapping):
        return _with_implied({**facts.can, **section.can}, frozenset(section.can))
    return _with_implied({capability: capability in section.can for capability in CAPABILITIES}, frozenset())


def _with_implied(can: dict[str, bool], stated: frozenset[str]) -> dict[str, bool]:
    for stronger, weaker in _IMPLIES:
        if can.get(stronger) and weaker not in stated:
            can[weaker] = True
    return can


def _price(section: PriceSection | None, known: Price | None) -> Price | None:
    if section is None:
        return known
    if section.input is not None and section.output is not None:
        known, version = known or Price(section.input, section.output), "config"
    elif known is None:
        missing = "output" if section.output is None else "input"
        raise ConfigError(
            f"{missing} is missing and the price map does not know this model; add {missing} = …, in dollars per million tokens"
        )
    else:
        version = f"config over {known.version}"
    given = section.model_dump(exclude_none=True)
    if section.input is not None:
        # Cache prices go with the input price they were published with, not with another one.
        given = {"cached_input": None, "cache_write": None, **given}
    return replace(known, version=version, **given)
