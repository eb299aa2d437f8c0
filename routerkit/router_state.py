"""All that configuration says to a router, as one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routerkit.catalog import Pool
from routerkit.classifier import Classifier
from routerkit.policy import Policy
from routerkit.provider import Provider
from routerkit.routes import RouteBook
from routerkit.rules import Rule
from routerkit.scorecard import Scorecard


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
    classifier: Classifier | None = None
    """Asked for the route of a request that sounds like none."""

    def policy(self, pool: Pool) -> Policy:
        """The policy a pool names."""
        return self.policies.get(pool.policy) or Policy(pool.policy, pool.policy)
