"""`routerkit report` and `routerkit drift`, and the watch that teaches a running router."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from routerkit import Cell, Scorecard
from routerkit.cli.online import drift, report
from routerkit.config import parse
from routerkit.config.learning import OnlineSection, report_watch
from routerkit.errors import ConfigError, StoreError
from routerkit.gateway.metrics import Metrics
from routerkit.ledger import Ledger
from routerkit.store import due_for_measuring, query
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router

CARD = Scorecard((Cell("a", "explain", n=200, passed=180.0),))


def run(command, *args):
    """Exit code and output; what is wrong on purpose is raised."""
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def folder(tmp_path):
    """Forty calls, of which every one was reported to have failed."""
    return failed_calls(tmp_path / "led", 40)


def failed_calls(place, n):
    with Ledger(place) as ledger:
        router = make_router({"a": ScriptedProvider([make_reply()])}, observers=[ledger])
        for _ in range(n):
            router.report(router.complete(make_request("explain this")).record_id, success=False)
    return place


def test_report_joins_the_call_by_the_start_of_its_id(folder):
    """The last report wins; what was written says so."""
    (record_id,) = query(folder, "SELECT record_id FROM calls LIMIT 1").rows[0]
    code, shown = run(report, record_id, "--success", "--evidence", "tests passed", "--folder", folder)
    assert (0, f"reported: {record_id} worked (a on explain)\n") == (code, shown)
    assert ((True, "tests passed"),) == query(folder, "SELECT success, evidence FROM latest_reports WHERE record_id = ?", [record_id]).rows
    assert record_id == json.loads(run(report, record_id, "--failure", "--json", "--folder", folder)[1])["record_id"]


def test_report_of_nothing_known_is_refused(folder):
    """No such record, several records, or no outcome: nothing is written."""
    with pytest.raises(StoreError, match="no record starts with 'nope'"):
        run(report, "nope", "--success", "--folder", folder)
    with pytest.raises(StoreError, match="several records start with ''"):
        run(report, "", "--success", "--folder", folder)
    with pytest.raises(ConfigError, match="--success or --failure"):
        run(report, "x", "--folder", folder)
    assert ((40,),) == query(folder, "SELECT count(*) FROM reports").rows


def with_config(folder):
    """Configuration beside the ledger, with a scorecard that says 90 %."""
    base = folder.parent
    (base / "scorecard.json").write_text(CARD.to_json())
    config = base / "rk.toml"
    config.write_text(
        '[providers.p]\nkind = "simulated"\n[targets.a]\nprovider = "p"\nmodel = "m"\n[pools.pool]\ntargets = ["a"]\n'
        '[scorecard]\npath = "scorecard.json"\n[ledger]\npath = "led"\n[online]\non_drift = "demote"\n'
    )
    return config


def test_drift_shows_alarms_and_what_is_due(folder):
    """A table for people, JSON for programs, exit code 1 for scripts; asking twice changes nothing."""
    config = with_config(folder)
    code, shown = run(drift, "--config", config)
    assert 1 == code
    assert {"explain", "success", "0.89", "0.00", "40", "ALARM"} <= set(shown.split())
    assert "due for measuring again: a on explain (success)" in shown
    code, text = run(drift, "--config", config, "--json")
    facts = json.loads(text)
    assert (1, CARD.revision, 1) == (code, facts["scorecard"], len(facts["due_for_measuring"]))
    assert [True] == [cell["is_alarm"] for cell in facts["cells"]]


def test_drift_alarms_as_rarely_as_the_configuration_asks(tmp_path):
    """The command and the running router write into one table of alarms, so they go by one figure."""
    config = with_config(failed_calls(tmp_path / "led", 8))
    usual = config.read_text()
    config.write_text(usual + "outcomes_per_false_alarm = 1_000_000_000\n")
    assert 0 == run(drift, "--config", config)[0]
    config.write_text(usual)
    assert 1 == run(drift, "--config", config)[0]


def test_drift_of_an_empty_ledger_says_what_is_missing(tmp_path):
    """Exit code 0 and one line."""
    code, shown = run(drift, "--folder", tmp_path)
    assert (0, 1, True) == (code, shown.count("\n"), shown.startswith("too few outcomes in "))


def test_running_router_learns_from_the_ledger(folder, caplog):
    """At the next look it believes the reports, says that the cell drifted, and the cell is due for measuring."""
    router = make_router({"a": ScriptedProvider([make_reply()])}, scorecard=CARD)
    watch = report_watch(folder, OnlineSection(), now=lambda: datetime.now(UTC) + timedelta(minutes=1))
    with caplog.at_level(logging.WARNING):
        assert watch.look(router)
    assert "a drifted on explain: 0.00 over 40" in caplog.text
    assert "+40 reported; drift of success" in router.decide(make_request("explain this")).candidate("a").note
    assert [("a", "explain", "success")] == due_for_measuring(folder, CARD.revision)
    assert _alarms(router) == {("a", "explain", "success"): 1.0}


def _alarms(router):
    body, _ = Metrics().text(router)
    samples = [s for family in text_string_to_metric_families(body.decode()) for s in family.samples]
    return {tuple(s.labels[k] for k in ("target", "kind", "measure")): s.value for s in samples if s.name == "routerkit_drift_alarm"}


def test_unreadable_ledger_changes_nothing_and_is_mentioned_once(tmp_path, caplog):
    """What was learned stays."""
    (tmp_path / "routerkit.duckdb").write_text("no database")
    router = make_router({"a": ScriptedProvider([make_reply()])})
    before, watch = router.experience, report_watch(tmp_path, OnlineSection())
    with caplog.at_level(logging.WARNING):
        assert [False, False] == [watch.look(router) for _ in range(2)]
    assert before is router.experience
    assert 1 == caplog.text.count("reports are not looked at")


def test_learning_needs_a_ledger():
    """The configuration is refused where it could never work."""
    with pytest.raises(ConfigError, match=r"online.*learns from the reports in the ledger, and there is none"):
        parse('[providers.p]\nkind = "simulated"\n[targets.a]\nprovider = "p"\nmodel = "m"\n[pools.pool]\ntargets = ["a"]\n[online]\n')


_ENDS_DURING_A_LOOK = """
import threading
import duckdb
from routerkit.config.rounds import Rounds

class Router: ...

def look():
    has_begun.set()
    for _ in range(2_000):
        duckdb.sql("SELECT 1").fetchall()

has_begun, router = threading.Event(), Router()
Rounds("look", look, every_s=60, is_due_at_once=True).start(router)
has_begun.wait()
"""


def test_a_program_that_ends_during_a_look_ends_well():
    """Python stops daemon threads where they are, and DuckDB, stopped from within, aborts the process: exit code 134."""
    ended = subprocess.run([sys.executable, "-c", _ENDS_DURING_A_LOOK], capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (ended.returncode, ended.stderr)
