"""Hard stops for dollars, tokens and time: what running calls may still use is set aside before they start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit import Target, Usage
from routerkit_evals.errors import EvalError

CHARS_PER_TOKEN: Final = 3.5
GUESSED_OUTPUT: Final = 1_000
"""Answer length assumed before a target has answered once, in tokens."""


@dataclass(frozen=True, slots=True)
class Stops:
    """What ends a run; None = no limit."""

    max_usd: float | None = None
    max_tokens: int | None = None
    """Input and output tokens of all calls together."""
    max_s: float | None = None
    """Seconds after which no new call starts; running ones finish."""

    def __post_init__(self) -> None:
        for name, flag in (("max_usd", "--budget-usd"), ("max_tokens", "--budget-tokens"), ("max_s", "--max-minutes")):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise EvalError(f"{flag} {value:g} is not a limit; give a number from 0 up")


class Need(NamedTuple):
    """What one call may use."""

    usd: float
    tokens: int


class Spend:
    """Dollars and tokens of one run, and its time. Without limits it only counts. Safe to use from any thread."""

    def __init__(self, targets: Mapping[str, Target], stops: Stops | float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; the time runs from here. A bare number limits dollars.

        Raises:
            EvalError: there is a limit on dollars, and a target has no price: it could not be kept.
        """
        self._stops = stops if isinstance(stops, Stops) else Stops(stops)
        if self._stops.max_usd is not None:
            refuse_unpriced(targets, self._stops.max_usd)
        self._targets, self._clock, self._started_s = targets, clock, clock()
        self._lock = threading.Lock()
        self._most: dict[str, Need] = {}
        self._reserved_usd, self._reserved_tokens = 0.0, 0
        self._needs: dict[str, list[Need]] = {}
        self.spent_usd = 0.0
        """What is known to have been spent."""
        self.used_tokens = 0
        self.stopped_by: str = ""
        """`dollars`, `tokens` or `time`, once a limit has held a call back; empty before."""

    def reserve(self, target: str, prompt_chars: int) -> float | None:
        """Set aside what the next call will about use, in dollars; None when that would break a limit."""
        with self._lock:
            need = self._need(target, prompt_chars)
            self.stopped_by = self._broken_by(need)
            if self.stopped_by:
                return None
            self._needs.setdefault(target, []).append(need)
            self._reserved_usd += need.usd
            self._reserved_tokens += need.tokens
            return need.usd

    def settle(self, target: str, *, reserved: float, cost_usd: float | None, tokens: int | None = None) -> None:
        """Replace what was set aside by what was used; what is unknown counts as what was set aside."""
        with self._lock:
            need = self._release(target, reserved)
            used = Need(reserved if cost_usd is None else cost_usd, need.tokens if tokens is None else tokens)
            self.spent_usd += used.usd
            self.used_tokens += used.tokens
            most = self._most.get(target, Need(0.0, 0))
            self._most[target] = Need(max(used.usd, most.usd), max(used.tokens, most.tokens))

    def _need(self, target: str, prompt_chars: int) -> Need:
        most, price = self._most.get(target, Need(0.0, 0)), self._targets[target].price
        prompt_tokens = int(prompt_chars / CHARS_PER_TOKEN)
        usd = price.cost_usd(Usage(prompt_tokens, GUESSED_OUTPUT)) if price else 0.0
        # Tokens are known exactly after the first answer, so no guess is needed then; dollars stay cautious.
        return Need(max(usd, most.usd), most.tokens or prompt_tokens + GUESSED_OUTPUT)

    def _broken_by(self, need: Need) -> str:
        stops = self._stops
        if stops.max_s is not None and self._clock() - self._started_s >= stops.max_s:
            return "time"
        if stops.max_usd is not None and self.spent_usd + self._reserved_usd + need.usd > stops.max_usd:
            return "dollars"
        if stops.max_tokens is not None and self.used_tokens + self._reserved_tokens + need.tokens > stops.max_tokens:
            return "tokens"
        return ""

    def _release(self, target: str, reserved: float) -> Need:
        needs = self._needs.get(target, [])
        need = next((n for n in needs if n.usd == reserved), Need(reserved, 0))
        if need in needs:
            needs.remove(need)
        self._reserved_usd -= reserved
        self._reserved_tokens -= need.tokens
        return need


def refuse_unpriced(targets: Mapping[str, Target], max_usd: float) -> None:
    """Refuse a limit on dollars that could not be kept.

    Raises:
        EvalError: a target has no price.
    """
    if unpriced := [name for name, target in targets.items() if target.price is None]:
        raise EvalError(f"--budget-usd {max_usd:g} cannot be kept: no price is known for {', '.join(unpriced)}; set usd_per_mtok")
