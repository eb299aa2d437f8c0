"""`routerkit ledger reconcile --settle`: puts what a bill says in place of what was assumed, in rows and in budgets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple, TextIO

import typer

from routerkit.config import Correction, correct_accounts, read
from routerkit.decision import format_usd
from routerkit.errors import ConfigError
from routerkit.settlement import NEAR, Asked, Settled, Settlement, settle
from routerkit.store import ingest
from routerkit.store.estimates import LoggedAttempts, Price, read_attempts, set_prices
from routerkit.usage_export import Billed, Used, model_name, read_lines


class Change(NamedTuple):
    """What one settlement changed."""

    n_billed: int
    n_free: int
    was_usd: float
    is_usd: float
    n_strangers: int


def settle_estimates(folder: Path, usage: Path, config: Path | None) -> Change:
    """Settle every attempt of unknown usage that the export can tell of; a second time nothing is left to change.

    Args:
        folder: Folder of the ledger.
        usage: The export.
        config: Whose budgets are corrected; None = no budgets are.

    Raises:
        ConfigError: the export does not list single requests, or the budgets cannot be opened.
        StoreError: the ledger cannot be written.
        StateError: the budgets cannot be reached.
    """
    bill = read_lines(usage)
    ingest(folder)
    times = [line.at for line in bill]
    first, last = min(times) - 2 * NEAR, max(times) + 2 * NEAR
    known = read_attempts(folder, first, last, live=True)
    found = _settlement([_asked(call, i) for call in known for i in range(len(call.attempts))], bill, usage)
    calls = {call.record_id: call for call in read_attempts(folder, first, last, live=False)}
    done = [settled for settled in found.settled if settled.asked.record_id in calls]
    # Budgets first: a correction that is repeated replaces itself, and once the rows are changed nobody would repeat it.
    if config is not None:
        correct_accounts(read(config), config.parent, list(_corrections(done, calls)))
    set_prices(folder, _prices(done, calls))
    return _change(done, found.strangers)


Settle = Annotated[bool, typer.Option("--settle", help="First replace estimates by what was billed, in rows and in budgets.")]


def print_change(change: Change, to: TextIO) -> None:
    """In one line or two."""
    costs = f"{format_usd(change.is_usd)} instead of {format_usd(change.was_usd)}"
    print(f"settled {change.n_billed + change.n_free} requests: {change.n_billed} billed, {change.n_free} not; {costs}", file=to)
    if change.n_strangers:
        print(f"{change.n_strangers} lines of the export belong to no request here", file=to)


def _settlement(asked: Sequence[Asked], bill: Sequence[Billed], usage: Path) -> Settlement:
    try:
        return settle(asked, bill)
    except ConfigError as exc:
        raise ConfigError(f"{usage}: {exc}") from exc


def _asked(call: LoggedAttempts, index: int) -> Asked:
    attempt = call.attempts[index]
    usage = attempt["usage"] or {}
    used = Used(usage.get("input_tokens", 0), usage.get("output_tokens", 0), attempt["cost_usd"])
    is_known = not usage.get("is_estimated", True) and bool(used.input_tokens or used.output_tokens)
    place = call.began_at(index), call.ended_at(index)
    return Asked(call.record_id, index, model_name(attempt["model"]), *place, used, is_known, bool(attempt.get("settled")))


def _corrections(done: Sequence[Settled], calls: dict[str, LoggedAttempts]) -> Iterator[Correction]:
    for asked, billed in done:
        for account in calls[asked.record_id].accounts:
            what = f"{asked.record_id}/{asked.attempt}"
            yield Correction(account, f"{asked.began_at:%Y-%m-%d}", what, asked.used.cost_usd or 0.0, billed.cost_usd or 0.0)


def _prices(done: Sequence[Settled], calls: dict[str, LoggedAttempts]) -> Iterator[tuple[LoggedAttempts, dict[int, Price]]]:
    by_call: dict[str, dict[int, Price]] = {}
    for asked, billed in done:
        by_call.setdefault(asked.record_id, {})[asked.attempt] = Price(billed.input_tokens, billed.output_tokens, billed.cost_usd or 0.0)
    for record_id, prices in by_call.items():
        yield calls[record_id], prices


def _change(done: Sequence[Settled], strangers: Sequence[Billed]) -> Change:
    n_free = sum(s.billed == Used() for s in done)
    return Change(len(done) - n_free, n_free, _usd(s.asked.used for s in done), _usd(s.billed for s in done), len(strangers))


def _usd(used: Iterable[Used]) -> float:
    return sum((u.cost_usd or 0.0 for u in used), 0.0)
