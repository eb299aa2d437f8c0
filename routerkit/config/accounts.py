"""Where the state of a configuration stands right now: the money of a day, and the targets that some process found unfit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from routerkit.config.schema import Config
from routerkit.config.section import located
from routerkit.config.state import build_store, state_url
from routerkit.errors import ConfigError
from routerkit.state.interface import Account, AccountLine, Notice, StateStore
from routerkit.state.rounding import MICROS_PER_USD, micros

_HOLDER: Final = "charge_accounts"
_BOOKING_S: Final = 60.0
"""Longer than lending and booking take, one right after the other."""


class AccountStanding(NamedTuple):
    """One account on one UTC day, in dollars."""

    account: str
    """`agent:NAME`, `key:ID` or `pool:NAME`."""
    day: str
    """`YYYY-MM-DD`."""
    limit_usd: float
    spent_usd: float
    reserved_usd: float
    """Set aside for attempts under way, and lent to processes."""
    left_usd: float


class Correction(NamedTuple):
    """What something cost, and what was booked for it."""

    account: str
    day: str
    what: str
    """Names it; the same correction made again changes nothing."""
    was_usd: float
    is_usd: float


def account_standings(config: Config, base: Path, day: str) -> list[AccountStanding]:
    """Accounts of the configuration, used or not, and those of keys, which only the store knows; by name.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.
        day: UTC day, `YYYY-MM-DD`.

    Raises:
        ConfigError: the store cannot be opened, or every process counts for itself.
        StateError: it cannot be reached.
    """
    limits = _limits(config)
    found = {line.account.name: line for line in _used(config, base, day)}
    for name, usd in limits.items():
        line = found.get(name) or AccountLine(Account(name, day), 0, 0, 0)
        found[name] = line._replace(limit=micros(usd))
    return [_standing(found[name]) for name in sorted(found)]


def charge_accounts(config: Config, base: Path, day: str, spent_usd: Mapping[str, float], *, now: float) -> None:
    """Book what calls cost that no router of this configuration booked, on accounts that it limits.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.
        day: UTC day, `YYYY-MM-DD`.
        spent_usd: Dollars by account; what has no limit is left out.
        now: Unix time.

    Raises:
        ConfigError: the store cannot be opened.
        StateError: it cannot be reached.
    """
    store = build_store(config, base)
    if store is None:
        return
    until = now + _BOOKING_S
    try:
        for name, limit_usd in _limits(config).items():
            account, spent = Account(name, day), micros(spent_usd.get(name, 0.0))
            store.draw(account, ask=spent, least=0, limit=micros(limit_usd), holder=_HOLDER, until=until)
            store.book(account, spent=spent, back=0, holder=_HOLDER, until=until)
    finally:
        store.close()


def correct_accounts(config: Config, base: Path, corrections: Sequence[Correction]) -> None:
    """Book the differences on accounts that were used; where nothing is kept there is nothing to correct.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.
        corrections: What to book.

    Raises:
        ConfigError: the store cannot be opened, or every process counts for itself.
        StateError: it cannot be reached.
    """
    store = _open(config, base)
    if store is None:
        return
    try:
        for account, day, what, was_usd, is_usd in corrections:
            store.correct(Account(account, day), what, micros(is_usd) - micros(was_usd))
    finally:
        store.close()


def unfit_targets(config: Config, base: Path, now: float) -> tuple[Notice, ...]:
    """Targets that some process keeps away from right now, as all processes on one store tell each other.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.
        now: Unix time.

    Raises:
        ConfigError: the store cannot be opened, or every process counts for itself.
        StateError: it cannot be reached.
    """
    store = _open(config, base)
    if store is None:
        return ()
    try:
        return store.notices(now)
    finally:
        store.close()


def _limits(config: Config) -> dict[str, float]:
    """Dollars per day by account."""
    agents = {f"agent:{name}": usd for name, usd in config.usd_per_day.items()}
    return agents | {f"pool:{name}": usd for name, usd in config.pool_usd_per_day.items()}


def _used(config: Config, base: Path, day: str) -> tuple[AccountLine, ...]:
    store = _open(config, base)
    if store is None:
        return ()
    try:
        return store.accounts(day)
    finally:
        store.close()


def _open(config: Config, base: Path) -> StateStore | None:
    """The store, None where nothing is kept or nothing was kept yet: looking at it makes no file."""
    url = state_url(config, base)
    if url is None and config.state is not None:
        raise ConfigError('[state] url is "memory:", so every process counts for itself; name a file or a server to see it here')
    if url and url.startswith("sqlite:") and not located(base, url.removeprefix("sqlite:")).exists():
        return None
    return build_store(config, base)


def _standing(line: AccountLine) -> AccountStanding:
    amounts = (line.limit, line.spent, line.leased, line.limit - line.spent - line.leased)
    return AccountStanding(*line.account, *(amount / MICROS_PER_USD for amount in amounts))
