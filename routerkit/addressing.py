"""What a request's `model` stands for: a pool, `pool/target`, or a target of whichever pool holds it first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from routerkit.catalog import Pool, Target
from routerkit.errors import UnknownModelError
from routerkit.rules import Rule, When


class Address(NamedTuple):
    """A pool, and the one target of it that was asked for."""

    pool: Pool
    target: Target | None
    """None = any."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """Targets that may answer."""
        return self.pool.targets if self.target is None else (self.target,)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What the address itself asks for."""
        return () if self.target is None else (Rule(f"{self.target.name} was asked for", When(), only=(self.target.name,), is_firm=True),)


def find(model: str, pools: Mapping[str, Pool]) -> Address:
    """What `model` stands for.

    Raises:
        UnknownModelError: no pool or target has that name.
    """
    if not isinstance(model, str):  # what an unset variable of the caller looks like
        raise UnknownModelError(str(model), pools)
    if pool := pools.get(model):
        return Address(pool, None)
    pool_name, _, name = model.rpartition("/")
    within = pools.get(pool_name)
    if within and (target := within.target(name)):
        return Address(within, target)
    for holder in pools.values():
        if target := holder.target(model):
            return Address(holder, target)
    raise UnknownModelError(model, {*pools, *(t.name for p in pools.values() for t in p.targets)})
