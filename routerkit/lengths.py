"""What the length of a request says about targets: the longer the work, the further they are apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

GROWTH: Final = 0.2
"""Share by which log-odds between targets grow when work is e times as long. Measured .11 ± .09 (SWE-bench), .21 ± .07 (SWT-Bench) and
.44 ± .36 (GSM8K), from which it was taken; .29 ± .04 on MMLU, on which it was checked."""
MOST: Final = 2.0
"""E-folds beyond which nothing was measured."""


@dataclass(frozen=True)
class Lengths:
    """How long requests usually are, and what a longer one does to each target."""

    typical: Mapping[str, float] = field(default_factory=dict)
    """Mean logarithm of the characters of a prompt, by kind."""
    slopes: Mapping[str, float] = field(default_factory=dict)
    """Log-odds that a target gains per e-fold of length; negative for those below the middle of all."""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (*self.typical.values(), *self.slopes.values()))):
            raise ValueError("a length or a slope is not a number")

    def by_target(self, text: str, kind: str) -> dict[str, float]:
        """What to add to the log-odds of each target; nothing for a kind whose length is not known."""
        if not text or kind not in self.typical:
            return {}
        longer = max(-MOST, min(MOST, math.log(len(text)) - self.typical[kind]))
        return {target: slope * longer for target, slope in self.slopes.items()}
