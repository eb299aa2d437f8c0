"""All that configuration says to a router, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from routerkit import addressing
from routerkit.catalog import Pool, Target
from routerkit.ceilings import Ceilings
from routerkit.classifier import Classifier
from routerkit.decision import Decision
from routerkit.experiment import Arm, Experiment, unit_of
from routerkit.fence import fenced
from routerkit.judge import Judge
from routerkit.messages import Request
from routerkit.policy import Policy
from routerkit.predictor import SILENT, Correction, Predictor
from routerkit.provider import Provider
from routerkit.routes import RouteBook
from routerkit.rules import Rule
from routerkit.scorecard import Scorecard
from routerkit.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Way:
    """What a request's `model` leads to; the same as long as the configuration is."""

    pool: Pool
    target: Target | None
    """The one that was asked for; None = any."""
    targets: tuple[Target, ...]
    """Those that may answer."""
    asked: tuple[Rule, ...]
    """What the name itself asks for."""
    rules: tuple[Rule, ...]
    """Those of the configuration, and what the name itself asks for."""
    policy: Policy
    """That of the pool; of a request that is part of an experiment, its variant's stands in for it."""
    is_tried: bool
    """Whether an experiment runs."""
    is_sorted: bool
    """Whether there are routes to find for it."""


@dataclass(frozen=True, slots=True)
class RouterState:
    """Everything configuration says, complete and immutable; swapped as a whole."""

    pools: Mapping[str, Pool]
    providers: Mapping[str, Provider]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By name; a pool may also name a policy kind, which then has default settings."""
    rules: tuple[Rule, ...] = ()
    scorecard: Scorecard = field(default_factory=Scorecard)
    budgets: Mapping[str, float] = field(default_factory=dict)
    """Agent → dollars per UTC day."""
    revision: str = ""
    routes: RouteBook = field(default_factory=RouteBook)
    pool_budgets: Mapping[str, float] = field(default_factory=dict)
    """Pool → dollars per UTC day."""
    predictor: Predictor | None = None
    """What the words of a request say, where that was proven to help; None = there is none to trust."""
    unheard: Correction = SILENT
    """Said while there is no predictor: nothing, or why the one that was configured is not used."""
    classifier: Classifier | None = None
    """Asked for the route of a request that sounds like none."""
    verifiers: Mapping[str, Verifier | Judge] = field(default_factory=dict)
    """Checks by the names that policies call them by."""

    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    """By pool."""
    ceilings: Ceilings = field(default_factory=dict)
    """Pool → target → largest share, 0..1, of a tenant's requests."""
    hedged: frozenset[str] = frozenset()
    """Pools whose late calls ask a second target as well."""
    _ways: dict[str, Way] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Those found so far."""

    def way(self, model: str) -> Way:
        """What a request for this model meets.

        Raises:
            UnknownModelError: no pool or target has that name.
        """
        found = self._ways.get(model) if isinstance(model, str) else None
        return found or self._find(model)

    def arm(self, pool: Pool, request: Request, at: datetime) -> Arm | None:
        """What a request to this pool is assigned; None when no experiment runs."""
        experiment = self.experiments.get(pool.name)
        return None if experiment is None else experiment.assign(unit_of(request), at)

    def policy(self, pool: Pool, arm: Arm | None = None) -> Policy:
        """The policy a pool names, or that of the variant."""
        return self._named(pool.policy if arm is None else self.experiments[pool.name].policies[arm.variant])

    def variants(self, pool: Pool) -> dict[str, Policy]:
        """Policies of the pool's experiment by variant; none without one."""
        experiment = self.experiments.get(pool.name)
        return {} if experiment is None else {v: self._named(name) for v, name in experiment.policies.items()}

    def provider(self, target: Target) -> Provider:
        """What answers for a target, fenced off so that nothing but a `ProviderError` comes out of it."""
        return fenced(self.providers[target.provider], target.name)

    def targets(self, decision: Decision) -> list[Target]:
        """Kept targets of a decision in the order they are tried."""
        return [*map(self.pools[decision.pool].by_name.__getitem__, decision.ranked)]

    def _find(self, model: str) -> Way:
        found = addressing.find(model, self.pools)
        is_tried = found.target is None and found.pool.name in self.experiments
        rules = (*self.rules, *found.rules)
        way = Way(found.pool, found.target, found.targets, found.rules, rules, self.policy(found.pool), is_tried, bool(self.routes))
        self._ways[model] = way
        return way

    def _named(self, policy: str) -> Policy:
        return self.policies.get(policy) or _plain_policy(policy)


@lru_cache(maxsize=64)
def _plain_policy(kind: str) -> Policy:
    return Policy(kind, kind)
