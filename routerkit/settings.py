"""The knobs of a policy, with defaults that work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What a policy may be told; each policy reads only what concerns it."""

    quality_floor: float = 0.80
    """cheapest_adequate: share of successes a target must reach, 0..1."""
    confidence: float = 0.80
    """cheapest_adequate: how probable it must be that the floor is reached, 0..1."""
    value_usd: float = 0.50
    """bang_for_buck: what one success is worth, in dollars."""
    usd_per_second: float = 0.0005
    """bang_for_buck: what a second of waiting costs, in dollars (about $2 an hour)."""
    explore_share: float = 0.0
    """Share of calls, 0..1, that go to a random kept target, so that the others are measured, too."""
    explore_by: str = "even"
    """How those calls are spread: `even`, or `thompson` = as probably as each target is the right pick (see `exploring`)."""
    explore_usd_per_day: float | None = None
    """What calls that went to another target than the best may cost per UTC day, in dollars; None = no limit. Counted per process."""
    protected_tags: tuple[str, ...] = ()
    """Calls with any of these tags never explore."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """weighted: share of traffic per target; a target left out has weight 1."""
    max_usd_per_call: float | None = None
    """Drop targets expected to cost more than this for one call."""
    verify: tuple[str, ...] = ()
    """cascade: checks that every answer must pass, by name; a language model's opinion is asked last."""
    max_steps: int = 3
    """cascade: most targets that answer one request, failures not counted."""
    stop_loss_usd: float | None = None
    """cascade: do not escalate when the call would then be expected to have cost more than this; None = no limit."""
