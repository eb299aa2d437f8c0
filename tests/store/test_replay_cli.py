"""`routerkit replay`: what it reads, what it says, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import typer
from typer.testing import CliRunner

from routerkit import Cell, Policy, PolicySettings, Scorecard
from routerkit.cli.replay import _usd, replay
from routerkit.config import parse
from routerkit.config.difference import differences
from routerkit.errors import ConfigError
from routerkit.ledger import Ledger
from routerkit.store import read_logged
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router, make_target

CARD = Scorecard((Cell("mini", "explain", n=100, passed=80.0), Cell("sonnet", "explain", n=100, passed=95.0)))
CONFIG = """
[providers.p]
kind = "simulated"
[targets.mini]
provider = "p"
model = "m"
usd_per_mtok = { input = 1.0, output = 1.0 }
[targets.sonnet]
provider = "p"
model = "s"
usd_per_mtok = { input = 9.0, output = 9.0 }
[pools.pool]
targets = ["mini", "sonnet"]
policy = "careful"
[policies.careful]
kind = "cheapest_adequate"
quality_floor = 0.7
[[rules]]
name = "legacy stays here"
when = { tags = ["legacy"] }
only = ["mini"]
[scorecard]
path = "scorecard.json"
[ledger]
path = "led"
"""


def run(*args):
    app = typer.Typer()
    app.command()(replay)
    result = CliRunner().invoke(app, [str(a) for a in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


@pytest.fixture
def place(tmp_path):
    """200 logged calls of a policy that explores nine times in ten, every one with a report; a configuration; one with a higher floor."""
    settings = PolicySettings(quality_floor=0.7, explore_share=0.9)
    providers = {name: ScriptedProvider([make_reply()]) for name in ("mini", "sonnet")}
    targets = [make_target("mini", usd=1.0), make_target("sonnet", usd=9.0)]
    with Ledger(tmp_path / "led") as ledger:
        policy = Policy("careful", "cheapest_adequate", settings)
        router = make_router(providers, targets=targets, policy=policy, observers=[ledger], scorecard=CARD)
        for i in range(200):
            router.report(router.complete(make_request("explain this")).record_id, success=i % 10 > 0)
    (tmp_path / "scorecard.json").write_text(CARD.to_json())
    (tmp_path / "rk.toml").write_text(CONFIG)
    (tmp_path / "new.toml").write_text(CONFIG.replace("quality_floor = 0.7", "quality_floor = 0.9"))
    return tmp_path


def test_replay_says_what_changes_who_moves_and_what_it_brings(place):
    """One run: words, moves, and a figure with its interval."""
    shown = run("--policy", place / "new.toml", "--config", place / "rk.toml")
    assert "policies.careful.quality_floor: 0.7 becomes 0.9" in shown
    assert "200 calls decided again; 200 move (100%)" in shown
    assert "explain: mini -> sonnet" in shown
    assert "success: 200 outcomes, worth " in shown


def test_rounding_is_no_difference():
    """Decisions that are compared with themselves."""
    assert ("$0.0000", "-$7.8e-06", "$0.0500") == tuple(map(_usd, (-7.8e-21, -7.8e-6, 0.05)))


def test_json_holds_the_same(place):
    """Everything a script needs, unknown as null."""
    facts = json.loads(run("--policy", place / "new.toml", "--config", place / "rk.toml", "--json"))
    assert (200, 200, 200) == (facts["calls_stored"], facts["calls"], facts["moved"])
    assert facts["success"]["dr"]["low"] <= facts["success"]["dr"]["value"] <= facts["success"]["dr"]["high"]
    assert facts["success"]["why_not"] == ""


def test_diff_decides_nothing(place):
    """Only the words, also without a ledger; equal configurations route alike."""
    assert "policies.careful.quality_floor: 0.7 becomes 0.9\n" == run(
        "--policy", place / "new.toml", "--config", place / "rk.toml", "--diff"
    )
    assert "both route alike\n" == run("--policy", place / "rk.toml", "--config", place / "rk.toml", "--diff")


def test_sample_is_the_same_every_time_and_says_so(place):
    """Drawn by a hash of the ids, not by time."""
    some = read_logged(place / "led", sample=30)
    assert (30, 200) == (len(some.calls), some.n_stored)
    assert [c.decision.id for c in some.calls] == [c.decision.id for c in read_logged(place / "led", sample=30).calls]
    assert "30 calls decided again, a sample of 200" in run("--policy", place / "new.toml", "--config", place / "rk.toml", "--sample", "30")


def test_only_calls_of_the_time_and_pool_count(place):
    """`--since` and `--pool` narrow what is read."""
    assert 0 == read_logged(place / "led", since=datetime.now(UTC) + timedelta(hours=1)).n_stored
    assert 0 == read_logged(place / "led", pool="other").n_stored
    shown = run("--policy", place / "new.toml", "--config", place / "rk.toml", "--since", "2999-01-01")
    assert shown.splitlines()[-1] == "0 calls decided again; 0 move (0%)"  # and no table of zeros


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--since", "5y"), "--since '5y': write 30m, 12h, 7d, 2w"),
        (("--since", "99999999d"), "--since '99999999d': write 30m, 12h, 7d, 2w"),
        (("--pool", "nope"), "no pool 'nope'; it has pool"),
    ],
)
def test_wrong_option_is_one_line(place, args, said):
    """What was given, and what to write instead."""
    with pytest.raises(ConfigError, match=said):
        run("--policy", place / "new.toml", "--config", place / "rk.toml", *args)


def test_differences_name_rules_and_pools():
    """Lists of names say what they become; rules are told apart by their names; providers do not route."""
    new = parse(
        CONFIG.replace('["mini", "sonnet"]\npolicy', '["mini"]\npolicy')
        .replace("legacy stays here", "old stays here")
        .replace('kind = "simulated"', 'kind = "simulated"\nseed = 3')
    )
    lines = differences(parse(CONFIG), new)
    assert 'pools.pool.targets: ["mini", "sonnet"] becomes ["mini"]' in lines
    assert any(line.startswith("rules.legacy stays here: ") and line.endswith(" is gone") for line in lines)
    assert any(line.startswith("rules.old stays here: ") and line.endswith(" is new") for line in lines)
    assert 3 == len(lines)


def test_what_prompts_would_be_needed_for_is_named(place):
    """A route that sounds different cannot be looked for; one that acts differently can."""
    route = '[[routes]]\nname = "legal"\nutterances = ["check the licence"]\n'
    (place / "rk.toml").write_text(CONFIG + route + 'prefer = ["mini"]\n')
    (place / "new.toml").write_text(CONFIG + route.replace("check", "read") + 'prefer = ["sonnet"]\n')
    shown = run("--policy", place / "new.toml", "--config", place / "rk.toml")
    assert "not replayed: routes.legal.utterances; prompts are not stored" in shown


def test_calls_without_a_session_are_left_out_of_a_new_experiment(place):
    """Which variant they would get hangs on words that are not stored."""
    trial = '[pools.pool.experiment]\nname = "floor"\nvariants = { control = "careful", high = "high" }\nshares = { high = 0.5 }\n'
    (place / "new.toml").write_text(CONFIG + trial + '[policies.high]\nkind = "best"\n')
    shown = run("--policy", place / "new.toml", "--config", place / "rk.toml")
    assert "0 calls decided again" in shown
    assert "left out: 200 (without a session, nobody can say which variant of 'floor' they get)" in shown
