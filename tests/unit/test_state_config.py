"""`[state]`, and `routerkit budgets`, as a user meets them."""

from __future__ import annotations

import json

import pytest

from routerkit.cli import main
from routerkit.config import account_standings, charge_accounts, load, parse, read, unfit_targets
from routerkit.config.state import build_store
from routerkit.errors import ConfigError
from routerkit.messages import Request
from routerkit.state.interface import Notice

TOML = """
[providers.sim]
kind = "simulated"

[targets.mini]
provider = "sim"
model = "mini"
usd_per_mtok = { input = 1000.0, output = 1000.0 }

[pools.coding]
targets = ["mini"]
usd_per_day = 20.0

[budgets.planner]
usd_per_day = 5.0
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routerkit.toml").write_text(TOML)
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["routerkit", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_budgets_are_kept_in_the_ledgers_folder_unless_told(here):
    with load("routerkit.toml"):
        assert (here / "routerkit-data" / "state.sqlite").stat().st_mode & 0o777 == 0o600


def test_without_budgets_nothing_is_written(here):
    (here / "routerkit.toml").write_text(TOML.replace("usd_per_day = 20.0", "").replace("[budgets.planner]\nusd_per_day = 5.0", ""))
    with load("routerkit.toml"):
        assert not (here / "routerkit-data").exists()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgres://x", 'should be "memory:", "sqlite:FILE", "redis://HOST:PORT/DB", or a reference to one'),
        ("postgres://me:hunter2@db", "literal secrets are refused"),
        ("redis://:hunter2@db:6379", 'literal secrets are refused; write the whole URL into a variable or a file, and here "env:NAME"'),
    ],
)
def test_wrong_place_is_one_line(url, text):
    with pytest.raises(ConfigError) as caught:
        parse(f'{TOML}\n[state]\nurl = "{url}"', "r.toml")
    assert text in str(caught.value)
    assert "r.toml:18: state.url: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_url_may_come_from_the_environment(here, monkeypatch):
    monkeypatch.setenv("STATE_URL", "sqlite:elsewhere.sqlite")
    build_store(parse(f'{TOML}\n[state]\nurl = "env:STATE_URL"'), here).close()
    assert (here / "elsewhere.sqlite").exists()


def test_budgets_shows_what_was_spent(here, monkeypatch, capsys):
    """Unused accounts are shown, too: a budget that nobody hit is worth knowing."""
    with load("routerkit.toml") as router:
        cost = router.complete(Request("coding", ({"role": "user", "content": "hello"},), agent="planner", max_tokens=100)).cost_usd
    assert 0 == run(monkeypatch, "budgets", "--json")
    agent, pool = json.loads(capsys.readouterr().out)
    assert ("agent:planner", pytest.approx(cost), 0.0) == (agent["account"], agent["spent_usd"], agent["reserved_usd"])
    assert ("pool:coding", pytest.approx(20.0 - cost)) == (pool["account"], pool["left_usd"])
    assert 0 == run(monkeypatch, "budgets", "--day", "2026-01-01")
    assert "agent:planner                    5.000000     0.000000     0.000000     5.000000      0%" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("extra", "arguments", "text"),
    [
        ("", ("--day", "soon"), "routerkit: --day 'soon' is not a day; write e.g. --day 2026-11-26"),
        ('\n[state]\nurl = "memory:"', (), 'routerkit: [state] url is "memory:", so every process counts for itself'),
    ],
)
def test_bad_question_is_one_line(here, monkeypatch, capsys, extra, arguments, text):
    (here / "routerkit.toml").write_text(TOML + extra)
    assert 2 == run(monkeypatch, "budgets", *arguments)
    out, err = capsys.readouterr()
    assert ("", 1) == (out, err.count("\n"))
    assert err.startswith(text)


def test_looking_at_budgets_makes_no_file(here):
    config = read("routerkit.toml")
    assert ["agent:planner", "pool:coding"] == [a.account for a in account_standings(config, here, "2026-11-26")]
    assert not (here / "routerkit-data").exists()


def test_what_was_spent_elsewhere_is_booked_on_accounts_that_are_limited(here):
    """Twice is twice; what nobody limits is on no account; more than the limit is booked all the same, for it is spent."""
    config, day = read("routerkit.toml"), "2026-11-26"
    for spent in ({"agent:planner": 1.5, "agent:nobody": 9.0}, {"agent:planner": 0.25, "pool:coding": 30.0}):
        charge_accounts(config, here, day, spent, now=100.0)
    standings = {a.account: (a.spent_usd, a.reserved_usd) for a in account_standings(config, here, day)}
    assert {"agent:planner": (1.75, 0.0), "pool:coding": (30.0, 0.0)} == standings


def test_what_another_process_found_unfit_is_seen_from_outside(here):
    config = read("routerkit.toml")
    store = build_store(config, here)
    store.post([Notice("mini", "disabled", 200.0, "the key is refused")])
    store.close()
    assert ["mini"] == [n.target for n in unfit_targets(config, here, 100.0)]
    assert () == unfit_targets(config, here, 300.0)
