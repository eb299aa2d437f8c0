"""What is publicly known of models: prices, limits, capabilities. From the map litellm ships where it is installed, else a dated snapshot.

litellm itself is not imported: that costs seconds, and only one data file of it is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from routerkit.catalog import Price
from routerkit.messages import Json

MAP_NAME: Final = "model_prices_and_context_window_backup.json"
_MODES: Final = frozenset({"chat", "completion", "responses", "embedding"})
_FREE_PROVIDERS: Final = frozenset({"ollama", "ollama_chat", "lm_studio", "llamafile", "local"})
"""Providers that run on the user's own machine; anywhere else 0/0 means nobody filled the price in."""
_PROVIDER_OF_HOST: Final = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gemini",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "xai",
    "api.together.xyz": "together_ai",
    "api.fireworks.ai": "fireworks_ai",
    "api.cerebras.ai": "cerebras",
}
_CAPABILITY_FIELDS: Final = {
    "tools": "supports_function_calling",
    "parallel_tools": "supports_parallel_function_calling",
    "json_schema": "supports_response_schema",
    "vision": "supports_vision",
    "pdf": "supports_pdf_input",
    "audio": "supports_audio_input",
    "reasoning": "supports_reasoning",
}


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of one model; None and absent capabilities are unknown."""

    price: Price | None = None
    context_tokens: int | None = None
    """Longest prompt, in tokens."""
    max_output_tokens: int | None = None
    can: Mapping[str, bool] = field(default_factory=dict)


class Wanted(NamedTuple):
    """One look-up: a model id, and whose it is if that is known."""

    model: str
    provider: str | None = None


def wanted_of(model: str, *, provider: str | None = None, base_url: str | None = None) -> Wanted:
    """The look-up for a model of a provider that is named, or recognised by its host."""
    host = urlsplit(base_url).hostname if base_url else None
    return Wanted(model, provider or _PROVIDER_OF_HOST.get(host or ""))


@lru_cache(maxsize=8)
def find_facts(queries: frozenset[Wanted]) -> Mapping[Wanted, ModelFacts]:
    """What is known of the models asked for; unknown ones are left out.

    The map is megabytes, so it is parsed once for all queries, only what was asked for is kept, and asking again is free.
    """
    found: dict[Wanted, ModelFacts] = {}
    for rows, origin in _sources() if queries else ():
        for query in queries - found.keys():
            row = _row(query, rows)
            if row is not None:
                found[query] = _facts(row, origin)
        if len(found) == len(queries):
            break
    return found


def shipped_picks() -> Mapping[str, tuple[str, ...]]:
    """Provider → a cheap and a strong model of it, as of the snapshot's date."""
    picks = _snapshot()["picks"]
    assert isinstance(picks, Mapping)
    return {str(provider): tuple(str(m) for m in models) for provider, models in picks.items() if isinstance(models, list)}


def map_path() -> Path | None:
    """Where the map of litellm is on disk; None when litellm is not installed."""
    spec = find_spec("litellm")  # finds the package without running it
    path = Path(spec.origin).with_name(MAP_NAME) if spec and spec.origin else None
    return path if path is not None and path.is_file() else None


def _sources() -> Iterator[tuple[Mapping[str, Json], str]]:
    path = map_path()
    if path is not None:
        yield json.loads(path.read_text("utf-8")), f"litellm {_litellm_version()} map"
    snapshot = _snapshot()
    models = snapshot["models"]
    assert isinstance(models, Mapping)
    yield models, f"snapshot {snapshot['date']}"


def _litellm_version() -> str:
    try:
        return version("litellm")
    except PackageNotFoundError:
        return "of unknown version"


def _snapshot() -> Mapping[str, Json]:
    found: Mapping[str, Json] = json.loads(files("routerkit.config").joinpath("prices.json").read_text("utf-8"))
    return found


def _row(query: Wanted, rows: Mapping[str, Json]) -> Mapping[str, Json] | None:
    for key, provider in _variants(query):
        row = rows.get(key)
        if not isinstance(row, Mapping) or row.get("mode") not in _MODES:
            continue
        if provider is None or row.get("litellm_provider") == provider:
            return row
    return None


def _variants(query: Wanted) -> Iterator[tuple[str, str | None]]:
    """Keys a model may stand under, and whose the row must be. Only exact names: another date is another model."""
    model, provider = query
    if provider is not None:
        yield f"{provider}/{model}", provider
        yield model, provider
    prefix, slash, rest = model.partition("/")
    if slash:
        yield model, prefix
        yield rest, prefix
        if prefix == "openrouter":  # sells other providers' models at their list prices
            yield from _variants(Wanted(rest))
    elif provider is None:
        # A bare name is listed for the model's maker only, whatever server or proxy answers to it.
        yield model, None


def _facts(row: Mapping[str, Json], origin: str) -> ModelFacts:
    can = {capability: value for capability, name in _CAPABILITY_FIELDS.items() if isinstance(value := row.get(name), bool)}
    if can.get("json_schema"):
        can["json_mode"] = True
    can["embeddings"] = row.get("mode") == "embedding"
    return ModelFacts(_price(row, origin), _tokens(row.get("max_input_tokens")), _tokens(row.get("max_output_tokens")), can)


def _price(row: Mapping[str, Json], origin: str) -> Price | None:
    into, out = _per_mtok(row.get("input_cost_per_token")), _per_mtok(row.get("output_cost_per_token"))
    if into is None or out is None or (into == out == 0 and row.get("litellm_provider") not in _FREE_PROVIDERS):
        return None
    # A cached price of 0 beside a real one means that nobody filled it in; then the full price is the honest guess.
    cached = _per_mtok(row.get("cache_read_input_token_cost")) or None
    written = _per_mtok(row.get("cache_creation_input_token_cost")) or None
    return Price(into, out, cached, written, origin)


def _per_mtok(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        return None
    return round(value * 1e6, 6)


def _tokens(value: Json) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
