"""`routerkit ledger`: what it shows, where it looks, how it fails."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from routerkit.cli.ledger import find_folder, ledger_app
from routerkit.errors import ConfigError, ProviderError, StoreError
from routerkit.ledger import Ledger
from routerkit.state.interface import Facts, Lost, Tried
from routerkit.store import ingest, query, record_lost
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router

BOOM = ProviderError("boom\x1b]0;owned", code="server", status=500)


@pytest.fixture
def folder(tmp_path):
    """One call that failed over, and a report about it."""
    folder = tmp_path / "led"
    with Ledger(folder) as ledger:
        router = make_router({"a": ScriptedProvider([BOOM]), "b": ScriptedProvider([make_reply()])}, observers=[ledger])
        reply = router.complete(make_request("explain this"))
        router.report(reply.record_id, success=True, evidence="tests passed")
    return folder


def run(*args):
    result = CliRunner().invoke(ledger_app, [str(a) for a in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert 0 == result.exit_code
    return result.stdout


def record_id(folder):
    return query(folder, "SELECT record_id FROM calls").rows[0][0]


def test_last_calls_are_a_table(folder):
    (row,) = [line for line in run("--folder", folder).splitlines() if record_id(folder) in line]
    for cell in ("explain", "b", "2", "10/5", "ok"):
        assert cell in row.split()


def test_json_holds_the_same(folder):
    (call,) = json.loads(run("--folder", folder, "--json"))
    assert (record_id(folder), "b", 2) == (call["record_id"], call["target"], call["n_attempts"])


def test_count_limits_the_calls(folder):
    with Ledger(folder) as ledger:
        router = make_router({"a": ScriptedProvider([make_reply()])}, observers=[ledger])
        for _ in range(3):
            router.complete(make_request())
    assert 2 == len(json.loads(run("--folder", folder, "--json", "-n", "2")))


def test_empty_ledger_says_what_fills_it(tmp_path):
    shown = run("--folder", tmp_path)
    assert shown.startswith(f"no calls recorded in {tmp_path} yet; ")
    assert 1 == shown.count("\n")


def test_show_explains_one_call(folder):
    shown = run("show", record_id(folder)[:12], "--folder", folder)
    for part in ("pool=pool kind=explain policy=fallback picked=a", "tried a at", "server: boom", "tried b at", "worked tests passed"):
        assert part in shown
    assert "\x1b" not in shown


def test_lost_call_shows_what_is_known_of_it(tmp_path):
    """Its process was killed: how long it took and how it was decided nobody wrote down."""
    at = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
    facts = Facts(at, at + 1, "r1", "mini", "mini-1", "7", "coding", "planner", "", "", "cheapest", "")
    record_lost(Lost(tmp_path, "17-ab", (Tried(facts, 2_000),)))
    shown = run("show", "r1", "--folder", tmp_path)
    assert "r1  2026-11-27 12:00:00  lost on mini, $0.0020, unknown" in shown
    assert "tried mini at 1.00 s for unknown: lost: the process ended before the call did" in shown
    assert "lost" in run("--folder", tmp_path)


def test_show_of_an_unknown_record_is_an_error(folder):
    with pytest.raises(StoreError, match="no record starts with 'nope'"):
        run("show", "nope", "--folder", folder)


def test_show_of_an_ambiguous_start_is_an_error(folder):
    with Ledger(folder) as ledger:
        make_router({"a": ScriptedProvider([make_reply()])}, observers=[ledger]).complete(make_request())
    with pytest.raises(StoreError, match="several records start with ''"):
        run("show", "", "--folder", folder)


def test_one_call_as_json_holds_all_that_is_stored_of_it(folder):
    (call,) = json.loads(run("--folder", folder, "--json", "-n", "1"))
    body = json.loads(run("show", call["record_id"], "--folder", folder, "--json"))
    assert call == {name: body[name] for name in call}
    assert body["record_id"] == body["decision"]["id"]
    assert body["n_attempts"] == len(body["attempts"])
    assert [True] == [report["success"] for report in body["reports"]]


def test_sql_prints_table_json_and_csv(folder):
    statement = "SELECT target, n_attempts AS n FROM calls"
    assert ["target", "n"] == run("sql", statement, "--folder", folder).split()[:2]
    assert [{"target": "b", "n": 2}] == json.loads(run("sql", statement, "--json", "--folder", folder))
    assert [["target", "n"], ["b", "2"]] == list(csv.reader(io.StringIO(run("sql", statement, "--csv", "--folder", folder))))


def test_json_is_whole_where_the_terminal_knows_no_unicode(folder):
    """A "?" in the place of a letter would be another name."""
    command = [
        sys.executable,
        "-c",
        "from routerkit.cli import main; main()",
        "ledger",
        "sql",
        "SELECT 'größe →' AS x",
        "--json",
        "--folder",
        folder,
    ]
    done = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert [{"x": "größe →"}] == json.loads(done.stdout)


def test_options_before_the_sub_command_count(folder):
    assert "1" in run("--folder", folder, "sql", "SELECT count(*) FROM calls", "--csv")


def test_ingest_says_what_it_moved(folder):
    assert "ingested 2 rows from 2 segments\n" == run("ingest", "--folder", folder)
    assert "ingested 0 rows from 0 segments\n" == run("ingest", "--folder", folder)


def test_folder_comes_from_the_option_then_the_configuration_then_the_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "routerkit-data" == str(find_folder(None, None))
    (tmp_path / "routerkit.toml").write_text('[ledger]\npath = "here"\n')
    assert "here" == str(find_folder(None, None))
    assert "there" == str(find_folder(type(tmp_path)("there"), None))
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / "other.toml"
    other.write_text('[ledger]\npath = "data"\n')
    assert tmp_path / "sub" / "data" == find_folder(None, other)


@pytest.mark.parametrize("text", ["[ledger\n", "[ledger]\npath = 3\n", "ledger = 3\n", None])
def test_unusable_configuration_is_one_line(tmp_path, text):
    config = tmp_path / "c.toml"
    if text is not None:
        config.write_text(text)
    with pytest.raises(ConfigError) as caught:
        find_folder(None, config)
    assert 1 == len(str(caught.value).splitlines())
    assert str(config) in str(caught.value)


@pytest.mark.slow
def test_bad_sql_ends_with_code_2_and_one_line(folder):
    command = [sys.executable, "-c", "from routerkit.cli import main; main()", "ledger", "sql", "SELEC", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert done.stderr.startswith("routerkit: query failed: ")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_stops_cleanly_on_a_signal(folder, number):
    command = [sys.executable, "-c", "from routerkit.cli import main; main()", "ledger", "ingest", "--follow", "--folder", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert "ingested 2 rows from 2 segments\n" == child.stdout.readline()
        os.kill(child.pid, number)
        out, err = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait(10)
    assert (0, "", "") == (child.returncode, out, err)
    assert 0 == ingest(folder).n_rows
