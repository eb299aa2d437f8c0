"""What a policy sees when it decides: a snapshot of the world, and per target the numbers that matter for this request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from routerkit.catalog import Target
from routerkit.features import Features
from routerkit.health import Ailment
from routerkit.scorecard import Estimate, Scorecard


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state a decision is made on; values only, so that the same snapshot gives the same decision."""

    scorecard: Scorecard = field(default_factory=Scorecard)
    ailments: Mapping[str, Ailment] = field(default_factory=dict)
    """Unfit targets, see `health.HealthBoard.snapshot`."""
    latencies_s: Mapping[str, float] = field(default_factory=dict)
    """Live mean latency per target, in seconds."""
    budget_left_usd: float | None = None
    """What the calling agent may still spend today; None = no budget."""


class Facts(NamedTuple):
    """One target in view of one request."""

    target: Target
    cost_usd: float | None
    """Expected dollars; None when the price is unknown."""
    estimate: Estimate
    latency_s: float | None


def facts(target: Target, features: Features, snapshot: Snapshot) -> Facts:
    """Expected cost, quality and latency of a target for a request."""
    estimate = snapshot.scorecard.estimate(target.name, features.kind)
    live_s = snapshot.latencies_s.get(target.name)
    return Facts(target, expected_cost_usd(target, features, estimate), estimate, estimate.latency_s if live_s is None else live_s)


def expected_cost_usd(target: Target, features: Features, estimate: Estimate) -> float | None:
    """Prompt tokens plus the measured answer length (cut at the caller's limit), at the target's prices; None without a price."""
    price = target.price
    if price is None:
        return None
    limit = features.output_tokens_limit
    output_tokens = estimate.output_tokens if limit is None or limit > estimate.output_tokens else limit
    return (features.input_tokens * price.input + output_tokens * price.output) / 1e6
