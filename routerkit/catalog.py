"""Targets, pools and prices: what can be called, under which name, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from routerkit.messages import Json, Usage

CAPABILITIES: Final = ("tools", "parallel_tools", "json_mode", "json_schema", "vision", "pdf", "audio", "reasoning", "embeddings")
"""What a target may be able to do. Tri-state: absent from `Target.can` means unknown, which is allowed for all but `embeddings`."""


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """None = same as `input`."""
    cache_write: float | None = None
    """None = same as `input`."""
    version: str = "config"
    """Where and when the price was taken, stored with every record."""

    @cached_property
    def dearest_input(self) -> float:
        """Of a token that is read, or written to a cache."""
        return self.input if self.cache_write is None else max(self.input, self.cache_write)

    def cost_usd(self, usage: Usage) -> float:
        """Dollars for one answer; cached tokens are never charged twice."""
        if not (usage.cached_input_tokens or usage.cache_write_tokens):
            return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1e6
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        plain = usage.input_tokens - cached - written
        cached_price = self.input if self.cached_input is None else self.cached_input
        write_price = self.input if self.cache_write is None else self.cache_write
        return (plain * self.input + cached * cached_price + written * write_price + usage.output_tokens * self.output) / 1e6


@dataclass(frozen=True, slots=True)
class Target:
    """One callable endpoint: provider, model, price, limits and capabilities."""

    name: str
    provider: str
    """Name of the provider in the configuration."""
    model: str
    """Model id as the provider knows it."""
    context_tokens: int | None = None
    """Longest prompt plus answer in tokens; None = unknown."""
    max_output_tokens: int | None = None
    can: Mapping[str, bool] = field(default_factory=dict)
    """Capability → yes or no; a capability left out is unknown."""
    price: Price | None = None
    """None = unknown, which is never treated as free."""
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Body parameters sent with every request to this target (`temperature`, `reasoning_effort`, …); the caller's own take precedence."""
    at_once: int | None = None
    """Most calls of one process at the same time; None = only what the target itself turns away limits them."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Targets a caller addresses by one name. Compared by identity, so that what is computed for it can be kept."""

    name: str
    targets: tuple[Target, ...]
    policy: str = "cheapest_adequate"

    @cached_property
    def by_name(self) -> Mapping[str, Target]:
        """The targets by their names."""
        return {target.name: target for target in self.targets}

    def target(self, name: str) -> Target | None:
        """The target of that name, or None."""
        return self.by_name.get(name)
