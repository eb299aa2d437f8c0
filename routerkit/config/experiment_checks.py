"""What is wrong with experiments beyond their shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from routerkit.config.problems import KeyPath, Problem, unknown_words
from routerkit.errors import nearest
from routerkit.policy import POLICY_KINDS

if TYPE_CHECKING:
    from routerkit.config.routing import ExperimentSection
    from routerkit.config.schema import Config


def experiment_problems(config: Config) -> Iterator[Problem]:
    """Policies that do not exist, and shares that cannot be dealt."""
    for name, pool in config.pools.items():
        if pool.experiment is not None:
            yield from _problems(("pools", name, "experiment"), pool.experiment, config)
            if pool.experiment.settle_within is not None and config.ledger is None:
                path = ("pools", name, "experiment", "settle_within")
                yield Problem(path, "needs a section [ledger], from which outcomes are read; add it or leave this out")


def _problems(path: KeyPath, section: ExperimentSection, config: Config) -> Iterator[Problem]:
    first, *others = section.variants
    for variant, policy in section.variants.items():
        if policy not in config.policies and policy not in POLICY_KINDS:
            known = {*config.policies, *POLICY_KINDS}
            yield Problem((*path, "variants", variant), f"unknown policy {policy!r}; {nearest(policy, known)}")
    yield from unknown_words((*path, "shares"), "variant", [v for v in section.shares if v != first], others)
    if first in section.shares:
        yield Problem((*path, "shares", first), f"{first!r} is the first variant and gets what the others leave; leave its share out")
    elif section.shares and (missing := [v for v in others if v not in section.shares]):
        yield Problem((*path, "shares"), f"{missing[0]!r} has no share; give one to each variant but the first")
    elif sum(section.shares.values()) > 1:
        yield Problem((*path, "shares"), f"they add up to {sum(section.shares.values()):g}; together they must leave something of 1")
