"""Prices, limits and capabilities come from a list, and what the list does not say stays unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from routerkit.catalog import CAPABILITIES
from routerkit.config import prices
from routerkit.config.discovery import KEYS
from routerkit.config.prices import Wanted, find_facts, shipped_picks, wanted_of

ROWS = {
    "gpt-mini": {
        "litellm_provider": "openai",
        "mode": "chat",
        "input_cost_per_token": 2.5e-07,
        "cache_read_input_token_cost": 2.5e-08,
        "cache_creation_input_token_cost": 0.0,
        "output_cost_per_token": 2e-06,
        "max_input_tokens": 272000,
        "max_output_tokens": 128000,
        "supports_function_calling": True,
        "supports_vision": False,
        "supports_response_schema": True,
    },
    "deep/coder": {"litellm_provider": "deep", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
    "unfilled": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "ollama/llama": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "half": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06, "max_input_tokens": "many"},
    "embed": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06},
    "insane": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1.0, "output_cost_per_token": True},
}


@pytest.fixture
def price_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / prices.MAP_NAME
    path.write_text(json.dumps(ROWS))
    monkeypatch.setattr(prices, "map_path", lambda: path)
    find_facts.cache_clear()
    return path


@pytest.fixture
def no_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "map_path", lambda: None)
    find_facts.cache_clear()


@pytest.fixture(autouse=True)
def _forget() -> object:
    yield
    find_facts.cache_clear()


def find(model: str, provider: str | None = None) -> prices.ModelFacts | None:
    query = Wanted(model, provider)
    return find_facts(frozenset({query})).get(query)


def test_facts_of_a_listed_model(price_map: Path) -> None:
    facts = find("gpt-mini")
    assert facts is not None
    assert facts.price is not None
    assert (0.25, 2.0, 0.025) == (facts.price.input, facts.price.output, facts.price.cached_input)
    assert facts.price.cache_write is None, "0 for writing a paid cache means that nobody filled it in"
    assert (272_000, 128_000) == (facts.context_tokens, facts.max_output_tokens)
    assert {"tools": True, "vision": False, "json_schema": True, "json_mode": True, "embeddings": False} == dict(facts.can)
    assert facts.price.version.startswith("litellm ")
    assert facts.price.version.endswith(" map")


@pytest.mark.parametrize(
    ("model", "provider", "is_found"),
    [
        ("gpt-mini", None, True),
        ("gpt-mini", "openai", True),
        ("openai/gpt-mini", None, True),
        ("openai/gpt-mini", "openai", True),
        ("openrouter/openai/gpt-mini", None, True),
        ("deep/coder", None, True),
        ("coder", "deep", True),
        ("coder", None, False),
        ("gpt-mini", "deep", False),
        ("deep/gpt-mini", None, False),
        ("gpt-mini-2025-08-07", None, False),
        ("GPT-MINI", None, False),
        ("embed", None, True),
        ("", None, False),
    ],
)
def test_only_exact_names_of_the_right_provider_match(price_map: Path, model: str, provider: str | None, is_found: bool) -> None:
    assert is_found == (find(model, provider) is not None)


@pytest.mark.parametrize("model", ["unfilled", "half", "insane"])
def test_missing_and_unbelievable_prices_stay_unknown(price_map: Path, model: str) -> None:
    facts = find(model)
    assert facts is not None
    assert facts.price is None
    assert facts.context_tokens is None


def test_a_model_on_the_users_own_machine_may_be_free(price_map: Path) -> None:
    facts = find("ollama/llama")
    assert facts is not None
    assert facts.price is not None
    assert 0.0 == facts.price.input


def test_snapshot_answers_where_litellm_is_not_installed(no_map: None) -> None:
    facts = find("gpt-5-mini", "openai")
    assert facts is not None
    assert facts.price is not None
    assert "snapshot 2026-11-22" == facts.price.version
    assert 0.25 == facts.price.input


def test_snapshot_answers_for_what_the_map_lacks(price_map: Path) -> None:
    facts = find("gpt-5-mini")
    assert facts is not None
    assert facts.price is not None
    assert facts.price.version.startswith("snapshot ")


def test_asking_again_does_not_read_the_map_again(price_map: Path) -> None:
    first = find("gpt-mini")
    price_map.unlink()
    assert first is find("gpt-mini")


def test_nothing_is_read_when_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices, "map_path", lambda: pytest.fail("looked for the map"))
    assert {} == find_facts(frozenset())


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [("https://api.openai.com/v1", "openai"), ("https://api.deepseek.com", "deepseek"), ("http://127.0.0.1:8000/v1", None), (None, None)],
)
def test_known_hosts_say_whose_model_it_is(base_url: str | None, provider: str | None) -> None:
    assert Wanted("m", provider) == wanted_of("m", base_url=base_url)


def test_every_shipped_pick_but_resold_ones_has_price_window_and_tools(no_map: None) -> None:
    for provider in KEYS:
        for model in shipped_picks()[provider]:
            facts = find(model)
            assert facts is not None, model
            assert facts.price is not None, model
            assert facts.context_tokens is not None, model
            assert facts.can["tools"], model
            assert set(facts.can) <= set(CAPABILITIES)


def test_cheap_pick_comes_first(no_map: None) -> None:
    for provider, models in shipped_picks().items():
        cheap, strong = (find(model) for model in models)
        assert cheap is not None
        assert cheap.price is not None
        assert strong is not None
        assert strong.price is not None
        assert cheap.price.output < strong.price.output, provider


def test_installed_map_is_found_without_importing_litellm() -> None:
    code = (
        "import sys; from routerkit.config.prices import *; q = Wanted('gpt-4o'); print(find_facts(frozenset({q}))[q].price.input);"
        "assert 'litellm' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (0, "2.5") == (done.returncode, done.stdout.strip()), done.stderr
