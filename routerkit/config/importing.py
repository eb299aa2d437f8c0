"""Reads the configuration of another router, whichever it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from routerkit.config.from_litellm import from_litellm
from routerkit.config.from_portkey import from_portkey
from routerkit.config.imported import Draft
from routerkit.config.load import parse, read_text
from routerkit.errors import ConfigError
from routerkit.messages import Json


def take_over(path: Path) -> Draft:
    """Turn LiteLLM's or Portkey's configuration into one of ours that can be read.

    Raises:
        ConfigError: the file cannot be read, or is neither.
    """
    document = _document(path)
    if not isinstance(document, Mapping):
        raise ConfigError(f"{path}: holds no table; give LiteLLM's config.yaml or Portkey's config as JSON")
    if "model_list" in document:
        draft = from_litellm(document, path.name)
    elif document.keys() & {"strategy", "targets", "provider", "virtual_key"}:
        draft = from_portkey(document, path.name)
    else:
        raise ConfigError(f"{path}: neither LiteLLM's (model_list) nor Portkey's (strategy, targets, provider); nothing to take over")
    parse(draft.render(), f"what was taken over from {path.name}")
    return draft


def _document(path: Path) -> Json:
    text = read_text(path)
    if path.suffix.lower() == ".json":
        try:
            found: Json = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise ConfigError(f"{path}: not valid JSON: {exc}; correct it") from None
        return found
    try:
        import yaml  # only this needs it; litellm and langchain bring it along
    except ModuleNotFoundError as exc:
        raise ConfigError(f"{path}: reading YAML needs PyYAML, which is not installed; run pip install pyyaml") from exc
    try:
        loaded: object = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        place = getattr(exc, "problem_mark", None)
        where = f"{path}:{place.line + 1}" if place else str(path)
        raise ConfigError(f"{where}: not valid YAML: {getattr(exc, 'problem', None) or 'unreadable'}; correct it") from None
    except (ValueError, RecursionError) as exc:  # a date without such a day, a thousand brackets
        raise ConfigError(f"{path}: not valid YAML: {exc}; correct it") from None
    return _as_json(loaded, path)


def _as_json(value: object, path: Path) -> Json:
    """What YAML knows and JSON does not, as text: a date, which people write as a version, and keys that are numbers."""
    try:
        return _plain(value)
    except RecursionError:
        raise ConfigError(f"{path}: holds an anchor within itself, or is nested too deeply; correct it") from None


def _plain(value: object) -> Json:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
