"""Deciding logged calls again under other settings: which calls would move where, and what that would cost and achieve. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from routerkit.decision import Decision
from routerkit.offpolicy import Evaluation, Logged, evaluate
from routerkit.pickers import chances
from routerkit.redecision import LoggedCall, Setting, Untold, redecide
from routerkit.steps import plan_behind, planned_steps


class Move(NamedTuple):
    """Calls of one kind that would go elsewhere."""

    kind: str | None
    before: str
    after: str
    """`nothing` where every target would be dropped."""
    n: int


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What would have been."""

    n_calls: int
    moves: tuple[Move, ...]
    """Most calls first. Compared are the likeliest picks, so that exploring draws are not moves."""
    cost: Evaluation
    """Dollars per call."""
    success: Evaluation
    """Share of successes among calls with a report."""
    predicted_usd: float | None
    """Dollars per call as the new decisions expect; None when a price is unknown."""
    predicted_success: float | None
    """Share of successes as the scorecard predicts; None without any call."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Calls that cannot be decided again, by reason; they are in no other number here."""

    @property
    def n_moved(self) -> int:
        """Calls that would go elsewhere."""
        return sum(move.n for move in self.moves)


@dataclass(slots=True)
class _Sums:
    """What is collected call by call."""

    moves: Counter[tuple[str | None, str, str]] = field(default_factory=Counter)
    costs: list[Logged] = field(default_factory=list)
    successes: list[Logged] = field(default_factory=list)
    usd: list[float | None] = field(default_factory=list)
    success: list[float | None] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class _Worth(NamedTuple):
    """What a deed is expected to cost and achieve; None = unknown."""

    usd: float | None
    success: float | None


_UNKNOWN: Final = _Worth(None, None)


def replay_calls(calls: Iterable[LoggedCall], settings: Mapping[str, Setting]) -> Counterfactual:
    """Decide every call again and estimate cost and success under the new settings.

    Takes some 50 µs a call; for many calls give a random sample of them.

    Args:
        calls: Calls that had a pick, through pools that `settings` has.
        settings: By name of the pool.
    """
    sums = _Sums()
    for call in calls:
        setting = settings[call.decision.pool]
        new = redecide(call, setting)
        if isinstance(new, Untold):
            sums.left_out[new.why] += 1
        else:
            _add(sums, call, new, setting)
    moves = sorted((Move(*move, n) for move, n in sums.moves.items()), key=lambda m: (-m.n, m.kind or "", m.before, m.after))
    return Counterfactual(
        len(sums.usd),
        tuple(moves),
        evaluate(sums.costs),
        evaluate(sums.successes),
        _mean_or_none(sums.usd),
        _mean_or_none(sums.success),
        sums.left_out,
    )


def _add(sums: _Sums, call: LoggedCall, new: Decision, setting: Setting) -> None:
    old = call.decision
    before, after = _deeds(old), _deeds(new, "" if setting.checks_alike else " (other checks)")
    did, worth = " → ".join(old.steps) or str(old.picked), _worth(new, setting)
    usd, success = (_expected(after, {deed: w[i] for deed, w in worth.items()}) for i in (0, 1))
    sums.usd.append(usd)
    sums.success.append(success)
    stays, goes = max(before, key=before.__getitem__), max(after, key=after.__getitem__, default="nothing")
    if stays != goes:
        sums.moves[old.features.kind, stays, goes] += 1
    weight, supported = after.get(did, 0.0) / old.propensity, sum(p for name, p in after.items() if before.get(name))
    cluster, known = call.session or old.id, worth.get(did, _UNKNOWN)
    if call.cost_usd is not None:
        sums.costs.append(Logged(weight, call.cost_usd, known.usd, usd, supported, cluster))
    if call.success is not None:
        sums.successes.append(Logged(weight, float(call.success), known.success, success, supported, cluster))


def _deeds(decision: Decision, mark: str = "") -> dict[str, float]:
    """Probability of everything such a decision may do: ask one target, or run the planned cascade, which is more than its first step."""
    steps = planned_steps(decision)
    whole = " → ".join(steps) + mark
    return {whole if steps and name == steps[0] else name: p for name, p in chances(decision).items()}


def _worth(new: Decision, setting: Setting) -> dict[str, _Worth]:
    """What each deed is expected to cost and achieve: a target for this request, a cascade on average."""
    found = {c.target: _Worth(c.cost_usd, c.quality) for c in new.candidates}
    steps = planned_steps(new)
    if steps:
        settings = (setting.policy if new.arm is None else setting.variants[new.arm.variant]).settings
        plan = plan_behind(new, setting.scorecard, settings)
        found[" → ".join(steps) + ("" if setting.checks_alike else " (other checks)")] = _Worth(plan.cost_usd, plan.quality)
    return found


def _expected(after: Mapping[str, float], values: Mapping[str, float | None]) -> float | None:
    """Mean over the deeds; None when any that may be done is unknown, or nothing can be."""
    parts = [(p, values[deed]) for deed, p in after.items() if p]
    return None if not parts or any(v is None for _, v in parts) else sum(p * v for p, v in parts if v is not None)


def _mean_or_none(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
