"""What routing saved against sending everything to the strongest target, under a stated assumption. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

_FEWEST: Final = 30
"""Priced calls of a kind from which the strongest target's price per token is that kind's own; with fewer it is that of all calls."""


@dataclass(frozen=True, slots=True)
class Saving:
    """An estimate, not a measurement: nobody made the other calls."""

    strongest: str
    why: str
    """What makes it the strongest."""
    usd: float
    """What the strongest would have cost, less what was spent; negative when routing cost more."""
    share: float
    """Of what the strongest would have cost."""
    n: int
    """Priced calls compared."""
    n_strongest: int
    """Priced calls of the strongest behind its price per token."""
    quality: float | None = None
    """Share of the tasks that the strongest solved when it was measured; None = unmeasured."""


def saving_against_strongest(cells: pd.DataFrame, measured: pd.DataFrame) -> Saving | None:
    """Price every call at what the strongest target took per token for calls of the kind; None where it has no priced call, or is alone.

    Args:
        cells: Priced calls by `target` and `kind`: `n`, `usd`, `tokens`.
        measured: Solved `share` by `target`; may be empty, then the dearest per token counts as the strongest.
    """
    by_target = cells.groupby("target")[["n", "usd", "tokens"]].sum()
    by_target = by_target[by_target["tokens"] > 0]
    if len(by_target) < 2:
        return None
    shares = measured.set_index("target")["share"]
    known = shares[shares.index.isin(by_target.index)]
    rates = by_target["usd"] / by_target["tokens"]
    is_measured = len(known) > 1
    strongest = known.idxmax() if is_measured else rates.idxmax()
    why = "measured quality" if is_measured else "price per token, as quality is unmeasured"
    of_kind = cells[(cells["target"] == strongest) & (cells["n"] >= _FEWEST)].set_index("kind")
    rate = cells["kind"].map(of_kind["usd"] / of_kind["tokens"]).fillna(rates[strongest])
    would, spent = float((cells["tokens"] * rate).sum()), float(cells["usd"].sum())
    if would <= 0:
        return None
    quality = float(known[strongest]) if is_measured else None
    return Saving(
        str(strongest), why, would - spent, (would - spent) / would, int(cells["n"].sum()), int(by_target["n"][strongest]), quality
    )
