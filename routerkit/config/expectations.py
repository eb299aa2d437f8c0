"""Whether a decision is the one that was expected, and where it differs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from routerkit.config.policy_tests import NONE, ExpectSection, PolicyTest
from routerkit.decision import Decision, format_usd
from routerkit.messages import Json
from routerkit.router import Router
from routerkit.router_state import RouterState

Finding: TypeAlias = "tuple[bool, str]"
"""Whether it is as expected, and what was found."""


class Mismatch(NamedTuple):
    """One expectation that does not hold."""

    key: str
    expected: str
    found: str


class Outcome(NamedTuple):
    """What became of one request of a test."""

    test: str
    text: str
    decision: Decision
    mismatches: tuple[Mismatch, ...]

    def to_dict(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {
            "test": self.test,
            "text": self.text,
            "passed": not self.mismatches,
            "mismatches": [m._asdict() for m in self.mismatches],
            # Without what differs from run to run, so that the output can be compared.
            "decision": {key: value for key, value in self.decision.to_dict().items() if key not in {"id", "at"}},
        }


def outcomes(test: PolicyTest, state: RouterState, pool: str) -> Iterator[Outcome]:
    """Decide on every request of a test, each as the first of a healthy router with the same dice."""
    for text, request in zip(test.request.texts, test.requests(pool), strict=True):
        decision = Router(state, rng=random.Random(0)).decide(request)
        yield Outcome(test.name, text, decision, tuple(_mismatches(test.expect, decision)))


def _mismatches(expect: ExpectSection, decision: Decision) -> Iterator[Mismatch]:
    for key in sorted(expect.model_fields_set):
        wanted = getattr(expect, key)
        holds, found = _CHECKS[key](decision, wanted)
        if not holds:
            yield Mismatch(key, ("none of " if key.startswith("not_") else "") + _shown(wanted), found)


def _route(decision: Decision) -> str:
    return decision.matches[0].route if decision.is_routed else NONE


def _not_routes(decision: Decision, unwanted: tuple[str, ...]) -> Finding:
    met = [m for m in decision.matches if m.is_met and m.route in unwanted]
    return not met, "; ".join(f"{m.route}: {m.describe()}" for m in met)


def _margin(decision: Decision, least: float) -> Finding:
    scores = [*(m.score for m in decision.matches), 0.0, 0.0]
    return scores[0] - scores[1] >= least, f"{scores[0] - scores[1]:.2f} ({_route(decision)} {scores[0]:.2f}, next {scores[1]:.2f})"


def _has_rule(decision: Decision, name: str) -> bool:
    return f", {name}, " in f", {decision.rule or ''}, "


def _dropped(decision: Decision, wanted: Mapping[str, str]) -> Finding:
    by = {c.target: c.drop.by if c.drop else "kept" for c in decision.candidates}
    return all(by.get(t) == f for t, f in wanted.items()), ", ".join(f"{t}: {by.get(t, 'not in the pool')}" for t in wanted)


def _max_usd(decision: Decision, most: float) -> Finding:
    cost = decision.candidate(decision.picked).cost_usd if decision.picked else None
    return cost is not None and cost <= most, format_usd(cost)


# Values have the type of their key in ExpectSection, which pydantic has checked.
_CHECKS: Final[Mapping[str, Callable[..., Finding]]] = {
    "picked": lambda d, name: ((d.picked or NONE) == name, d.picked or NONE),
    "not_picked": lambda d, names: (d.picked not in names, d.picked or NONE),
    "ranked": lambda d, names: (d.ranked[: len(names)] == names, ", ".join(d.ranked) or NONE),
    "kind": lambda d, kind: ((d.features.kind or "unknown") == kind, d.features.kind or "unknown"),
    "route": lambda d, name: (_route(d) == name, _route(d)),
    "not_routes": _not_routes,
    "margin": _margin,
    "rules": lambda d, names: (all(_has_rule(d, n) for n in names), d.rule or NONE),
    "not_rules": lambda d, names: (not any(_has_rule(d, n) for n in names), d.rule or NONE),
    "dropped": _dropped,
    "max_usd": _max_usd,
}


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(value) if isinstance(value, tuple) else str(value)
