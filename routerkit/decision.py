"""One choice, with every target that was considered and the reason for its place. Immutable, explainable, replayable."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple, Self, TypeAlias

from routerkit.experiment import Arm
from routerkit.features import Features
from routerkit.messages import Json
from routerkit.routes import Match

_AVAILABILITY = frozenset({"health", "limited", "disabled", "budget"})
"""Filters whose drop says something about the target's state, not about the request."""

CandidateRow: TypeAlias = Mapping[str, Json]
"""What is stored of one candidate."""

RULE_WEIGHT: Final = 1_000.0
"""Weight of the rules' term: it outweighs every sum of other terms, because what people wrote down comes first."""


class Drop(NamedTuple):
    """Why a target was not considered further."""

    by: str
    """Name of the filter."""
    why: str


class Score(NamedTuple):
    """One term of a candidate's total: `weight * value`."""

    by: str
    value: float
    """0 worst … 1 best."""
    weight: float


class Candidate(NamedTuple):
    """A target considered once."""

    target: str
    drop: Drop | None = None
    scores: tuple[Score, ...] = ()
    cost_usd: float | None = None
    """Expected cost of this request, in dollars; None when the price is unknown."""
    quality: float | None = None
    """Expected share of successes, 0..1."""
    quality_low: float = 0.0
    quality_high: float = 1.0
    n_samples: int = 0
    """Graded samples of this task kind behind `quality`; 0 = unmeasured."""
    latency_s: float | None = None
    """Expected time to a whole answer, in seconds; None when never measured."""
    note: str = ""
    """What a reader should know about these numbers: `unmeasured`, `price unknown`, `readmitted: …`."""
    explored_rate: float = 0.0
    """Share of the exploring draws that go to this target, 0..1."""

    @property
    def total(self) -> float:
        """Weighted sum of the scores, added one by one as policies do: `sum` rounds otherwise since Python 3.12."""
        total = 0.0
        for score in self.scores:
            total += score.weight * score.value
        return total

    def to_dict(self) -> CandidateRow:
        """JSON-ready form, as stored in the ledger."""
        if self.drop:
            return {"target": self.target, "drop": self.drop._asdict()}
        scores = tuple([score._asdict() for score in self.scores])
        facts = {name: value for name, value in self._asdict().items() if name != "drop"}
        return facts | {"scores": scores, "total": self.total}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The candidate that `to_dict` wrote; keys that a newer version added are passed over."""
        facts = _known(stored, cls._fields)
        drop = Drop(**facts["drop"]) if facts.get("drop") else None
        return cls(**facts | {"drop": drop, "scores": tuple([Score(**s) for s in facts.get("scores", ())])})


@dataclass(frozen=True)
class Decision:
    """Record of one choice. What it says of each target is put together only for those who look: the ledger as rows, others as objects."""

    id: str
    at: datetime
    """UTC."""
    pool: str
    policy: str
    features: Features
    rows: Callable[[], Sequence[CandidateRow]] = field(repr=False, compare=False)
    """Writes out the candidates, each as by `Candidate.to_dict`."""
    ranked: tuple[str, ...]
    """Names of the kept targets, the pick first; the order of failover."""
    propensity: float
    """Probability with which the policy picks what it picked; 1.0 if it does not randomise."""
    seed: int | None = None
    """Seed of the random pick, None when the policy does not randomise."""
    picker: str = "best"
    """`best` or `weighted`, see `pickers.pick`."""
    explore_share: float = 0.0
    """Probability with which the pick was an exploring draw."""
    is_exploring: bool = False
    """Whether an exploring draw put another target than the best one first."""
    config_revision: str = ""
    scorecard_revision: str = ""
    rule: str | None = None
    """Name of the rule that applied."""
    notes: tuple[str, ...] = ()
    """What the caller should know: `panic: …`, `no target is measured to reach the floor`."""
    steps: tuple[str, ...] = ()
    """Targets whose answers are checked, each asked when the answer before is rejected; empty = the first answer is returned unchecked."""
    matches: tuple[Match, ...] = ()
    """Routes that match the request or come close, the one that applies first."""
    arm: Arm | None = None
    """What the request was assigned, if its pool runs an experiment."""

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """Each target of the pool exactly once: kept ones in rank order, then dropped ones."""
        return tuple([Candidate.from_dict(row) for row in self.rows()])

    @property
    def picked(self) -> str | None:
        """Name of the chosen target; None when every target was dropped."""
        return self.ranked[0] if self.ranked else None

    @property
    def is_routed(self) -> bool:
        """Whether a route applies."""
        return bool(self.matches) and self.matches[0].is_met

    def candidate(self, target: str) -> Candidate:
        """The candidate of that name.

        Raises:
            KeyError: the pool has no such target.
        """
        for candidate in self.candidates:
            if candidate.target == target:
                return candidate
        raise KeyError(target)

    def is_request_at_fault(self) -> bool:
        """Whether no target could ever take this request, however healthy they were."""
        return all(c.drop is not None and c.drop.by not in _AVAILABILITY for c in self.candidates)

    def why_none(self) -> str:
        """Every target with the reason it was dropped, in one line."""
        return "; ".join(f"{c.target} dropped by {c.drop.by}: {c.drop.why}" for c in self.candidates if c.drop) or "the pool is empty"

    def explain(self) -> str:
        """The whole decision as text, one line per target."""
        head = [
            f"pool={self.pool}",
            f"kind={self.features.kind or 'unknown'}",
            f"policy={self.policy}",
            f"picked={self.picked or 'none'}",
            f"p={self.propensity:.2f}",
        ]
        head += [f"rule={self.rule!r}"] if self.rule else []
        head += [f"variant={self.arm.variant} ({_dealt(self.arm)})"] if self.arm else []
        head += [f"scorecard={self.scorecard_revision or 'none'}", f"config={self.config_revision or 'none'}"]
        width = max((len(c.target) for c in self.candidates), default=0)
        routes = [f"  route {m.route!r}: {m.describe()}" for m in self.matches]
        lines = [f"  {c.target:<{width}}  {_describe(c)}" for c in self.candidates]
        seen = str(self.features.signals)
        shown = [*lines, *([f"  seen: {seen}"] if seen else []), *routes, *(f"  note: {n}" for n in self.notes)]
        return "\n".join([" ".join(head), *shown])

    def to_dict(self, rows: Sequence[CandidateRow] | None = None) -> dict[str, Json]:
        """JSON-ready form, as stored in the ledger; `rows` are those of the candidates, where they are at hand."""
        facts: dict[str, Json] = {
            "id": self.id,
            "at": self.at.isoformat(),
            "pool": self.pool,
            "policy": self.policy,
            "features": self.features.to_dict(),
            "candidates": self.rows() if rows is None else rows,
            "ranked": list(self.ranked),
            "picked": self.picked,
            "propensity": self.propensity,
            "seed": self.seed,
        }
        facts |= {  # in two parts, because Python fills a longer one entry by entry
            "picker": self.picker,
            "explore_share": self.explore_share,
            "is_exploring": self.is_exploring,
            "config_revision": self.config_revision,
            "scorecard_revision": self.scorecard_revision,
            "rule": self.rule,
            "notes": list(self.notes),
            "matches": [m._asdict() for m in self.matches] if self.matches else [],
            "arm": self.arm._asdict() if self.arm else None,
            "steps": list(self.steps),
        }
        return facts

    @classmethod
    def from_dict(cls, stored: Mapping[str, Json]) -> Self:
        """The decision that `to_dict` wrote; keys that a newer version added are passed over.

        Raises:
            ValueError: it is not that of a decision.
        """
        try:
            decision = cls(**_stored_facts(stored))
            _ = decision.candidates  # read now, so that what is wrong with them shows here
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            raise ValueError(f"not a stored decision: {type(exc).__name__}: {exc}") from exc
        return decision


_USUAL: Final = {f.name: f.default for f in fields(Decision) if f.default is not MISSING}
_set: Final = object.__setattr__


def known_beforehand(**facts: object) -> Mapping[str, object]:
    """Facts that many decisions share; what else may be left out of a decision is as usual."""
    return _USUAL | facts


def made_of(facts: dict[str, object]) -> Decision:
    """A decision of all its facts, in a third of the time that its constructor takes; nobody else may keep them."""
    decision = object.__new__(Decision)
    _set(decision, "__dict__", facts)
    return decision


def _dealt(arm: Arm) -> str:
    return f"settled in {arm.experiment!r}: {arm.ending}" if arm.ending else f"{arm.share:.0%} of {arm.experiment!r}"


def format_usd(usd: float | None) -> str:
    """Dollars with enough digits to compare cheap calls; `unknown` when there is no price."""
    if usd is None:
        return "unknown"
    return f"${usd:.2f}" if usd >= 1 else f"${usd:.4f}" if usd >= 0.001 or usd == 0 else f"${usd:.2g}"


def _describe(c: Candidate) -> str:
    if c.drop:
        return f"dropped by {c.drop.by}: {c.drop.why}"
    quality = (
        "quality unknown" if c.quality is None else f"quality {c.quality:.2f} [{c.quality_low:.2f}, {c.quality_high:.2f}] n={c.n_samples}"
    )
    latency = "latency unknown" if c.latency_s is None else f"latency {c.latency_s:.1f} s"
    return f"expected {format_usd(c.cost_usd):<9}  {quality}   {latency}" + (f"   ({c.note})" if c.note else "")


# Any below is what a JSON reader gives; a surprise in it becomes the ValueError of `Decision.from_dict`.
def _stored_facts(stored: Mapping[str, Any]) -> dict[str, Any]:
    rows = tuple(stored["candidates"])
    return _known(stored, (f.name for f in fields(Decision) if f.init)) | {
        "at": datetime.fromisoformat(stored["at"]),
        "features": Features.from_dict(stored["features"]),
        "rows": lambda: rows,
        "ranked": tuple(stored["ranked"]),
        "notes": tuple(stored["notes"]),
        "matches": tuple(Match(**_known(m, Match._fields)) for m in stored.get("matches", ())),
        "arm": Arm(**_known(stored["arm"], Arm._fields)) if stored.get("arm") else None,
        "steps": tuple(stored.get("steps", ())),
    }


def _known(stored: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: stored[name] for name in names if name in stored}
