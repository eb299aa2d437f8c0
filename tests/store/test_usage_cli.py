"""`routerkit usage`: who spent what, and what a success cost."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from routerkit import ProviderError
from routerkit.cli.usage import usage
from routerkit.errors import ConfigError
from routerkit.gateway.keys import KeyStore, Scope
from routerkit.ledger import Ledger
from routerkit.store.usage import USAGE_BY, read_spend
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router, make_target
from tests.store.test_online_cli import run

DOLLAR = make_reply(input_tokens=500_000, output_tokens=500_000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`coder`: three calls of a dollar (one worked, one did not, one nobody knows) and a failed one; `ci`: one call of unknown cost."""
    place = tmp_path_factory.mktemp("usage") / "led"
    broken = ProviderError("no", code="invalid_request")
    providers = {"a": ScriptedProvider([DOLLAR, DOLLAR, DOLLAR, broken]), "b": ScriptedProvider([make_reply()])}
    with Ledger(place) as ledger:
        router = make_router(providers, targets=[make_target("a"), make_target("b", usd=None)], observers=[ledger])
        ask = replace(make_request("explain this"), agent="coder", key="k1", session="s1")
        first, second, _ = (router.complete(ask).record_id for _ in range(3))
        router.report(first, success=True)
        router.report(second, success=False)
        with pytest.raises(ProviderError):
            router.complete(ask)
        router.complete(replace(make_request("hello", model="pool/b"), agent="ci"))
    return place


def test_cost_per_success_counts_failures_and_leaves_out_what_nobody_judged(folder):
    coder, ci = read_spend(folder, "agent")
    assert ("coder", 4, 3, 2, 3, 1) == (coder.name, coder.n_calls, coder.n_answered, coder.n_reported, coder.n_judged, coder.n_succeeded)
    assert (3.0, 2.0) == (coder.known_usd, coder.usd_per_success)
    assert ("ci", 1, None) == (ci.name, ci.n_unpriced, ci.usd_per_success)


@pytest.mark.parametrize(
    ("by", "names"),
    [("key", {"k1", None}), ("target", {"a", "b"}), ("pool", {"pool"}), ("kind", {"explain", None}), ("session", {"s1", None})],
)
def test_calls_are_grouped_by_everything_that_is_known_of_them(folder, by, names):
    assert names == {spend.name for spend in read_spend(folder, by)}
    assert 5 == sum(spend.n_calls for spend in read_spend(folder, by))


def test_table_shows_unknown_cost_as_unknown(folder):
    code, shown = run(usage, "--folder", folder)
    assert 0 == code
    assert "$2.00" in shown
    assert "unknown" in shown
    assert "calls of unknown cost: 1" in shown


def test_keys_are_shown_with_their_names(tmp_path):
    key, _ = KeyStore(tmp_path / "keys.sqlite").create("nightly build", Scope())
    with Ledger(tmp_path) as ledger:
        router = make_router({"a": ScriptedProvider([DOLLAR, DOLLAR])}, targets=[make_target("a")], observers=[ledger])
        for asked_by in (key.id, "deadbeef"):
            router.complete(replace(make_request("hello"), key=asked_by))
    shown = run(usage, "--by", "key", "--folder", tmp_path)[1]
    assert f"{key.id} nightly build" in shown
    assert "deadbeef " in shown


def test_json_has_one_object_per_group(folder):
    rows = json.loads(run(usage, "--by", "kind", "--json", "--folder", folder)[1])
    assert {"explain", None} == {row["kind"] for row in rows}
    assert {2.0, None} == {row["usd_per_success"] for row in rows}


def test_since_leaves_out_what_is_older(folder):
    assert 5 == sum(row["n_calls"] for row in json.loads(run(usage, "--since", "1d", "--json", "--folder", folder)[1]))
    assert "no calls" in run(usage, "--since", "2999-01-01", "--folder", folder)[1]


def test_nothing_recorded_is_said(tmp_path):
    assert "no calls in" in run(usage, "--folder", tmp_path)[1]


@pytest.mark.parametrize(("option", "message"), [(("--by", "colour"), f"one of {', '.join(USAGE_BY)}"), (("--since", "soon"), "write 30m")])
def test_wrong_option_is_one_line(folder, option, message):
    with pytest.raises(ConfigError, match=message):
        run(usage, *option, "--folder", folder)
