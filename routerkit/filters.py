"""Hard constraints. Each filter looks at the request once and returns a check per target, or None when it has nothing to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from routerkit.catalog import Target
from routerkit.facts import Snapshot, expected_cost_usd
from routerkit.features import Features
from routerkit.rules import Rule
from routerkit.settings import PolicySettings

Check: TypeAlias = Callable[[Target], str | None]
"""Reason to drop a target, or None to keep it."""
Filter: TypeAlias = Callable[[Features, Snapshot, PolicySettings], Check | None]

_DEFAULT_OUTPUT_TOKENS: Final = 256
"""Room left for an answer in the context window when the caller sets no limit."""


def capability(features: Features, snapshot: Snapshot, settings: PolicySettings) -> Check | None:
    """Drop targets known not to be able to do what the request needs; unknown is allowed."""
    needs = features.needs
    if not needs:
        return None

    def check(target: Target) -> str | None:
        missing = sorted(n for n in needs if target.can.get(n) is False)
        return f"cannot do {', '.join(missing)}" if missing else None

    return check


def context(features: Features, snapshot: Snapshot, settings: PolicySettings) -> Check | None:
    """Drop targets whose window is shorter than the prompt's upper bound plus the answer."""
    needed = features.input_tokens_bound + (features.output_tokens_limit or _DEFAULT_OUTPUT_TOKENS)

    def check(target: Target) -> str | None:
        window = target.context_tokens
        return None if window is None or needed <= window else f"needs about {needed:,} tokens > {window:,}"

    return check


def price_cap(features: Features, snapshot: Snapshot, settings: PolicySettings) -> Check | None:
    """Drop targets expected to cost more than the policy allows for one call; an unknown price is not assumed to fit."""
    cap = settings.max_usd_per_call
    return None if cap is None else _cost_check(features, snapshot, cap, f"the cap of ${cap:g} a call")


def budget(features: Features, snapshot: Snapshot, settings: PolicySettings) -> Check | None:
    """Drop targets expected to cost more than the agent may still spend today."""
    left = snapshot.budget_left_usd
    return (
        None
        if left is None
        else _cost_check(features, snapshot, left, f"what agent {features.agent!r} has left today (${max(left, 0):.4f})")
    )


def rule_only(rules: Sequence[Rule]) -> Check | None:
    """Drop targets that a matching rule's `only` leaves out."""
    limits = [rule for rule in rules if rule.only]

    def check(target: Target) -> str | None:
        return next((f"rule {r.name!r} allows only {', '.join(r.only)}" for r in limits if target.name not in r.only), None)

    return check if limits else None


FILTERS: Final[tuple[tuple[str, Filter], ...]] = (
    ("capability", capability),
    ("context", context),
    ("price_cap", price_cap),
    ("budget", budget),
)
"""Applied in this order, after the rules. Health comes last, in the policy: the panic rule readmits only targets that nothing but their
state speaks against."""


def _cost_check(features: Features, snapshot: Snapshot, limit_usd: float, what: str) -> Check:
    def check(target: Target) -> str | None:
        cost = expected_cost_usd(target, features, snapshot.scorecard.estimate(target.name, features.kind))
        if cost is None:
            return f"price unknown, cannot be held to {what}"
        return f"expected ${cost:.4f} > {what}" if cost > limit_usd else None

    return check
