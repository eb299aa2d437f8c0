"""`routerkit ledger reconcile --settle`: rows and budgets become what was billed, once."""

from __future__ import annotations

import csv
import fcntl
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from routerkit import ProviderError
from routerkit.catalog import Pool
from routerkit.cli import settle
from routerkit.cli.ledger import ledger_app
from routerkit.errors import StoreError
from routerkit.ledger import Ledger
from routerkit.policy import Policy
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.state.sqlite import SqliteStore
from routerkit.store import connect_readonly, query
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_target

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
CONFIG = """
[providers.one]
kind = "simulated"
[targets.mini]
provider = "one"
model = "mini"
[pools.pool]
targets = ["mini"]
[budgets.planner]
usd_per_day = 10.0
[ledger]
path = "led"
"""
CUT = ProviderError("cut", code="disconnected", maybe_billed=True)
REFUSED = ProviderError("full", code="overloaded")


class Place(NamedTuple):
    """A folder with a ledger and a budget, in which calls were made."""

    folder: Path

    @property
    def rows_usd(self) -> float:
        return sum(row[0] for row in query(self.folder / "led", "SELECT cost_usd FROM calls").rows)

    @property
    def booked_usd(self) -> list[float]:
        store = SqliteStore(self.folder / "led" / "state.sqlite")
        spent = [line.spent / 1e6 for line in store.accounts("2026-11-26")]
        store.close()
        return spent

    def settle(self, *lines: tuple[float, str, int, int, float], **options: str) -> str:
        """Reconcile with a bill of these lines: seconds after noon, model, tokens in and out, dollars."""
        with (self.folder / "usage.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("timestamp", "model", "input_tokens", "output_tokens", "cost"))
            writer.writerows(((NOON + timedelta(seconds=at)).isoformat(), *rest) for at, *rest in lines)
        where = options or {"config": str(self.folder / "routerkit.toml")}
        given = [part for name, value in where.items() for part in (f"--{name}", value)]
        found = CliRunner().invoke(ledger_app, ["reconcile", "--usage", str(self.folder / "usage.csv"), "--settle", *given])
        if isinstance(found.exception, Exception) and not isinstance(found.exception, SystemExit):
            raise found.exception
        return found.stdout


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Three calls a minute apart, each answered by `large` after `mini` was cut off, was cut off, and refused."""
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    targets = tuple(replace(make_target(name, usd=100.0), model=name) for name in ("mini", "large"))
    providers = {
        "mini": ScriptedProvider([CUT, CUT, REFUSED]),
        "large": ScriptedProvider([replace(make_reply(), model="large")]),
    }
    state = RouterState(
        {"pool": Pool("pool", targets, "fallback")}, providers, {"fallback": Policy("fallback", "fallback")}, budgets={"planner": 10.0}
    )
    now = [NOON]
    with Ledger(tmp_path / "led") as ledger:
        router = Router(state, observers=(ledger,), now=lambda: now[0])
        router.share(SqliteStore(tmp_path / "led" / "state.sqlite"))
        for _ in range(3):
            router.complete(replace(make_request("x" * 400), agent="planner", max_tokens=100))
            now[0] += timedelta(minutes=1)
        router.close()
    return Place(tmp_path)


LARGE = [(60.0 * n, "large", 10, 5, 0.0015) for n in range(3)]
BILL = ((0.0, "mini", 90, 40, 0.013), *LARGE, (130.0, "mini", 7, 7, 0.0))
"""The first that was cut off was billed, at more than was assumed; the last line is there so that the bill tells of all three."""


def test_rows_and_budget_become_the_bill(place):
    """One of the two that were cut off was billed, at more than was assumed; the refused one was not."""
    before = place.rows_usd
    assert [pytest.approx(before)] == place.booked_usd
    said = place.settle(*BILL)
    assert "settled 3 requests: 2 billed, 1 not; $0.0130 instead of $0.0202" in said
    assert pytest.approx(3 * 0.0015 + 0.013) == place.rows_usd
    assert [pytest.approx(3 * 0.0015 + 0.013)] == place.booked_usd


def test_second_time_nothing_changes(place):
    place.settle(*BILL)
    before = place.rows_usd, place.booked_usd
    assert "settled 0 requests" in place.settle(*BILL)
    assert before == (place.rows_usd, place.booked_usd)


def test_row_says_what_was_billed(place):
    place.settle(*BILL)
    (first, *_) = query(place.folder / "led", "SELECT * FROM calls ORDER BY called_at").as_dicts()
    assert (100, 45, False) == (first["input_tokens"], first["output_tokens"], first["usage_estimated"])
    mini, large = json.loads(str(first["attempts"]))
    assert ({"input_tokens": 90, "output_tokens": 40, "is_estimated": False}, 0.013, True) == (
        mini["usage"],
        mini["cost_usd"],
        mini["settled"],
    )
    assert ("disconnected", False) == (mini["error_code"], "settled" in large)


def test_killed_between_budget_and_rows_counts_once(place, monkeypatch):

    def die(*_: object) -> None:
        raise StoreError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(settle, "set_prices", die)
        with pytest.raises(StoreError, match="killed"):
            place.settle(*BILL)
    place.settle(*BILL)
    assert [pytest.approx(3 * 0.0015 + 0.013)] == place.booked_usd
    assert pytest.approx(3 * 0.0015 + 0.013) == place.rows_usd


def test_without_a_configuration_budgets_stay(place):
    before = place.booked_usd
    place.settle(*BILL, folder=str(place.folder / "led"))
    assert before == place.booked_usd
    assert pytest.approx(3 * 0.0015 + 0.013) == place.rows_usd


def test_lines_of_nobody_are_counted(place):
    assert "1 lines of the export belong to no request here" in place.settle((0.0, "elsewhere", 1, 1, 0.5), *LARGE)


def test_export_that_is_no_list_of_requests_is_one_line(place):
    with pytest.raises(
        Exception, match=r"usage.csv: of 3 requests to large whose usage is known the export lists 0 .* export one line per request"
    ):
        place.settle((0.0, "large", 30, 15, 0.0045), (120.0, "large", 1, 1, 0.0))
    with pytest.raises(Exception, match="has no lines"):
        place.settle()


def test_rows_that_wait_are_settled_another_time(place):
    """Their process has their segment open: they can be read, not changed."""
    hot = place.folder / "led" / "hot"
    (closed,) = hot.glob("calls-*.jsonl")
    with (place.folder / "led" / "hot" / f"{closed.name}.open").open("w") as still_open:
        still_open.write(closed.read_text())
        still_open.flush()
        closed.unlink()
        fcntl.flock(still_open, fcntl.LOCK_EX)
        assert "settled 0 requests" in place.settle(*BILL)
    with connect_readonly(place.folder / "led") as live:
        assert ((3,),) == live.query("SELECT count(*) FROM calls").rows
