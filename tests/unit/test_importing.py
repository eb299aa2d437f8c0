"""Configurations of other routers become ours; nothing is dropped silently, and no key is written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from routerkit import Request, Router
from routerkit.config import parse, plan_state
from routerkit.config.importing import take_over
from routerkit.errors import ConfigError
from tests.unit.test_cli import Run, run

__all__ = ["run"]

FOLDER = Path(__file__).parent / "imports"
ORIGINS = ("litellm.yaml", "portkey.json", "portkey-conditional.json")
SECRETS = ("sk-live", "sk-master", "hunter2", "user:secret", "pk-lf", "1a2b3c")


@pytest.mark.parametrize("origin", ORIGINS)
def test_whole_file_becomes_what_stands_beside_it(origin):
    """`routerkit init --from X --path X.toml` writes these files anew."""
    assert (FOLDER / f"{origin}.toml").read_text("utf-8") == take_over(FOLDER / origin).render()


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_secret_is_written_or_told(origin):
    """Neither those under names of secrets nor those in addresses and unknown settings."""
    draft = take_over(FOLDER / origin)
    assert not [secret for secret in SECRETS if secret in draft.render() + "".join(draft.notes)]


def test_setting_nobody_has_heard_of_is_told(tmp_path):
    """At every level of both formats."""
    litellm = {
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "openai/a", "odd1": 1}, "model_info": {"odd2": {"x": 2}}, "odd3": 3}
        ],
        "router_settings": {"odd4": [4], "fallbacks": [{"b": ["a"]}]},
        "litellm_settings": {"odd5": [{"y": 5}]},
        "odd6": "word",
    }
    leaf = {"provider": "openai", "override_params": {"model": "m", "master_key": "sk-1"}, "odd1": 1}
    portkey = {"strategy": {"mode": "fallback", "odd2": 2}, "targets": [leaf, {"strategy": {"odd3": 3}, "targets": [dict(leaf, odd4=4)]}]}
    for i, (document, told) in enumerate(
        [
            (litellm, ["odd1 = 1", "odd2.x = 2", "odd3 = 3", "odd4 = [4]", "no model 'b'", "odd5[0].y = 5", "odd6 = word"]),
            (portkey, ["odd1 = 1", "odd2 = 2", "odd3 = 3", "odd4 = 4", "override_params.master_key = …"]),
        ]
    ):
        (tmp_path / f"{i}.json").write_text(json.dumps(document))
        notes = "\n".join(take_over(tmp_path / f"{i}.json").notes)
        assert not [text for text in told if text not in notes]


@pytest.mark.parametrize(
    ("strategy", "policy"),
    [("cost-based-routing", "cheapest"), ("latency-based-routing", "fastest"), ("simple-shuffle", "weighted"), ("least-busy", "weighted")],
)
def test_routing_strategy_becomes_a_policy(tmp_path, strategy, policy):
    """Where there is something to choose among."""
    models = [{"model_name": "a", "litellm_params": {"model": f"openai/{name}"}} for name in ("x", "y")]
    (tmp_path / "c.json").write_text(json.dumps({"model_list": models, "router_settings": {"routing_strategy": strategy}}))
    draft = take_over(tmp_path / "c.json")
    assert policy == draft.pools["a"]["policy"]
    assert ("least-busy" == strategy) == any("has no counterpart; pool 'a' draws at random" in note for note in draft.notes)


def test_fallbacks_are_tried_after_all_of_their_own(tmp_path):
    """With weight 0: never drawn, still there."""
    state = plan_state(parse(take_over(FOLDER / "litellm.yaml").render()), tmp_path)
    router = Router(state)
    orders = {router.decide(Request("coder", ({"role": "user", "content": "hi"},))).ranked for _ in range(50)}
    assert {("gpt-5-mini", "gpt-5-mini-eu", "claude-sonnet-5"), ("gpt-5-mini-eu", "gpt-5-mini", "claude-sonnet-5")} == orders


def test_condition_on_metadata_becomes_a_rule_on_a_tag(tmp_path):
    """The default otherwise."""
    router = Router(plan_state(parse(take_over(FOLDER / "portkey-conditional.json").render()), tmp_path))
    message = ({"role": "user", "content": "hi"},)
    assert "change-me" == router.decide(Request("default", message)).picked
    assert "claude-sonnet-5" == router.decide(Request("default", message, tags=("plan=paid",))).picked


def test_vendors_key_is_not_sent_to_a_server_of_ones_own(tmp_path):
    """A literal key at another address gets a variable of its own name."""
    model = {
        "model_name": "a",
        "litellm_params": {"model": "openai/qwen", "api_base": "https://gpu.example/v1", "api_key": "sk-live-12345678"},
    }
    (tmp_path / "c.json").write_text(json.dumps({"model_list": [model]}))
    assert {"openai": {"kind": "openai", "base_url": "https://gpu.example/v1", "api_key": "env:QWEN_API_KEY"}} == take_over(
        tmp_path / "c.json"
    ).providers


def test_what_only_yaml_knows_is_taken_as_text(tmp_path):
    """An API version without quotes is a date; other people's files hold worse."""
    (tmp_path / "c.yaml").write_text(
        "model_list:\n- model_name: a\n"
        "  litellm_params: {model: azure/x, api_version: 2024-07-01, temperature: .nan, seed: !!binary aGk=, 5: 6}\n"
        "router_settings: {1: 2024-01-01}\n"
    )
    draft = take_over(tmp_path / "c.yaml")
    assert {"temperature": "nan", "seed": "b'hi'"} == draft.targets["x"]["extra"]
    assert "router_settings.1 = …: has no counterpart" in draft.notes


def test_vendors_without_settings_share_a_provider_under_a_neutral_name(tmp_path):
    """A Gemini behind a provider called bedrock would be puzzling. What they need besides is litellm's business, and told."""
    params = [
        {"model": "bedrock/claude", "aws_region_name": "us-east-1"},
        {"model": "vertex_ai/gemini", "vertex_project": "p"},
        {"model": "auto_router/complexity_router"},
    ]
    (tmp_path / "c.json").write_text(json.dumps({"model_list": [{"model_name": "a", "litellm_params": p} for p in params]}))
    draft = take_over(tmp_path / "c.json")
    assert {"litellm": {"kind": "litellm"}} == draft.providers
    assert ["claude", "gemini"] == list(draft.targets)
    told = "\n".join(draft.notes)
    assert all(text in told for text in ("(AWS_REGION_NAME)", "(VERTEXAI_PROJECT)", "is a router of LiteLLM's own"))


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("c.yaml", "model_list: [", "c.yaml:1: not valid YAML: "),
        ("c.json", "{", "c.json: not valid JSON: "),
        ("c.yaml", "model_list: 2024-13-45", "not valid YAML: month must be in"),
        ("c.yaml", "[" * 5_000, "not valid YAML: "),
        ("c.yaml", "model_list: &a [*a]", "holds an anchor within itself"),
        ("c.yaml", "just a text", "holds no table"),
        ("c.yaml", "a: 1", "neither LiteLLM's (model_list) nor Portkey's"),
        ("c.yaml", "model_list: []", "model_list has no chat model"),
        ("c.yaml", "model_list: 5", "model_list has no chat model"),
        ("c.json", '{"targets": []}', "no target with a provider in it"),
        ("c.json", '{"targets": [{"provider": "openai", "custom_host": "http://a:b@c/"}]}', "carries a user name or password"),
    ],
)
def test_file_that_cannot_be_taken_over_is_one_line_and_code_2(run: Run, tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text)
    code, out, err = run("init", "--from", name)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert told in err
    assert not (tmp_path / "routerkit.toml").exists()


def test_yaml_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    (tmp_path / "c.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match="needs PyYAML, which is not installed; run pip install pyyaml"):
        take_over(tmp_path / "c.yaml")


def test_command_writes_the_file_and_lists_what_was_not_taken_over(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("init", "--from", str(FOLDER / "portkey.json"))
    assert 0 == code
    assert out.startswith("took over 3 targets in 1 pools; not taken over as it was:\n  targets[0].api_key: a literal key is not written")
    assert (FOLDER / "portkey.json.toml").read_text("utf-8") == (tmp_path / "routerkit.toml").read_text("utf-8")
