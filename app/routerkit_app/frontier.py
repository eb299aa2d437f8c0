"""Which targets nobody beats, and how sure that is. Pure."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from routerkit.intervals import Z95

_DRAWS: Final = 2_000
"""A probability is then right within about two points."""
_SEED: Final = 7


def with_frontier(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `is_frontier`, whether no other row has a share as high at an `x` as low, and `p_frontier`, how often that held in draws.

    Args:
        frame: `solved` of `n_tasks` tasks, their `share`, and `x`, what is to be low, with its 95 % interval `x_low` to `x_high`.

    Shares are drawn from Beta(solved + 1/2, n - solved + 1/2), Jeffreys' posterior, `x` from a normal distribution cut at 0.
    """
    rng = np.random.default_rng(_SEED)
    solved, n, value = (frame[name].to_numpy(float) for name in ("solved", "n_tasks", "x"))
    error = (frame["x_high"] - frame["x_low"]).to_numpy(float) / (2 * Z95)
    size = (_DRAWS, len(frame))
    shares = rng.beta(solved + 0.5, n - solved + 0.5, size)
    values = np.maximum(rng.normal(value, error, size), 0.0)
    return frame.assign(
        is_frontier=_unbeaten(frame["share"].to_numpy(float)[None], value[None])[0], p_frontier=_unbeaten(shares, values).mean(axis=0)
    )


def _unbeaten(shares: NDArray[Any], values: NDArray[Any]) -> NDArray[Any]:
    """By row of draws and target."""
    as_good = (shares[:, None, :] >= shares[:, :, None]) & (values[:, None, :] <= values[:, :, None])
    better = (shares[:, None, :] > shares[:, :, None]) | (values[:, None, :] < values[:, :, None])
    return np.asarray(~(as_good & better).any(axis=2))
