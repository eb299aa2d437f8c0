"""Shipped public facts, as the laboratory uses them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from routerkit import priors as shipped
from routerkit_evals.lab.reading import Item
from routerkit_evals.lab.table import Prior

_KIND_OF = {"test_generation": "test_write"}


def priors_for(arms: Sequence[str], items: Sequence[Item]) -> Mapping[str, Prior]:
    """What leaderboards say about the arms on the commonest kind of these items; arms nobody published are left out."""
    kind = _commonest(items)
    found = {arm: shipped.facts_about(arm, kind) for arm in arms}
    return {arm: _prior(arm_facts, kind) for arm, arm_facts in found.items() if arm_facts}


def costs_for(arms: Sequence[str], items: Sequence[Item]) -> Mapping[str, float]:
    """Published dollars per task of the arms, for exactly the commonest kind of these items: other work has other lengths."""
    kind = _commonest(items)
    known = {arm: [f.cost_usd for f in shipped.facts_about(arm, kind) if f.kind == kind and f.cost_usd is not None] for arm in arms}
    return {arm: float(np.mean(costs)) for arm, costs in known.items() if costs}


def _commonest(items: Sequence[Item]) -> str:
    kind = Counter(item.kind for item in items).most_common(1)[0][0] if items else ""
    return _KIND_OF.get(kind, kind)


def _prior(found: Sequence[shipped.Fact], kind: str) -> Prior:
    n = shipped.FACT_N if any(f.kind == kind for f in found) else shipped.OTHER_KIND_N
    return Prior(float(np.mean([f.passed_share for f in found])), n, f"{found[0].benchmark}, {found[0].date}")


def list_prices() -> Mapping[str, float]:
    """Dollars per million tokens of models whose recorded calls carry no cost."""
    return {p.model: p.usd_per_mtok for p in shipped.list_prices()}
