"""Hard constraints. What the case as a whole does not rule out is checked per target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from routerkit.budget import Left, at_worst, most_usd, worst_usd
from routerkit.case import UNKNOWN_USD, Case
from routerkit.decision import Drop, format_usd
from routerkit.health import Ailment
from routerkit.rules import Rule

Check: TypeAlias = Callable[[int], str | None]
"""Reason to drop the target at this place in the pool, or None to keep it."""
NamedCheck: TypeAlias = tuple[str, Check]
"""With the name of its filter."""

DEFAULT_OUTPUT_TOKENS: Final = 256
"""Room left for an answer in the context window when the caller sets no limit."""


class Dropped(NamedTuple):
    """What is left out of a decision."""

    drops: Mapping[int, Drop]
    """Places in the pool with the first reason against each; health speaks last."""
    notes: tuple[str, ...] = ()
    """What the caller should know of it."""


NOTHING_DROPPED: Final = Dropped({})


def dropped(case: Case, checks: Sequence[NamedCheck]) -> Dropped:
    """What filters and health leave out."""
    names, ailments, drops = case.panel.names, case.snapshot.ailments, dict[int, Drop]()
    for name, check in checks:
        for i in range(len(names)):
            if i not in drops and (why := check(i)):
                drops[i] = Drop(name, why)
    return _without_unfit(names, ailments, drops) if ailments else Dropped(drops)


def checks_of(case: Case, rules: Sequence[Rule]) -> list[NamedCheck]:
    """Filters that have something to say about the request, in the order in which they speak; none for most requests.

    Health comes last, in `dropped`: the panic rule readmits only targets that nothing but their state speaks against.
    """
    outlook, features, left = case.outlook, case.features, case.snapshot.budget_left
    found: list[NamedCheck] = []
    if rules and any(rule.only for rule in rules):
        found.append(("rule", rule_only(case, rules)))
    if features.needs:
        found.append(("capability", capability(case)))
    needed = features.input_tokens_bound + (features.output_tokens_limit or DEFAULT_OUTPUT_TOKENS)
    if needed > outlook.panel.smallest_window and "embeddings" not in features.needs:  # of those, every input has the window to itself
        found += ("context", context(case)), ("max_tokens", max_tokens(case))
    if outlook.settings.max_usd_per_call is not None:
        found.append(("price_cap", price_cap(case, outlook.settings.max_usd_per_call)))
    dearest = outlook.panel.dearest  # where the money suffices for its price, no target needs a look
    if left is not None and (dearest is None or most_usd(dearest, features) > left.usd):
        found.append(("budget", budget(case, left)))
    return found


def capability(case: Case) -> Check:
    """Drop targets known not to be able to do what the request needs; unknown is allowed, but for embeddings: few models have them."""
    needs, targets = case.features.needs, case.outlook.pool.targets

    def check(i: int) -> str | None:
        missing = sorted(n for n in needs if not targets[i].can.get(n, n != "embeddings"))
        return f"cannot do {', '.join(missing)}" if missing else None

    return check


def context(case: Case) -> Check:
    """Drop targets whose window is shorter than the prompt's upper bound plus a short answer, or what was asked for if that is less."""
    bound, limit = case.features.input_tokens_bound, case.features.output_tokens_limit
    least, most = bound + min(limit or DEFAULT_OUTPUT_TOKENS, DEFAULT_OUTPUT_TOKENS), bound + (limit or DEFAULT_OUTPUT_TOKENS)
    asked = "" if limit is None else f", {limit:,} of them max_tokens,"

    def check(i: int) -> str | None:
        window = case.outlook.pool.targets[i].context_tokens
        return None if window is None or least <= window else f"needs about {most:,} tokens{asked} > {window:,}"

    return check


def max_tokens(case: Case) -> Check:
    """Drop targets whose window is shorter than the prompt's upper bound plus the answer that was asked for. In Anthropic's words."""
    bound, limit = case.features.input_tokens_bound, case.features.output_tokens_limit or 0

    def check(i: int) -> str | None:
        window = case.outlook.pool.targets[i].context_tokens
        fits = window is None or bound + limit <= window
        return None if fits else f"input length and `max_tokens` exceed context limit: {bound} + {limit} > {window}"

    return check


def price_cap(case: Case, cap_usd: float) -> Check:
    """Drop targets expected to cost more than the policy allows for one call; an unknown price is not assumed to fit."""
    what = f"the cap of ${cap_usd:g} a call"

    def check(i: int) -> str | None:
        cost_usd = case.costs_usd[i]
        if cost_usd == UNKNOWN_USD:
            return f"price unknown, cannot be held to {what}"
        return f"expected ${cost_usd:.4f} > {what}" if cost_usd > cap_usd else None

    return check


def budget(case: Case, left: Left) -> Check:
    """Drop targets that may cost more than a budget has left today: what is dropped here could not be reserved later."""
    what = f"the {format_usd(max(left.usd, 0.0))} that {left.whose} has left today"

    def check(i: int) -> str | None:
        target = case.outlook.pool.targets[i]
        usd = worst_usd(target, case.features)
        if usd is None:
            return f"price unknown, cannot be held to {what}"
        return f"{at_worst(target, case.features)} > {what}" if usd > max(left.usd, 0.0) else None

    return check


def rule_only(case: Case, rules: Sequence[Rule]) -> Check:
    """Drop targets that a matching rule's `only` leaves out."""
    limits, names = [rule for rule in rules if rule.only], case.panel.names

    def check(i: int) -> str | None:
        return next((f"rule {r.name!r} allows only {', '.join(r.only)}" for r in limits if names[i] not in r.only), None)

    return check


def _without_unfit(names: Sequence[str], ailments: Mapping[str, Ailment], drops: dict[int, Drop]) -> Dropped:
    """Drop what is unfit; but if that leaves nothing, readmit the target that recovers first (the panic rule)."""
    unfit = {i: ailments[name] for i, name in enumerate(names) if i not in drops and name in ailments}
    notes: tuple[str, ...] = ()
    if len(unfit) + len(drops) == len(names):
        curable = [i for i in unfit if unfit[i].state != "disabled"]
        if curable:
            first = min(curable, key=lambda i: (unfit[i].until, names[i]))
            notes = (f"panic: every target is unfit; {names[first]} readmitted although {unfit.pop(first).why}",)
    return Dropped({**drops, **{i: Drop(a.state, a.why) for i, a in unfit.items()}}, notes)
