"""What may change in a scorecard from one publication to the next, and why each cell did or did not. Pure.

Judged is all that is known of a target and a kind; languages and repositories, where they are told apart, move with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, Literal, NamedTuple, TypeAlias

from routerkit import Cell, Scorecard, format_usd
from routerkit.joint import JointOutcomes, VerifierCounts
from routerkit_evals.cells import by_kind, pooled
from routerkit_evals.errors import EvalError

Action: TypeAlias = Literal["new", "moved", "limited", "steady", "kept", "withheld", "remeasured"]
"""`withheld` cells are not published; `kept` ones stay as they were; `steady` and `limited` ones take over the evidence but not all of
the new share."""
_NOTABLE_COST: Final = 0.1
"""Relative change of cost that is worth a word."""


@dataclass(frozen=True, slots=True)
class Guardrails:
    """How far one publication may go. The defaults let everything through."""

    min_tasks: int = 1
    """Fewer tasks than this are not evidence: a new cell is withheld, an old one stays as it was."""
    max_move: float = 1.0
    """Most that a cell's share of solved tasks may move, 0..1."""
    hysteresis: float = 0.0
    """A move smaller than this is taken for noise, and the share stays, 0..1."""

    def __post_init__(self) -> None:
        if self.min_tasks < 1 or not 0.0 <= self.hysteresis <= self.max_move <= 1.0:
            raise EvalError(
                f"guardrails must satisfy min_tasks >= 1 and 0 <= hysteresis <= max_move <= 1; they are {self.min_tasks}, "
                f"{self.hysteresis:g} and {self.max_move:g}"
            )


class Change(NamedTuple):
    """What became of one cell."""

    target: str
    kind: str
    action: Action
    before: float | None
    """Published share of solved tasks before; None = there was no cell."""
    after: float | None
    """And now; None = there is none."""
    n: int
    """Tasks behind the new measurement."""
    why: str


class Guarded(NamedTuple):
    """A scorecard that may be published, with a reason for every cell."""

    card: Scorecard
    changes: tuple[Change, ...]


def guard(old: Scorecard | None, new: Scorecard, rules: Guardrails) -> Guarded:
    """Hold a measured scorecard within the rules, starting from what is published now."""
    before, measured = by_kind(old.cells if old else ()), by_kind(new.cells)
    swapped = _swapped(old, new)
    cells: list[Cell] = []
    changes: list[Change] = []
    for key in sorted(before.keys() | measured.keys()):
        then, now = before.get(key, ()), measured.get(key, ())
        cell, change = _settle(pooled(then), pooled(now), rules, is_swapped=key[0] in swapped)
        cells += _parts(cell, change, then, now)
        changes.append(change)
    return Guarded(replace(new, cells=tuple(cells), joint=_joint(old, new, swapped), verifiers=_verifiers(old, new)), tuple(changes))


def _parts(whole: Cell | None, change: Change, then: Sequence[Cell], now: Sequence[Cell]) -> Sequence[Cell]:
    """What is published of the parts of a kind, once it is settled what is published of the whole: they move together."""
    if whole is None:
        return ()
    if change.action == "kept":
        return then
    if len(now) == 1:
        return (whole,)
    measured = pooled(now)
    assert measured is not None
    shift = share(whole) - share(measured)
    return [replace(c, passed=min(float(c.n), max(0.0, c.passed + shift * c.n))) for c in now] if shift else now


def _joint(old: Scorecard | None, new: Scorecard, swapped: frozenset[str]) -> tuple[JointOutcomes, ...]:
    """Joint outcomes of kinds not measured this time stay, unless a model behind them changed."""
    measured = {j.kind for j in new.joint}
    kept = [j for j in old.joint if j.kind not in measured and not swapped.intersection(j.targets)] if old else []
    return (*new.joint, *kept)


def _verifiers(old: Scorecard | None, new: Scorecard) -> tuple[VerifierCounts, ...]:
    measured = {(v.verifier, v.kind) for v in new.verifiers}
    return (*new.verifiers, *[v for v in (old.verifiers if old else ()) if (v.verifier, v.kind) not in measured])


def share(cell: Cell) -> float:
    """Solved tasks of all measured ones, 0..1; 0 where nothing was measured."""
    return cell.passed / cell.n if cell.n else 0.0


def differences(old: Scorecard, new: Scorecard) -> tuple[Change, ...]:
    """What changed between two published scorecards, cells that are equal left out."""
    before, after = by_kind(old.cells), by_kind(new.cells)
    keys = sorted(before.keys() | after.keys())
    return tuple(chain.from_iterable(_difference(key, pooled(before.get(key, ())), pooled(after.get(key, ()))) for key in keys))


def _settle(old: Cell | None, new: Cell | None, rules: Guardrails, *, is_swapped: bool) -> tuple[Cell | None, Change]:
    if new is None:
        assert old is not None
        return old, Change(old.target, old.kind, "kept", share(old), share(old), 0, "not measured this time")
    if new.n < rules.min_tasks:
        why = f"{new.n} tasks are fewer than min_tasks = {rules.min_tasks}"
        kept = None if old is None or is_swapped else share(old)
        return (None if kept is None else old), Change(
            new.target, new.kind, "withheld" if kept is None else "kept", kept if old is None else share(old), kept, new.n, why
        )
    if old is None:
        return new, _change(new, None, new, "new", f"measured for the first time, {new.passed:.4g} of {new.n} tasks")
    if is_swapped:
        return new, _change(new, old, new, "remeasured", f"the model behind the target changed, {new.passed:.4g} of {new.n} tasks")
    return _move(old, new, rules)


def _move(old: Cell, new: Cell, rules: Guardrails) -> tuple[Cell, Change]:
    step = share(new) - share(old)
    fact = f"measured {new.passed:.4g} of {new.n} tasks{_cost_note(old, new)}"
    if abs(step) < rules.hysteresis:
        cell = replace(new, passed=share(old) * new.n)
        return cell, _change(new, old, cell, "steady", f"{fact}; a move of {step:+.2f} is within hysteresis = {rules.hysteresis:g}")
    if abs(step) > rules.max_move + 1e-9:
        bounded = share(old) + (rules.max_move if step > 0 else -rules.max_move)
        cell = replace(new, passed=min(1.0, max(0.0, bounded)) * new.n)
        return cell, _change(new, old, cell, "limited", f"{fact}; a move of {step:+.2f} is more than max_move = {rules.max_move:g}")
    return new, _change(new, old, new, "moved" if step else "steady", fact)


def _change(measured: Cell, old: Cell | None, cell: Cell, action: Action, why: str) -> Change:
    return Change(measured.target, measured.kind, action, share(old) if old else None, share(cell), measured.n, why)


def _cost_note(old: Cell, new: Cell) -> str:
    if old.cost_usd is None or new.cost_usd is None:
        return "" if old.cost_usd is new.cost_usd else f", cost {format_usd(old.cost_usd)} -> {format_usd(new.cost_usd)}"
    if abs(new.cost_usd - old.cost_usd) <= _NOTABLE_COST * old.cost_usd:
        return ""
    return f", cost {format_usd(old.cost_usd)} -> {format_usd(new.cost_usd)}"


def _difference(key: tuple[str, str], old: Cell | None, new: Cell | None) -> Iterator[Change]:
    target, kind = key
    if old is None and new is not None:
        yield Change(target, kind, "new", None, share(new), new.n, f"{new.passed:.4g} of {new.n} tasks")
    elif new is None and old is not None:
        yield Change(target, kind, "withheld", share(old), None, 0, "no longer in the scorecard")
    elif old is not None and new is not None and old != new:
        why = f"{old.passed:.4g} of {old.n} -> {new.passed:.4g} of {new.n} tasks{_cost_note(old, new)}"
        yield Change(target, kind, "moved" if share(old) != share(new) else "steady", share(old), share(new), new.n, why)


def _swapped(old: Scorecard | None, new: Scorecard) -> frozenset[str]:
    """Targets that both name with different models."""
    then = old.models if old else {}
    return frozenset(target for target, model in new.models.items() if then.get(target, model) != model)
