"""What evals published besides single rates: how targets did on the very same tasks, and how well answers are checked. Immutable."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.messages import Json

MOST: Final = 1e12
"""More than any count, cost, time or length there is; sums and products of what is below it stay finite."""


class Pattern(NamedTuple):
    """Tasks on which all targets had the same outcomes; nothing a cascade is judged by is lost in putting them together."""

    n: int
    """Tasks."""
    scores: tuple[float | None, ...]
    """Share of right answers per target, 0..1; None = not measured on these tasks."""
    costs_usd: tuple[float | None, ...]
    """Mean dollars per answer and target; None = unknown."""


@dataclass(frozen=True, slots=True)
class JointOutcomes:
    """Outcomes of several targets on the same tasks of one kind."""

    kind: str
    targets: tuple[str, ...]
    patterns: tuple[Pattern, ...]

    def to_json(self) -> dict[str, Json]:
        """JSON-ready form; a pattern is a list `[n, scores, costs]`."""
        return {
            "kind": self.kind,
            "targets": list(self.targets),
            "patterns": [[p.n, _floats(p.scores), _floats(p.costs_usd)] for p in self.patterns],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Json]) -> JointOutcomes:
        """What `to_json` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is not that, or a value is impossible.
        """
        targets = tuple(str(t) for t in _list(stored["targets"]))
        patterns = tuple(_pattern(_list(row), len(targets)) for row in _list(stored["patterns"]))
        return cls(str(stored["kind"]), targets, patterns)


@dataclass(frozen=True, slots=True)
class VerifierCounts:
    """What a verifier said about answers known to be right or wrong.

    Raises:
        ValueError: more were accepted than there were, or a number is negative or above `MOST`.
    """

    verifier: str
    """Names of the checks, joined by `+` in the order of the alphabet; an answer is accepted when all of them accept."""
    kind: str
    n_right: int
    n_right_accepted: int
    n_wrong: int
    n_wrong_accepted: int
    cost_usd: float | None = 0.0
    """Mean dollars of checking one answer; None = unknown."""

    def __post_init__(self) -> None:
        right, wrong, usd = self.n_right - self.n_right_accepted, self.n_wrong - self.n_wrong_accepted, self.cost_usd or 0.0
        if min(self.n_right_accepted, self.n_wrong_accepted, right, wrong) < 0 or not 0.0 <= max(self.n_right, self.n_wrong, usd) <= MOST:
            raise ValueError(f"verifier {self.verifier}/{self.kind} has impossible counts: {self}")


def verifier_name(names: Sequence[str]) -> str:
    """How a set of checks is named in a scorecard: the order in which they run does not change what all of them accept."""
    return "+".join(sorted(names))


def _floats(numbers: Sequence[float | None]) -> list[Json]:
    """As `from_json` gives them back, so that a file has the revision it was written with."""
    return [None if v is None else float(v) for v in numbers]


def _pattern(row: Sequence[Json], n_targets: int) -> Pattern:
    n, scores, costs = row
    pattern = Pattern(_count(n), _numbers(scores, n_targets), _numbers(costs, n_targets))
    if any(s is not None and not 0.0 <= s <= 1.0 for s in pattern.scores):
        raise ValueError(f"a joint score lies outside 0..1: {pattern.scores}")
    if any(c is not None and not 0.0 <= c <= MOST for c in pattern.costs_usd):
        raise ValueError(f"a joint cost is negative or impossibly high: {pattern.costs_usd}")
    return pattern


def _list(value: Json) -> Sequence[Json]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} should be a list")
    return value


def _count(value: Json) -> int:
    if not isinstance(value, int) or not 1 <= value <= MOST:
        raise ValueError(f"{value!r} should be a number of tasks")
    return value


def _numbers(value: Json, n: int) -> tuple[float | None, ...]:
    numbers = tuple(None if v is None else float(v) for v in _list(value) if v is None or isinstance(v, int | float))
    if len(numbers) != n or any(v is not None and math.isnan(v) for v in numbers):
        raise ValueError(f"{value!r} should hold one number for each of {n} targets")
    return numbers
