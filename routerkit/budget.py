"""Money per agent, key and pool and UTC day: set aside before every attempt what it may cost at worst, settled to what it did cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, TypeAlias

from routerkit.catalog import Price, Target
from routerkit.decision import Decision, format_usd
from routerkit.errors import ProviderError
from routerkit.features import Features
from routerkit.instants import day_of
from routerkit.messages import Allowance, Request
from routerkit.quick import tupler
from routerkit.state.interface import TEXTS, UNKNOWN, Note, StateStore
from routerkit.state.leases import Claim, Hold, Leases, Shortage
from routerkit.state.memory import MemoryStore
from routerkit.state.rounding import MICROS_PER_USD, micros, whole

LONGEST_ANSWER_TOKENS: Final = 128_000
"""Assumed when neither the caller nor the target limits the answer: the longest that any large model gives (2026-11)."""


Claims: TypeAlias = tuple[Claim, ...]
"""All that pay for a call."""


class Left(NamedTuple):
    """What the tightest of a call's accounts may still spend today."""

    usd: float
    """Negative when overspent."""
    account: str

    @property
    def whose(self) -> str:
        """As in a sentence: `agent 'planner'`."""
        return whose(self.account)


_left: Final = tupler(Left)


class Limits(Protocol):
    """Dollars per UTC day, by name."""

    @property
    def budgets(self) -> Mapping[str, float]:
        """Of agents."""
        ...

    @property
    def pool_budgets(self) -> Mapping[str, float]:
        """Of pools."""
        ...


class Budgets:
    """All accounts of one router."""

    def __init__(self, now: Callable[[], datetime], store: StateStore | None = None) -> None:
        self._now = now
        self.leases = Leases(store or MemoryStore())
        self._records_lost = self.leases.store.records_lost

    def left(self, claims: Claims, at: datetime) -> Left | None:
        """What the tightest of these accounts has left, as this process last saw it; None when there are none."""
        if not claims:
            return None
        left, account = self.leases.left(claims, day_of(at))
        return _left((left / MICROS_PER_USD, account))

    def purse(self, claims: Claims, request: Request, decision: Decision) -> Purse | None:
        """Money for one call; None when no budget applies, and nobody would know of the call if this process died."""
        if self._records_lost:
            return Purse(self.leases, claims, decision.features, self._now, Subject((request, decision)))
        return Purse(self.leases, claims, decision.features, self._now) if claims else None


class Subject(tuple[Request, Decision]):
    """What a call is about, for its row should its process die."""

    __slots__ = ()

    def note(self, target: str, model: str, features: Features, at: datetime) -> Note:
        """`Facts` of an attempt that begins now; of a check, target and model are empty."""
        request, decision = self
        texts = TEXTS % (
            decision.id,
            target,
            model,
            features.input_tokens,
            decision.pool,
            request.agent or "",
            request.key or "",
            decision.features.kind or "",
            decision.policy,
            request.session or "",
        )
        return decision.at.timestamp(), at.timestamp(), texts.encode("utf-8", "surrogatepass")


class Purse:
    """The money of one call: at most one attempt at a time has some set aside. It is spent once the call is recorded."""

    __slots__ = ("_claims", "_features", "_hold", "_holds", "_leases", "_now", "_subject")

    def __init__(
        self, leases: Leases, claims: Sequence[Claim], features: Features, now: Callable[[], datetime], subject: Subject | None = None
    ) -> None:
        self._leases = leases
        self._claims = claims
        self._features = features
        self._now = now
        self._subject = subject
        self._hold: Hold | None = None
        self._holds: list[Hold] = []
        """Of all attempts of the call, also of those that are over."""

    def another(self) -> Purse:
        """The same accounts, for an attempt at the same time; closed with this one."""
        twin = Purse(self._leases, self._claims, self._features, self._now, self._subject)
        twin._holds = self._holds
        return twin

    def reserve(self, target: Target, features: Features | None = None) -> ProviderError | None:
        """Set aside what an attempt on this target may cost at worst; the error says whose money does not suffice.

        Args:
            target: Where it goes.
            features: Of what is sent; None = of the call's request.
        """
        features = features or self._features
        payers, worst = self._claims, _worst(target, features)
        if worst and payers:
            most = whole(worst)
        elif worst is None and payers:
            return _unpriced(target, payers[0].name)
        else:  # a model on this machine costs nothing, and answers also when the day's money is gone
            payers, most = (), 0 if worst == 0 else UNKNOWN
        at = self._now()
        note = self._subject and self._subject.note(target.name, target.model, features, at)
        found = self._leases.reserve(payers, most, day_of(at), note)
        if isinstance(found, Shortage):
            return _refused(target, features, found)
        self._hold = found
        self._holds.append(found)
        return None

    def expect(self, features: Features) -> None:
        """The next attempts send something else than the call's request: evidence was added, or a judge is asked."""
        self._features = features

    def release(self) -> None:
        """The attempt was never begun. Without one nothing happens."""
        hold, self._hold = self._hold, None
        if hold is not None:
            self._holds.remove(hold)
            self._leases.settle(hold, 0)

    def settle(self, cost_usd: float | None) -> None:
        """The attempt is over and cost so much; None = unknown, which counts as the worst. Without an attempt nothing happens."""
        hold, self._hold = self._hold, None
        if hold and cost_usd is not None:
            self._leases.cost(hold, self._claims, cost_usd)

    def charge(self, cost_usd: float | None) -> None:
        """Something else than an attempt cost so much, e.g. a check. Unknown cannot be counted; the record says that it is unknown."""
        if cost_usd:
            at, subject = self._now(), self._subject
            note = subject and subject.note("", "", self._features, at)
            self._holds.append(self._leases.charge(self._claims, cost_usd, day_of(at), note))

    def close(self) -> None:
        """The call is recorded: what it set aside is spent."""
        for hold in self._holds:
            self._leases.settle(hold)
        self._holds.clear()


def whose(account: str) -> str:
    """An account as people name its owner: `agent 'planner'`."""
    kind, _, name = account.partition(":")
    return f"{kind} {name!r}"


def dearest(targets: Sequence[Target]) -> Price | None:
    """A price, for input and for output, that none of these targets exceeds; None when one of theirs is unknown."""
    prices = [t.price for t in targets if t.price is not None]
    if not prices or len(prices) < len(targets):
        return None
    return Price(max([p.dearest_input for p in prices]), max([p.output for p in prices]))


def most_usd(price: Price, features: Features) -> float:
    """What one attempt costs at most at such a price, however long a target lets the answer become."""
    longest = LONGEST_ANSWER_TOKENS if features.output_tokens_limit is None else features.output_tokens_limit
    return (features.input_tokens_bound * price.input + longest * price.output) / 1e6


def at_worst(target: Target, features: Features) -> str:
    """What one attempt may cost at most in words, with the length of the answer that is reckoned with; for a target with a price."""
    usd = worst_usd(target, features) or 0.0
    n_tokens = _longest_answer(target, features)
    if not n_tokens:
        return f"may cost {format_usd(usd)}"
    why = ", as max_tokens is not set," if features.output_tokens_limit is None else ""
    return f"may cost {format_usd(usd)} with {n_tokens:,} tokens of answer{why}"


def worst_usd(target: Target, features: Features) -> float | None:
    """What one attempt may cost at most: the prompt's upper bound at the dearest input price and the longest answer; None = no price."""
    worst = _worst(target, features)
    return None if worst is None else worst / MICROS_PER_USD


def _longest_answer(target: Target, features: Features) -> int:
    """Tokens of the answer that `_worst` reckons with; 0 if they cost nothing."""
    worst, price = _worst(target, features), target.price
    if not worst or price is None or not price.output:
        return 0
    return round((worst - features.input_tokens_bound * price.dearest_input) / price.output)


def _worst(target: Target, features: Features) -> float | None:
    """In micro-dollars: so much is a dollar per million tokens for one."""
    price = target.price
    if price is None:
        return None
    longest = features.output_tokens_limit
    if longest is None:
        longest = LONGEST_ANSWER_TOKENS
    if target.max_output_tokens is not None and target.max_output_tokens < longest:
        longest = target.max_output_tokens
    elif target.context_tokens is not None and target.context_tokens < longest:
        longest = target.context_tokens
    return features.input_tokens_bound * price.dearest_input + longest * price.output


def claims_of(request: Request, pool: str, limits: Limits) -> Claims:
    """Who pays for a request to this pool."""
    agent_usd = None if request.agent is None else limits.budgets.get(request.agent)
    return _payers(request.allowances, request.agent, agent_usd, pool, limits.pool_budgets.get(pool))


@lru_cache(maxsize=1024)
def _payers(allowances: tuple[Allowance, ...], agent: str | None, agent_usd: float | None, pool: str, pool_usd: float | None) -> Claims:
    found = [(a.account, a.usd_per_day) for a in allowances]
    found += [] if agent_usd is None else [(f"agent:{agent}", agent_usd)]
    found += [] if pool_usd is None else [(f"pool:{pool}", pool_usd)]
    return tuple([Claim(account, micros(usd)) for account, usd in found])


def _unpriced(target: Target, account: str) -> ProviderError:
    text = f"the price of target {target.name!r} is unknown, so it cannot be held to the budget of {whose(account)}"
    return ProviderError(f"{text}; give it usd_per_mtok", code="budget")


def _refused(target: Target, features: Features, short: Shortage) -> ProviderError:
    if short.trouble is not None:
        return ProviderError(
            f"the budget of {whose(short.name)} cannot be checked now ({short.trouble})", code="overloaded", retry_after_s=1.0
        )
    left = format_usd(max(0, short.left) / MICROS_PER_USD)
    text = f"a call to target {target.name!r} {at_worst(target, features)} > the {left} that {whose(short.name)} has left today"
    lower = "lower max_tokens" if features.output_tokens_limit is not None else "set max_tokens"
    return ProviderError(f"{text}; {lower}, or wait for midnight UTC", code="budget")
