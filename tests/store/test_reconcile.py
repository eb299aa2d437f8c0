"""The ledger against a provider's export: what differs, and why it may."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from routerkit import ProviderError
from routerkit.cli.ledger import ledger_app
from routerkit.errors import ConfigError
from routerkit.ledger import Ledger
from routerkit.reconcile import reconcile
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router, make_target
from routerkit.usage_export import Cell, Used, read_export

DAY = date(2026, 11, 26)
MINI = Cell(DAY, "gpt-5-mini")
HERE = Used(1_000, 200, 0.01)


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (HERE, Used(1_005, 200, 0.01), "agrees"),
        (HERE, Used(1_000, 200, None), "agrees"),
        (None, HERE, "unknown_here"),
        (HERE, None, "unknown_there"),
        (HERE, Used(1_500, 200, 0.01), "tokens"),
        (replace(HERE, estimated_tokens=50), Used(1_000, 300, 0.01), "estimates"),
        (replace(HERE, cost_usd=None), HERE, "unpriced"),
        (HERE, replace(HERE, cost_usd=0.02), "price"),
    ],
)
def test_reason_of_a_difference(ours, theirs, reason):
    (line,) = reconcile({MINI: ours} if ours else {}, {MINI: theirs} if theirs else {}, tolerance=0.01)
    assert reason == line.reason


@pytest.mark.parametrize(
    "text",
    [
        "date,model,input_tokens,output_tokens,cost_usd\n2026-11-26,gpt-5-mini,600,150,0.006\n2026-11-26,gpt-5-mini,400,50,$0.004\n",
        "start_time,model,input_tokens,output_tokens,input_cached_tokens,amount\n1795651200,gpt-5-mini-2025-08-07,1000,200,900,0.01\n",
        'day,model_version,usage_input_tokens_no_cache,usage_input_tokens_cache_read,usage_output_tokens\n2026-11-26T23:59:00+00:00,openai/GPT-5-mini,"1,000",0,200\n',
    ],
)
def test_exports_of_several_providers_are_understood(tmp_path, text):
    """Rows of a day add up; parts of a sum are not counted twice; snapshots and provider prefixes are dropped."""
    (tmp_path / "usage.csv").write_text(text)
    found = read_export(tmp_path / "usage.csv")
    assert {MINI: (1_000, 200)} == {cell: (used.input_tokens, used.output_tokens) for cell, used in found.items()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column for a day (e.g. date); it has none"),
        ("date,model,input_tokens,output_tokens\n", "usage.csv: has no lines"),
        ("date,model,tokens\n", "has no column for tokens in (e.g. input_tokens); it has date, model, tokens"),
        ("date,model,input_tokens,output_tokens\nsoon,m,1,1\n", "usage.csv:2: date is 'soon', which is not a date; write e.g. 2026-11-26"),
        ("date,model,input_tokens,output_tokens\n2026-01-01,m,many,1\n", "usage.csv:2: input_tokens is 'many', which is not a number"),
        ("date,model,input_tokens,output_tokens\n2026-01-01,m,-1,1\n", "usage.csv:2: input_tokens is '-1'; it must be 0 or more"),
        ("date,model,input_tokens,output_tokens\n2026-01-01,m,nan,1\n", "usage.csv:2: input_tokens is 'nan'; it must be 0 or more"),
    ],
)
def test_bad_export_is_one_line(tmp_path, text, message):
    (tmp_path / "usage.csv").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_export(tmp_path / "usage.csv")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_export_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be read as CSV \(No such file or directory\)"):
        read_export(tmp_path / "none.csv")


@pytest.fixture
def folder(tmp_path):
    """Two calls, one of them after an attempt on another model that may have been billed."""
    folder = tmp_path / "led"
    with Ledger(folder) as ledger:
        failing = ScriptedProvider([ProviderError("cut", code="disconnected", maybe_billed=True)])
        targets = [replace(make_target(name), model=name) for name in ("mini", "large")]
        router = make_router({"mini": failing, "large": ScriptedProvider([make_reply()])}, targets=targets, observers=[ledger])
        for _ in range(2):
            router.complete(make_request("x" * 400))
    return folder


def test_failed_attempts_are_compared_too(folder, tmp_path):
    """The provider bills what it processed, answered or not."""
    usage = tmp_path / "usage.csv"
    today = json.loads(CliRunner().invoke(ledger_app, ["--folder", str(folder), "--json"]).stdout)[0]["called_at"][:10]
    usage.write_text(f"date,model,input_tokens,output_tokens,cost\n{today},test-model,20,10,0.00003\n{today},mini,250,0,0.00025\n")
    found = CliRunner().invoke(ledger_app, ["reconcile", "--folder", str(folder), "--usage", str(usage), "--json"])
    assert 1 == found.exit_code
    mini, large = json.loads(found.stdout)
    assert (("mini", "estimates"), ("test-model", "agrees")) == ((mini["model"], mini["reason"]), (large["model"], large["reason"]))
    assert 202 == mini["ours"]["input_tokens"]
    text = CliRunner().invoke(ledger_app, ["reconcile", "--folder", str(folder), "--usage", str(usage)]).stdout
    assert "1 of 2 agree" in text
