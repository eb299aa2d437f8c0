"""What a correct configuration becomes: targets, prices, providers with their keys, nested routers; and how it is replaced."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType

import pytest

from routerkit.catalog import Price
from routerkit.config import build_state, load, parse, plan_state, reload
from routerkit.errors import ConfigError
from routerkit.messages import Request
from routerkit.providers.timers import Timers
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.scorecard import Cell, Scorecard
from routerkit.testing import ScriptedProvider, make_reply
from tests.unit.config_text import GOOD, KEY

NESTING = """\
[providers.r]
kind = "router"
path = "{path}"
[targets.t]
provider = "r"
model = "{model}"
[pools.p]
targets = ["t"]
"""


pytestmark = pytest.mark.usefixtures("no_price_map")


def plan(text: str, base: Path = Path()) -> RouterState:
    return plan_state(parse(text), base)


def test_unset_key_stops_the_start_and_names_variable_and_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RK_TEST_KEY")
    with pytest.raises(ConfigError, match=r"routerkit\.toml:4: providers\.openai\.api_key: environment variable RK_TEST_KEY is not set"):
        load(file)


def test_unset_key_of_an_unused_provider_does_not_stop_the_start(tmp_path: Path) -> None:
    config = parse(GOOD + '[providers.spare]\nkind = "openai"\napi_key = "env:RK_TEST_UNSET"\n')
    assert {"openai"} == set(build_state(config, tmp_path).providers)


def test_key_file_is_found_beside_the_configuration(file: Path) -> None:
    file.write_text(GOOD.replace("env:RK_TEST_KEY", "file:key"))
    (file.parent / "key").write_text(KEY + "\n")
    with load(file) as router:
        assert {"openai"} == set(router.state.providers)


@pytest.mark.parametrize(
    ("can", "expected"),
    [
        ('["json_schema"]', {"json_schema": True, "json_mode": True, "tools": False, "vision": False}),
        ("{ tools = false }", {"tools": False, "vision": True, "json_schema": True}),
        ("{ parallel_tools = true }", {"parallel_tools": True, "tools": True, "vision": True}),
        ("{ json_schema = true, json_mode = false }", {"json_schema": True, "json_mode": False}),
    ],
)
def test_a_list_of_capabilities_is_complete_and_a_table_only_corrects(can: str, expected: dict[str, bool]) -> None:
    text = GOOD.replace('"gpt-mini"', '"gpt-5-mini"').replace('["tools", "json_schema"]', can)
    (mini, _) = plan(text).pools["coding"].targets
    assert expected == {capability: mini.can.get(capability) for capability in expected}


def test_what_the_file_leaves_out_comes_from_the_price_list() -> None:
    text = GOOD.replace('"llama"', '"gpt-5-mini"')
    (_, target) = plan(text).pools["coding"].targets
    assert Price(0.25, 2.0, 0.025, None, "snapshot 2026-11-22") == target.price
    assert 272_000 == target.context_tokens
    assert target.can["tools"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{ output = 3 }", Price(0.25, 3.0, 0.025, None, "config over snapshot 2026-11-22")),
        ("{ input = 1 }", Price(1.0, 2.0, None, None, "config over snapshot 2026-11-22")),
        ("{ input = 0, output = 0 }", Price(0.0, 0.0, None, None, "config")),
    ],
)
def test_the_files_prices_win_over_the_lists(given: str, expected: Price) -> None:
    text = GOOD.replace('"llama"', f'"gpt-5-mini"\nusd_per_mtok = {given}')
    assert expected == plan(text).pools["coding"].targets[1].price


def test_half_a_price_of_an_unlisted_model_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"r\.toml:16: targets\.local\.usd_per_mtok: output is missing and the price map does not know"):
        plan_state(parse(GOOD.replace('"llama"', '"llama"\nusd_per_mtok = { input = 1 }'), "r.toml"), Path())


def test_in_process_model_costs_nothing_and_says_what_is_left_out() -> None:
    text = GOOD + '[providers.here]\nkind = "local"\n[targets.tiny]\nprovider = "here"\nmodel = "smollm2"\n[pools.p]\ntargets = ["tiny"]\n'
    assert Price(0.0, 0.0, version="local: electricity not counted") == plan(text).pools["p"].targets[0].price


def test_scorecard_and_stated_prior_are_loaded(file: Path) -> None:
    (file.parent / "scorecard.json").write_text(Scorecard((Cell("mini", "explain", 10, 9.0),), prior_quality=0.5).to_json())
    state = plan(GOOD.replace('path = "scorecard.json"', 'path = "scorecard.json"\nprior_quality = 0.3'), file.parent)
    assert 10 == state.scorecard.estimate("mini", "explain").n_samples
    assert (0.3, 4.0) == (state.scorecard.prior_quality, state.scorecard.prior_n)


def test_missing_scorecard_is_said_and_means_unmeasured(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), load(file) as router:
        assert "" == router.state.scorecard.revision
    assert f"{file.parent / 'scorecard.json'}: no scorecard there, so every target counts as unmeasured" in caplog.text


def test_base_model_on_this_machine_is_known_to_call_no_tools(file: Path) -> None:
    text = GOOD + "".join(
        f'[providers.{n}]\nkind = "local"\nmodel = "{m}"\n[targets.{n}]\nprovider = "{n}"\nmodel = "{m}"\n'
        for n, m in (("base", "gemma-270m"), ("chat", "smollm2"))
    )
    targets = plan(text + '[pools.p]\ntargets = ["base", "chat"]\n', file.parent).pools["p"].targets
    assert [False, None] == [target.can.get("tools") for target in targets]
    assert [False, False] == [target.can.get("vision") for target in targets]


def test_key_sent_in_clear_to_another_machine_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        build_state(parse(GOOD.replace("127.0.0.1:9", "gpu.example:9").split("[scorecard]")[0]), tmp_path)
    assert "http://gpu.example:9/v1: its key is sent unencrypted" in caplog.text


@pytest.mark.parametrize(
    ("kind", "module", "name"), [("openai", "openai_compatible", "OpenAICompatible"), ("litellm", "litellm", "LiteLLM")]
)
def test_stated_timeouts_and_key_reach_the_provider(
    kind: str, module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def capture(base_url: str = "", api_key: str = "", **settings: object) -> object:
        given.update(settings, base_url=base_url, api_key=api_key)
        return ScriptedProvider([])

    monkeypatch.setattr(f"routerkit.providers.{module}.{name}", capture)
    text = GOOD.replace('kind = "openai"', f'kind = "{kind}"').split("[scorecard]")[0]
    build_state(parse(text + "[timeouts]\nfirst_token_s = 7\n"), tmp_path)
    assert (Timers(5.0, 7.0, 30.0), KEY, "http://127.0.0.1:9/v1") == (given["timers"], given["api_key"], given["base_url"])


class Greeter(ScriptedProvider):
    """A provider of somebody's own."""

    def __init__(self, greeting: str, api_key: str, cheerful: bool = False) -> None:
        if cheerful:
            raise ValueError(f"too cheerful with {api_key}")
        super().__init__([make_reply(f"{greeting} {len(api_key)}")])


@pytest.fixture
def own_class(monkeypatch: pytest.MonkeyPatch) -> str:
    module = ModuleType("my_models")
    vars(module).update(Greeter=Greeter, Mute=dict)
    monkeypatch.setitem(sys.modules, "my_models", module)
    kept = GOOD.replace('kind = "openai"\nbase_url = "http://127.0.0.1:9/v1"', 'kind = "my_models:Greeter"\ngreeting = "hello"')
    return kept.split("[scorecard]")[0]


def test_own_class_gets_its_settings_and_its_secret(own_class: str, tmp_path: Path) -> None:
    reply = Router(build_state(parse(own_class), tmp_path)).complete(Request(model="coding", messages=({"role": "user", "content": "hi"},)))
    assert f"hello {len(KEY)}" == reply.text


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("my_models:Greeter", "no_models:Greeter", "cannot be imported (No module named 'no_models')"),
        ("my_models:Greeter", "my_models:Nobody", "module 'my_models' has no 'Nobody'"),
        ("my_models:Greeter", "my_models:Mute", "'my_models:Mute' is not a provider: it lacks complete, acomplete, stream, astream"),
        ('greeting = "hello"', "cheerful = true", "refuses these settings (TypeError:"),
        ('greeting = "hello"', 'greeting = "hello"\ncheerful = true', "refuses these settings (ValueError: too cheerful with ***)"),
    ],
)
def test_own_class_that_cannot_be_used_is_told_without_its_key(own_class: str, tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_state(parse(own_class.replace(old, new), "r.toml"), tmp_path)
    assert told in str(caught.value)
    assert str(caught.value).startswith("r.toml:1: providers.openai: ")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "buggy.py, line 1: invalid syntax); fix it"),
        ("import os\n\nos.environ['no-such'] + 'sk-secret'\n", "module 'buggy' raises KeyError when imported ("),
        ("raise RuntimeError('sk-secret')\n", "buggy.py, line 1); fix it"),
    ],
)
def test_bug_in_an_own_module_is_one_line(own_class: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    (tmp_path / "buggy.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError) as caught:
        build_state(parse(own_class.replace("my_models:Greeter", "buggy:Greeter"), "r.toml"), tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_routers_nest_by_file(own_class: str, tmp_path: Path) -> None:
    (tmp_path / "inner.toml").write_text(own_class)
    (tmp_path / "outer.toml").write_text(NESTING.format(path="inner.toml", model="coding"))
    with load(tmp_path / "outer.toml") as router:
        reply = router.complete(Request(model="p", messages=({"role": "user", "content": "hi"},)))
    assert f"hello {len(KEY)}" == reply.text


@pytest.mark.parametrize("names", [("a",), ("a", "b"), ("a", "b", "c")])
def test_a_router_that_contains_itself_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name, inner in zip(names, (*names[1:], names[0]), strict=True):
        (tmp_path / f"{name}.toml").write_text(NESTING.format(path=f"./{inner}.toml", model="p"))
    with pytest.raises(ConfigError, match="is already being loaded, so the router would call itself"):
        load(tmp_path / "a.toml")


def test_reload_puts_new_contents_in_force(file: Path) -> None:
    with load(file) as router:
        file.write_text(GOOD.replace("usd_per_day = 5.00", "usd_per_day = 7.00"))
        reload(router, file)
        assert {"planner": 7.0} == router.state.budgets


@pytest.mark.parametrize("broken", ["pools = 1", GOOD.replace("0.70", "70"), GOOD.replace("RK_TEST_KEY", "RK_TEST_UNSET")])
def test_failed_reload_keeps_the_old_state(file: Path, broken: str) -> None:
    with load(file) as router:
        before = router.state
        file.write_text(broken)
        with pytest.raises(ConfigError):
            reload(router, file)
        assert before is router.state
