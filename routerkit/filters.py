"""Hard constraints. Each filter looks at the case once and returns a check per target, or None when it has nothing to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from routerkit.budget import most_usd, worst_usd
from routerkit.case import Case
from routerkit.decision import format_usd
from routerkit.rules import Rule

Check: TypeAlias = Callable[[int], str | None]
"""Reason to drop the target at this place in the pool, or None to keep it."""
Filter: TypeAlias = Callable[[Case], Check | None]

_DEFAULT_OUTPUT_TOKENS: Final = 256
"""Room left for an answer in the context window when the caller sets no limit."""


def capability(case: Case) -> Check | None:
    """Drop targets known not to be able to do what the request needs; unknown is allowed, but for embeddings: few models have them."""
    needs, targets = case.features.needs, case.pool.targets
    if not needs:
        return None

    def check(i: int) -> str | None:
        missing = sorted(n for n in needs if not targets[i].can.get(n, n != "embeddings"))
        return f"cannot do {', '.join(missing)}" if missing else None

    return check


def context(case: Case) -> Check | None:
    """Drop targets whose window is shorter than the prompt's upper bound plus the answer."""
    if "embeddings" in case.features.needs:
        return None  # every input has the window to itself
    needed = case.features.input_tokens_bound + (case.features.output_tokens_limit or _DEFAULT_OUTPUT_TOKENS)
    if needed <= case.panel.smallest_window:
        return None

    def check(i: int) -> str | None:
        window = case.pool.targets[i].context_tokens
        return None if window is None or needed <= window else f"needs about {needed:,} tokens > {window:,}"

    return check


def price_cap(case: Case) -> Check | None:
    """Drop targets expected to cost more than the policy allows for one call; an unknown price is not assumed to fit."""
    cap = case.settings.max_usd_per_call
    return None if cap is None else _cost_check(case, cap, f"the cap of ${cap:g} a call")


def budget(case: Case) -> Check | None:
    """Drop targets that may cost more than a budget has left today: what is dropped here could not be reserved later."""
    left = case.snapshot.budget_left
    if left is None:
        return None
    dearest = case.panel.dearest
    if dearest is not None and most_usd(dearest, case.features) <= left.usd:
        return None
    what = f"the {format_usd(max(left.usd, 0.0))} that {left.whose} has left today"

    def check(i: int) -> str | None:
        usd = worst_usd(case.pool.targets[i], case.features)
        if usd is None:
            return f"price unknown, cannot be held to {what}"
        return f"may cost {format_usd(usd)} > {what}" if usd > max(left.usd, 0.0) else None

    return check


def rule_only(case: Case, rules: Sequence[Rule]) -> Check | None:
    """Drop targets that a matching rule's `only` leaves out."""
    limits, names = [rule for rule in rules if rule.only], case.panel.names
    if not limits:
        return None

    def check(i: int) -> str | None:
        return next((f"rule {r.name!r} allows only {', '.join(r.only)}" for r in limits if names[i] not in r.only), None)

    return check


FILTERS: Final[tuple[tuple[str, Filter], ...]] = (
    ("capability", capability),
    ("context", context),
    ("price_cap", price_cap),
    ("budget", budget),
)
"""Applied in this order, after the rules. Health comes last, in the policy: the panic rule readmits only targets that nothing but their
state speaks against."""


def _cost_check(case: Case, limit_usd: float, what: str) -> Check:
    def check(i: int) -> str | None:
        cost = case.costs_usd[i]
        if cost is None:
            return f"price unknown, cannot be held to {what}"
        return f"expected ${cost:.4f} > {what}" if cost > limit_usd else None

    return check
