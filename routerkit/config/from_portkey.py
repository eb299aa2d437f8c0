"""From a Portkey gateway configuration (strategy, targets, override_params) to ours.

Source: portkey.ai/docs, "Gateway Config Object", and `src/types/requestBody.ts` of Portkey-AI/gateway 1.15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from routerkit.config.discovery import KEYS
from routerkit.config.imported import CHANGE_ME, Draft, Given, key_reference, variable_of
from routerkit.errors import ConfigError
from routerkit.messages import Json

_POOL: Final = "default"
_VENDORS: Final = {
    "azure-openai": "azure",
    "google": "gemini",
    "vertex-ai": "vertex_ai",
    "mistral-ai": "mistral",
    "together-ai": "together_ai",
    "perplexity-ai": "perplexity",
    "fireworks-ai": "fireworks_ai",
    "x-ai": "xai",
    "workers-ai": "cloudflare",
}
"""Portkey's name of a provider → litellm's, where they differ."""
_REMARKS: Final = {
    "retry": "every target is tried once, then up to two more attempts follow; not configurable",
    "cache": "answers are not cached by this file",
    "request_timeout": "callers give timeout_s with each request, 60 s by default",
    "on_status_codes": "whether others are tried follows from the kind of failure; not configurable",
    "virtual_key": "Portkey's vault holds this key; put it into the environment",
    "weight": "only shares within a loadbalance are taken over",
    "input_guardrails": "guardrails have no counterpart",
    "output_guardrails": "guardrails have no counterpart",
    "before_request_hooks": "hooks have no counterpart",
    "after_request_hooks": "hooks have no counterpart",
    "forward_headers": "headers of callers are not passed on",
    "strict_open_ai_compliance": "answers always have OpenAI's form",
}


class _Leaf(NamedTuple):
    """A target of the pool."""

    target: str
    share: float
    """Of the traffic, 0..1; 0 = only when others fail."""


def from_portkey(document: Json, origin: str) -> Draft:
    """Take over a Portkey configuration as one pool.

    Raises:
        ConfigError: there is no target in it.
    """
    draft, root = Draft(origin), Given(document, "")
    leaves = list(_leaves(draft, root, 1.0, depth=0))
    if not leaves:
        raise ConfigError(f"{origin}: no target with a provider in it; give the configuration object itself, not its id")
    shares = {leaf.target: round(leaf.share, 6) for leaf in leaves}
    draft.pools[_POOL] = {"targets": list(shares), "policy": "fallback"}
    if sum(share > 0 for share in shares.values()) > 1:
        draft.policies["shares"] = {"kind": "weighted", "weights": dict(shares)}
        draft.pools[_POOL]["policy"] = "shares"
    return draft


def _leaves(draft: Draft, node: Given, share: float, *, depth: int) -> Iterator[_Leaf]:
    strategy, targets = node.table("strategy"), node.tables("targets")
    mode = strategy.text("mode") or "single"
    if not targets:
        yield from _leaf(draft, node, share)
    elif mode == "conditional":
        yield from _conditional(draft, strategy, targets, share, depth)
    else:
        shares = [target.number("weight") for target in targets] if mode == "loadbalance" else []
        yield from _branches(draft, targets, _shares(mode, shares, len(targets)), share, depth)
    if depth and targets:
        draft.note(node.path, f"{mode} within another strategy: its targets stand in the one pool, with their part of the traffic")
    for rest in (strategy, node):
        draft.leave(rest, _REMARKS)


def _branches(draft: Draft, targets: list[Given], shares: list[float], share: float, depth: int) -> Iterator[_Leaf]:
    for target, part in zip(targets, shares, strict=True):
        yield from _leaves(draft, target, share * part, depth=depth + 1)


def _shares(mode: str, weights: list[float | None], n: int) -> list[float]:
    """Part of the traffic per branch: by weight, else all to the first."""
    if mode != "loadbalance":
        return [1.0] + [0.0] * (n - 1)
    given = [1.0 if weight is None else weight for weight in weights]
    total = sum(given)
    return [weight / total for weight in given] if total else [1.0 / n] * n


def _leaf(draft: Draft, node: Given, share: float) -> Iterator[_Leaf]:
    stated, slug = node.text("provider"), None
    if stated is not None and stated.startswith("@"):
        slug, stated = stated.removeprefix("@"), None
    virtual = node.text("virtual_key") or slug
    vendor = _VENDORS.get(stated, stated) if stated else None
    if vendor is None and virtual is None:
        return
    params = node.table("override_params")
    model = params.text("model") or node.text("model")
    if vendor is None:
        vendor = "openai"
        draft.note(
            f"{node.path}.provider".removeprefix("."), "is only known to Portkey's vault; taken for openai, correct kind and api_key"
        )
    if model is None:
        model = CHANGE_ME
        draft.note(f"{node.path}.override_params.model".removeprefix("."), "callers name the model; write it into the target")
    provider = _provider(draft, node, vendor, virtual)
    named = node.text("name")
    yield _Leaf(draft.target(named or model, {"provider": provider, "model": model, "extra": params.others()}), share)
    draft.leave(params, _REMARKS)


def _provider(draft: Draft, node: Given, vendor: str, virtual: str | None) -> str:
    base_url, key = node.text("custom_host"), node.take("api_key")
    # A server at an address of its own gets a variable of its own: the vendor's key must not be sent there.
    variable = variable_of(f"{vendor}-custom") if base_url else KEYS.get(vendor, variable_of(vendor))
    path = f"{node.path}.api_key".removeprefix(".")
    settings: dict[str, Json] = {
        "kind": "openai" if vendor == "openai" else "litellm",
        "base_url": base_url,
        "api_key": key_reference(draft, path, key, variable) if key is not None else f"env:{variable}" if base_url is None else None,
        "custom_llm_provider": None if vendor == "openai" else vendor,
    }
    if virtual is not None:
        draft.note(
            f"{node.path}.virtual_key".removeprefix("."), f"Portkey's vault holds this key; put it into the environment variable {variable}"
        )
    return draft.provider(vendor, settings)


def _conditional(draft: Draft, strategy: Given, targets: list[Given], share: float, depth: int) -> Iterator[_Leaf]:
    """The default first, then the others; a rule per condition sends its requests to its target."""
    default = strategy.text("default")
    names = [target.text("name") or f"target-{i + 1}" for i, target in enumerate(targets)]
    first = names.index(default) if default in names else 0
    branches: dict[str, list[str]] = {}
    for i in (first, *(i for i in range(len(targets)) if i != first)):
        leaves = list(_leaves(draft, targets[i], share if i == first else 0.0, depth=depth + 1))
        branches[names[i]] = [leaf.target for leaf in leaves]
        yield from leaves
    for condition in strategy.tables("conditions"):
        _rule(draft, condition, branches)


def _rule(draft: Draft, condition: Given, branches: Mapping[str, list[str]]) -> None:
    query, then = condition.take("query"), condition.text("then")
    tag = _tag(query)
    if tag is None or then is None or then not in branches:
        draft.note(condition.path, "only conditions of the form metadata.KEY equals VALUE have a counterpart")
        return
    draft.note(f"{condition.path}.query", f"callers send the tag {tag!r} (x-routerkit-tags, or tags=) instead of metadata")
    draft.rules.append({"name": f"{tag} goes to {then}", "when": {"tags": [tag]}, "only": branches[then]})


def _tag(query: Json) -> str | None:
    """`metadata.KEY equals VALUE` as a tag, `KEY=VALUE`; None for every other condition."""
    if not isinstance(query, Mapping) or len(query) != 1:
        return None
    ((field, wanted),) = query.items()
    if isinstance(wanted, Mapping):
        wanted = wanted.get("$eq") if len(wanted) == 1 else None
    is_simple = field.startswith("metadata.") and isinstance(wanted, str | int | bool)
    return f"{field.removeprefix('metadata.')}={wanted}" if is_simple else None
