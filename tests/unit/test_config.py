"""A configuration is checked completely before anything starts, and every problem is one line with place, value and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from routerkit.catalog import Price
from routerkit.config import load, parse, plan_state, read
from routerkit.errors import ConfigError
from routerkit.messages import Request
from routerkit.router_state import RouterState
from tests.unit.config_text import GOOD, KEY

pytestmark = pytest.mark.usefixtures("no_price_map")


def plan(text: str, base: Path = Path()) -> RouterState:
    return plan_state(parse(text), base)


def refusal(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(old, new, 1), "r.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_everything_in_the_file_reaches_the_state() -> None:
    state = plan(GOOD)
    mini, local = state.pools["coding"].targets
    assert Price(0.25, 2.0, 0.025) == mini.price
    assert 400_000 == mini.context_tokens
    assert local.price is None
    assert local.context_tokens is None
    assert {} == local.can
    assert 0.70 == state.policies["cheapest_adequate"].settings.quality_floor
    assert ["explain", None] == [rule.when.kind for rule in state.rules]
    assert ("local",) == state.rules[1].only
    assert {"planner": 5.0} == state.budgets


def test_loaded_router_follows_the_rules_of_the_file(file: Path) -> None:
    with load(file) as router:
        request = Request(model="coding", messages=({"role": "user", "content": "translate it"},), tags=("legacy",))
        assert "local" == router.decide(request).picked


def test_loading_makes_no_decision_twice_different(file: Path) -> None:
    assert plan(GOOD).revision == plan(GOOD).revision
    assert plan(GOOD).revision != plan(GOOD.replace("0.70", "0.71")).revision


def test_every_policy_kind_is_allowed_in_a_pool_without_a_section() -> None:
    state = plan(GOOD.replace('policy = "cheapest_adequate"', 'policy = "fastest"'))
    assert "fastest" == state.policy(state.pools["coding"]).kind


def test_a_policy_may_have_its_own_name() -> None:
    text = (
        GOOD.replace('policy = "cheapest_adequate"', 'policy = "spread"') + '[policies.spread]\nkind = "weighted"\nweights = { mini = 3 }\n'
    )
    policy = plan(text).policies["spread"]
    assert ("weighted", {"mini": 3.0}) == (policy.kind, dict(policy.settings.weights))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("base_url =", "base_ur =", "r.toml:3: providers.openai.base_ur: unknown key; did you mean 'base_url'?"),
        ('"openai"\nbase', '"opnai"\nbase', "r.toml:2: providers.openai.kind: unknown kind 'opnai'; did you mean 'openai'?"),
        ('kind = "openai"\n', "", "r.toml:1: providers.openai.kind: is missing; add one of openai, litellm,"),
        ('kind = "openai"', 'kind = "a:b:c"', "r.toml:2: providers.openai.kind: 'a:b:c' is not of the form"),
        ("http://127.0.0.1:9/v1", "127.0.0.1:9", "r.toml:3: providers.openai.base_url: '127.0.0.1:9' is not an http(s) URL"),
        ("http://127", "ftp://127", "r.toml:3: providers.openai.base_url: 'ftp://127.0.0.1:9/v1' is not an http(s) URL"),
        (":9/v1", ":99999/v1", "r.toml:3: providers.openai.base_url: not a URL"),
        ('provider = "openai"', 'provider = "opnai"', "r.toml:7: targets.mini.provider: unknown provider 'opnai'; did you mean 'openai'?"),
        ('provider = "openai"\n', "", "r.toml:6: targets.mini.provider: is missing; add it"),
        ('"gpt-mini"', "5", "r.toml:8: targets.mini.model: 5 should be a text in quotes"),
        ('"gpt-mini"', '""', "r.toml:8: targets.mini.model: is empty; give a text"),
        ("400_000", "0", "r.toml:9: targets.mini.context_tokens: 0 should be greater than 0"),
        ("400_000", "1.5", "r.toml:9: targets.mini.context_tokens: 1.5 should be a valid integer"),
        ("context_tokens", "context_token", "r.toml:9: targets.mini.context_token: unknown key; did you mean 'context_tokens'?"),
        ('["tools", "json', '["tool", "json', "r.toml:10: targets.mini.can: unknown capability 'tool'; did you mean 'tools'?"),
        ('["tools", "json_schema"]', '"tools"', "r.toml:10: targets.mini.can: 'tools' should be a list like"),
        ("input = 0.25", "input = -0.25", "r.toml:11: targets.mini.usd_per_mtok.input: -0.25 should be greater than or equal to 0"),
        ("input = 0.25", "input = nan", "r.toml:11: targets.mini.usd_per_mtok.input: nan should be a finite number"),
        ("input = 0.25", "input = inf", "r.toml:11: targets.mini.usd_per_mtok.input: inf should be a finite number"),
        ("input = 0.25", "inpt = 0.25", "r.toml:11: targets.mini.usd_per_mtok.inpt: unknown key; did you mean 'input'?"),
        ('["mini", "local"]', '"mini"', "r.toml:18: pools.coding.targets: 'mini' should be an array, [...]"),
        ("[pools.coding]", "[pools]\ncoding = 1\n[policies.x]", "r.toml:18: pools.coding: 1 should be a table"),
        ('["mini", "local"]', "[]", "r.toml:18: pools.coding.targets: is empty; name at least one"),
        ('["mini", "local"]', '["mini", "locl"]', "r.toml:18: pools.coding.targets: unknown target 'locl'; did you mean 'local'?"),
        ('["mini", "local"]', '["mini", "mini"]', "r.toml:18: pools.coding.targets: 'mini' is listed 2 times; keep one"),
        ('["mini", "local"]', '["mini", "coding"]', "r.toml:18: pools.coding.targets: 'coding' is a pool, and pools hold targets only"),
        ('"cheapest_adequate"', '"cheepest"', "r.toml:19: pools.coding.policy: unknown policy 'cheepest'; did you mean 'cheapest'?"),
        ("[policies.cheapest_adequate]", "[policies.mine]", "r.toml:21: policies.mine: 'mine' is not a kind of policy; add kind ="),
        (
            "quality_floor = 0.70",
            "quality_floor = 70",
            "r.toml:22: policies.cheapest_adequate.quality_floor: 70 should be less than or equal to 1",
        ),
        ("quality_floor = 0.70", "quality_floor = true", "quality_floor: True should be a valid number"),
        (
            "quality_floor = 0.70",
            'kind = "chepest"',
            "r.toml:22: policies.cheapest_adequate.kind: unknown kind 'chepest'; did you mean 'cheapest'?",
        ),
        ("quality_floor = 0.70", "weights = { minni = 1 }", "weights: unknown target 'minni'; did you mean 'mini'?"),
        ("quality_floor = 0.70", "weights = { mini = 0, local = 0 }", "all weights are 0"),
        ('kind = "explain"', 'kind = "explan"', "r.toml:26: rules[0].when.kind: unknown task kind 'explan'; did you mean 'explain'?"),
        ('kind = "explain"', 'knd = "explain"', "r.toml:26: rules[0].when.knd: unknown key; did you mean 'kind'?"),
        ('kind = "explain"', "min_input_tokens = 9_000", "min_input_tokens: 9000 is above max_input_tokens = 8000"),
        ('kind = "explain"', 'needs = ["tols"]', "rules[0].when.needs: unknown capability 'tols'; did you mean 'tools'?"),
        ('prefer = ["mini"]', 'prefer = ["mni"]', "r.toml:27: rules[0].prefer: unknown target 'mni'; did you mean 'mini'?"),
        ('prefer = ["mini"]', "", "r.toml:24: rules[0]: rule 'explanations go to a small model' does nothing; add only, prefer or avoid"),
        ('prefer = ["mini"]', 'prefer = ["mini"]\navoid = ["mini"]', "rules[0].avoid: 'mini' is also wanted by only or prefer"),
        ('"legacy source never leaves the house"', '"explanations go to a small model"', "r.toml:30: rules[1].name: "),
        ("usd_per_day = 5.00", "usd_per_day = -1", "r.toml:35: budgets.planner.usd_per_day: -1 should be greater than or equal to 0"),
        ("usd_per_day = 5.00", "usd_per_month = 5", "r.toml:35: budgets.planner.usd_per_month: unknown key; did you mean 'usd_per_day'?"),
        ("[budgets.planner]", "[budgts.planner]", "r.toml:34: budgts: unknown key; did you mean 'budgets'?"),
        ("[targets.local]", "[targets.mini]", "r.toml:13: not valid TOML: Cannot declare ('targets', 'mini') twice"),
        ("[targets.local]", '[targets."a/b"]', "r.toml:13: targets.a/b: 'a/b' is not a usable name"),
        ("[pools.coding]", "[pools.coding", "r.toml:17: not valid TOML"),
        ("[ledger]", "[ledger]\nstore_text = 1", "r.toml:41: ledger.store_text: 1 should be true or false"),
        ("[scorecard]", "[scorecard]\nprior_quality = 1", "scorecard.prior_quality: 1 should be less than 1"),
        (
            "[scorecard]",
            "[scorecard]\npredictor = '~nobody-here/p'",
            "scorecard.predictor: '~nobody-here/p' begins with a home that does not",
        ),
        ("[scorecard]", '[scorecard]\npredictor = "a\\u0000b"', "is not a path; leave the NUL out"),
        ("[scorecard]", '[scorecard]\npredictor = " "', "scorecard.predictor: ' ' is empty; write a path, or leave the key out"),
        (
            "[ledger]",
            "[state]\nurl = 'sqlite:~nobody-here/s'\n[ledger]",
            "begins with a home that does not exist here; write the whole path",
        ),
        ("[ledger]", "[timeouts]\nconnect_s = 0\n[ledger]", "r.toml:41: timeouts.connect_s: 0 should be greater than 0"),
    ],
)
def test_a_mistake_is_told_with_line_key_value_and_remedy(old: str, new: str, told: str) -> None:
    assert told in refusal(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"env:RK_TEST_KEY"', f'"{KEY}"'),
        ('"env:RK_TEST_KEY"', f'["{KEY}"]'),
        ('"env:RK_TEST_KEY"', f'{{ value = "{KEY}" }}'),
        ("api_key =", f'token = "{KEY}"\napi_key ='),
        ("http://127.0.0.1:9/v1", f"http://user:{KEY}@127.0.0.1:9/v1"),
        ("http://127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?key={KEY}"),
        ("api_key =", f'headers = {{ x-api-key = "{KEY}" }}\napi_key ='),
        ('kind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\napi_key = "env:RK_TEST_KEY"', f'kind = "a.b:C"\nmy_token = "{KEY}"'),
        ('model = "gpt-mini"', f'model = ["{KEY}"]'),
    ],
)
def test_a_literal_key_is_refused_and_never_shown(old: str, new: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(old, new, 1))
    chain, shown = caught.value, ""
    while chain is not None:
        shown += f"{chain} {chain.args}"
        chain = None if chain.__suppress_context__ else (chain.__cause__ or chain.__context__)  # type: ignore[assignment]
    assert KEY not in shown


def test_further_problems_are_counted_and_the_first_line_comes_first() -> None:
    with pytest.raises(ConfigError, match=r"^r\.toml:9: targets\.mini\.context_tokens: .* \(\+2 more\)$"):
        parse(GOOD.replace("400_000", "0").replace("usd_per_day = 5.00", "usd_per_day = -1").replace("0.70", "7"), "r.toml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "[providers.x]\nkind = 'local'\n"])
def test_a_file_without_a_pool_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="pools: no pool is defined; add one"):
        parse(text)


def test_lines_are_found_under_quoted_and_dotted_keys_and_after_multiline_text() -> None:
    text = GOOD + '[targets."odd.name"]\nprovider = "openai"\nextra.note = """\nmodel = 1\n[targets.mini]\n"""\nmodel = 7\n'
    with pytest.raises(ConfigError, match=r"r\.toml:48: targets\.odd\.name\.model: 7 should be"):
        parse(text, "r.toml")


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file; write a first one with `routerkit init`"):
        read(tmp_path / "none.toml")


def test_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match=r"r\.toml: not UTF-8 text \(byte 8\)"):
        read(tmp_path / "r.toml")


def test_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path)


def test_byte_order_mark_and_windows_line_ends_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert {"coding"} == set(read(tmp_path / "r.toml").pools)
