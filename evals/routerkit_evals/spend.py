"""A hard stop for money: what running calls may still cost is set aside before they start."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from routerkit import Target, Usage
from routerkit_evals.errors import EvalError

_CHARS_PER_TOKEN = 3.5
_GUESSED_OUTPUT = 1_000
"""Answer length assumed before a target has answered once, in tokens."""


class Spend:
    """Dollars of one run. Without a limit it only counts."""

    def __init__(self, targets: Mapping[str, Target], max_usd: float | None) -> None:
        """Prepare.

        Raises:
            EvalError: there is a limit, and a target has no price: it could not be kept.
        """
        if max_usd is not None and (unpriced := [name for name, target in targets.items() if target.price is None]):
            raise EvalError(f"--max-usd {max_usd:g} cannot be kept: no price is known for {', '.join(unpriced)}; set usd_per_mtok")
        self._targets, self._max_usd = targets, max_usd
        self._lock = threading.Lock()
        self._dearest: dict[str, float] = {}
        self._reserved_usd = 0.0
        self.spent_usd = 0.0
        """What is known to have been spent."""

    def reserve(self, target: str, prompt_chars: int) -> float | None:
        """Set aside what the next call will about cost; None when that would break the limit."""
        with self._lock:
            estimate = max(self._guess_usd(target, prompt_chars), self._dearest.get(target, 0.0))
            if self._max_usd is not None and self.spent_usd + self._reserved_usd + estimate > self._max_usd:
                return None
            self._reserved_usd += estimate
            return estimate

    def settle(self, target: str, *, reserved: float, cost_usd: float | None) -> None:
        """Replace what was set aside by what it cost; an unknown cost counts as what was set aside."""
        with self._lock:
            self._reserved_usd -= reserved
            cost = reserved if cost_usd is None else cost_usd
            self.spent_usd += cost
            self._dearest[target] = max(cost, self._dearest.get(target, 0.0))

    def _guess_usd(self, target: str, prompt_chars: int) -> float:
        price = self._targets[target].price
        return price.cost_usd(Usage(int(prompt_chars / _CHARS_PER_TOKEN), _GUESSED_OUTPUT)) if price else 0.0
