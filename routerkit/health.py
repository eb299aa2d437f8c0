"""Which targets are fit to be called: a circuit breaker, a rate-limit wait and a switch-off per target, and how fast each answers."""

from __future__ import annotations

import math
import random
import threading
from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from routerkit.errors import ProviderError

CONSECUTIVE_FAILURES: Final = 5
"""Open after this many failures in a row (Envoy's default for consecutive 5xx)."""
FAILURE_SHARE: Final = 0.5
WINDOW_CALLS: Final = 20
WINDOW_S: Final = 60.0
OPEN_S: Final = 10.0
"""First ejection; doubles with each further one up to `MAX_OPEN_S`."""
MAX_OPEN_S: Final = 300.0
DISABLED_S: Final = 600.0
"""How long a target stays out whose credential, quota or model is wrong."""
MAX_RETRY_AFTER_S: Final = 300.0
"""Longest wait a provider may ask for; more is taken as a mistake."""
DEFAULT_LIMIT_S: Final = 1.0
"""Wait after a 429 that does not say how long."""
SLOW_START_S: Final = 10.0
"""How long a target that has recovered is loaded less than it could be: a server that was just started is slow, and a false dawn common."""
PROBE_S: Final = 60.0
"""A half-open probe that has not reported by then is forgotten."""
_LATENCY_WEIGHT: Final = 0.3
"""Share of the newest latency in the running mean: about the last five calls speak."""
_NOT_ILL: Final = frozenset(
    {
        "rate_limit",
        "auth",
        "quota",
        "not_found",
        "context_length",
        "content_filter",
        "invalid_request",
        "deadline",
        "no_candidate",
        "budget",
        "shed",
        "loop",  # a caller may forge the count of hops, and must not eject a target for others by that
    }
)
"""Failures that say nothing about the target's health: the request's fault, or a state of their own."""


Caller: TypeAlias = tuple[str | None, str | None, int]
"""Tells one request from another; see `Features.caller`."""
_NEVER: Final = (-math.inf, None)
"""Stands for the last success of a target that had none."""


class Ailment(NamedTuple):
    """Why a target is not fit right now."""

    state: str
    """`health` (breaker open), `limited` (429) or `disabled` (credential, quota or model wrong)."""
    until: float
    """Instant on the board's clock at which it is tried again."""
    why: str


class _Outcome(NamedTuple):
    at: float
    caller: Caller | None
    ok: bool


@dataclass(slots=True)
class _Cell:
    outcomes: deque[_Outcome] = field(default_factory=lambda: deque(maxlen=WINDOW_CALLS))
    in_a_row: int = 0
    times_opened: int = 0
    open_until: float = 0.0
    open_why: str = ""
    probe_since: float | None = None
    recovered_at: float = -math.inf
    """When a success last closed the breaker; until a window later the cell is kept, so that a relapse is ejected for longer."""
    n_since_recovery: int = 0
    """Calls that wanted to begin since then."""
    limited_until: float = 0.0
    disabled_until: float = 0.0
    disabled_why: str = ""


class HealthBoard:
    """Health of all targets of one process. Thread-safe; holds no lock across I/O."""

    def __init__(self, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock, self._rng = clock, rng
        self._lock = threading.Lock()
        self._cells: dict[str, _Cell] = {}
        self.ailing: Container[str] = self._cells
        """Names of targets that failed and have not been well for long since; about any other there is nothing to ask."""
        self._latency_s: dict[str, float] = {}
        self._served: dict[str, tuple[float, Caller | None]] = {}
        """Last success of each target: when, and whose call it was."""

    def snapshot(self) -> Mapping[str, Ailment]:
        """Targets that are unfit now, with the reason; empty when all is well."""
        if not self._cells:
            return {}
        now = self._clock()
        with self._lock:
            found = ((name, _ailment(cell, now)) for name, cell in self._cells.items())
            return {name: ailment for name, ailment in found if ailment}

    def verdicts(self) -> Mapping[str, Ailment]:
        """What other processes should know of: unfit targets, without probes and with reasons that do not count seconds."""
        if not self._cells:
            return {}
        now = self._clock()
        with self._lock:
            found = ((name, _verdict(cell, now)) for name, cell in self._cells.items())
            return {name: verdict for name, verdict in found if verdict}

    def adopt(self, target: str, verdict: Ailment) -> None:
        """Take over what another process found out, unless more is known here. `verdict.until` is on this board's clock."""
        with self._lock:
            cell = self._cells.setdefault(target, _Cell())
            if verdict.state == "disabled" and verdict.until > cell.disabled_until:
                cell.disabled_until, cell.disabled_why = verdict.until, verdict.why
            elif verdict.state == "health" and verdict.until > cell.open_until:
                cell.open_until, cell.open_why, cell.probe_since = verdict.until, verdict.why, None
            elif verdict.state == "limited":
                cell.limited_until = max(cell.limited_until, verdict.until)

    def latencies_s(self) -> Mapping[str, float]:
        """Running mean of each target's time to a whole answer, in seconds; targets never called are absent."""
        return dict(self._latency_s)

    def limited_until(self, target: str) -> float:
        """Instant before which the provider asked not to be called; 0 when it did not."""
        cell = self._cells.get(target)
        return cell.limited_until if cell else 0.0

    def starting(self, target: str) -> bool:
        """A call to the target begins; on a half-open breaker it becomes the one probe.

        Returns:
            False if it should go elsewhere: another call is that probe already, also when both were decided on before either began,
            or the target has just recovered and takes one call in four, then one in two.
        """
        cell = self._cells.get(target)
        if cell is None:
            return True
        now = self._clock()
        with self._lock:
            if not cell.open_until:
                return not _is_spared(cell, now)
            if _is_probed(cell, now):
                return False
            cell.probe_since = now
            return True

    def succeeded(self, target: str, latency_s: float, caller: Caller | None = None) -> None:
        """A call to the target ended well after `latency_s` seconds."""
        old, now = self._latency_s.get(target), self._clock()
        self._latency_s[target] = latency_s if old is None else old + _LATENCY_WEIGHT * (latency_s - old)
        self._served[target] = now, caller
        if target in self._cells:
            self._recover(target, now, caller)

    def _recover(self, target: str, now: float, caller: Caller | None) -> None:
        with self._lock:
            cell = self._cells.setdefault(target, _Cell())  # another thread's success may have removed it meanwhile
            if cell.open_until > now and cell.probe_since is None:
                return  # a call that was under way when the breaker opened says nothing new
            if cell.open_until:
                cell.recovered_at, cell.n_since_recovery = now, 0
                cell.outcomes.clear()  # what led to the ejection must not help to cause the next one
            cell.in_a_row, cell.probe_since, cell.open_until, cell.disabled_until = 0, None, 0.0, 0.0
            cell.outcomes.append(_Outcome(now, caller, ok=True))
            if cell.limited_until <= now and now - cell.recovered_at >= WINDOW_S and not _has_failed(cell, now):
                del self._cells[target]

    def failed(self, target: str, error: ProviderError, caller: Caller | None = None) -> None:
        """A call to the target failed; what that means depends on `error.code`."""
        now = self._clock()
        with self._lock:
            cell = self._cells.setdefault(target, _Cell())
            if error.code == "rate_limit":
                wait_s = DEFAULT_LIMIT_S if error.retry_after_s is None else min(error.retry_after_s, MAX_RETRY_AFTER_S)
                # max: a second 429 must never shorten the wait that the first one asked for
                cell.limited_until = max(cell.limited_until, now + wait_s)
            elif error.kind == "auth" and error.code != "all_failed":  # an inner router disables its own targets
                cell.disabled_until, cell.disabled_why = now + DISABLED_S, f"{error.code}: {error}"
            if error.kind == "invalid" or error.code in _NOT_ILL:
                cell.probe_since = None
            else:
                cell.in_a_row += 1
                cell.outcomes.append(_Outcome(now, caller, ok=False))
                if cell.probe_since is not None or self._is_ill(cell, now, self._served.get(target, _NEVER)):
                    self._open(cell, now, error)

    def abandoned(self, target: str, began_at: float) -> None:
        """The caller of a call that began at this instant did not wait for its end; if it was the probe, the next call may be."""
        cell = self._cells.get(target)
        if cell is None:
            return
        with self._lock:
            if cell.probe_since is not None and cell.probe_since <= began_at:
                cell.probe_since = None

    def _is_ill(self, cell: _Cell, now: float, served: tuple[float, Caller | None]) -> bool:
        recent = [outcome for outcome in cell.outcomes if now - outcome.at < WINDOW_S]
        failures = [outcome for outcome in recent if not outcome.ok]
        share_is_bad = len(recent) >= CONSECUTIVE_FAILURES and len(failures) >= FAILURE_SHARE * len(recent)
        if cell.in_a_row < CONSECUTIVE_FAILURES and not share_is_bad:
            return False
        if cell.in_a_row >= 2 * CONSECUTIVE_FAILURES:
            return True
        fine = [outcome for outcome in recent if outcome.ok] + ([_Outcome(*served, ok=True)] if now - served[0] < WINDOW_S else [])
        return not _is_one_requests_word(failures, fine)

    def _open(self, cell: _Cell, now: float, error: ProviderError) -> None:
        if cell.open_until > now:
            return  # calls that were under way when it opened do not lengthen the ejection
        length_s = min(OPEN_S * 2**cell.times_opened, MAX_OPEN_S) * self._rng.uniform(0.8, 1.2)
        cell.times_opened += 1
        cell.open_until, cell.probe_since = now + length_s, None
        cell.open_why = f"{cell.in_a_row} failures in a row, last {error.code}"


def _ailment(cell: _Cell, now: float) -> Ailment | None:
    if cell.disabled_until > now:
        return Ailment("disabled", cell.disabled_until, f"{cell.disabled_why} (again in {cell.disabled_until - now:.0f} s)")
    if cell.open_until > now:
        return Ailment("health", cell.open_until, f"{cell.open_why} (again in {cell.open_until - now:.0f} s)")
    if cell.probe_since is not None and _is_probed(cell, now):
        return Ailment("health", cell.probe_since + PROBE_S, "half-open, its one probe is under way")
    if cell.limited_until > now:
        return Ailment("limited", cell.limited_until, f"rate limited for another {cell.limited_until - now:.1f} s")
    return None


def _verdict(cell: _Cell, now: float) -> Ailment | None:
    if cell.disabled_until > now:
        return Ailment("disabled", cell.disabled_until, cell.disabled_why)
    if cell.open_until > now:
        return Ailment("health", cell.open_until, cell.open_why)
    return Ailment("limited", cell.limited_until, "rate limited") if cell.limited_until > now else None


def _is_probed(cell: _Cell, now: float) -> bool:
    return bool(cell.open_until) and cell.probe_since is not None and now - cell.probe_since < PROBE_S


def _is_spared(cell: _Cell, now: float) -> bool:
    since_s = now - cell.recovered_at
    if since_s >= SLOW_START_S:
        return False
    cell.n_since_recovery += 1
    return cell.n_since_recovery % (4 if since_s < SLOW_START_S / 2 else 2) != 1


def _has_failed(cell: _Cell, now: float) -> bool:
    return any(not outcome.ok and now - outcome.at < WINDOW_S for outcome in cell.outcomes)


def _is_one_requests_word(failures: Sequence[_Outcome], fine: Sequence[_Outcome]) -> bool:
    """Whether all failures are of one request, while another was answered: a prompt that breaks a server must not eject it for all."""
    callers = {outcome.caller for outcome in failures}
    return len(callers) == 1 and None not in callers and any(outcome.caller not in callers for outcome in fine)
