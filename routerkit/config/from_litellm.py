"""From LiteLLM's proxy configuration (`model_list`, `router_settings`) to ours.

Source: docs.litellm.ai, "Config file" and "Router - load balancing, fallbacks", as of litellm 1.106.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from routerkit.config.discovery import KEYS
from routerkit.config.imported import CHANGE_ME, Draft, Given, key_reference, variable_of
from routerkit.errors import ConfigError
from routerkit.messages import Json

_BODY_TEXT: Final = (
    "frequency_penalty max_completion_tokens max_tokens n presence_penalty reasoning_effort response_format seed stop temperature thinking "
    "top_k top_p verbosity"
)
_BODY: Final = tuple(_BODY_TEXT.split())
"""Parameters of a deployment that go into the body of each request, so into `extra` of a target."""
_PRICES: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cached_input",
    "cache_creation_input_token_cost": "cache_write",
}
_CAN: Final = {
    "supports_function_calling": "tools",
    "supports_parallel_function_calling": "parallel_tools",
    "supports_response_schema": "json_schema",
    "supports_vision": "vision",
    "supports_pdf_input": "pdf",
    "supports_audio_input": "audio",
    "supports_reasoning": "reasoning",
}
_STRATEGIES: Final = {
    "simple-shuffle": "weighted",
    "cost-based-routing": "cheapest",
    "latency-based-routing": "fastest",
    "least-busy": "weighted",
    "usage-based-routing": "weighted",
    "usage-based-routing-v2": "weighted",
}
_NO_KEY: Final = frozenset({"", "none", "null", "empty", "dummy", "na"})
"""What people write where a server wants none."""
_BY_LOAD: Final = frozenset({"least-busy", "usage-based-routing", "usage-based-routing-v2"})
_REMARKS: Final = {
    "rpm": "targets have no limit of their own here; a 429 is waited for as long as it asks",
    "tpm": "targets have no limit of their own here; a 429 is waited for as long as it asks",
    "max_parallel_requests": "targets have no limit of their own here",
    "num_retries": "every target is tried once, then up to two more attempts follow; not configurable",
    "retry_policy": "what is worth repeating follows from the kind of failure; not configurable",
    "retry_after": "waits follow Retry-After, else full jitter; not configurable",
    "allowed_fails": "five failures in a row open a target's breaker; not configurable",
    "cooldown_time": "a target rests 10 s, doubled up to 300 s; not configurable",
    "timeout": "callers give timeout_s with each request, 60 s by default",
    "request_timeout": "callers give timeout_s with each request, 60 s by default",
    "context_window_fallbacks": "not needed: targets whose window is too short are dropped, all others of the pool are tried",
    "content_policy_fallbacks": "a refusal for its content ends a call",
    "enable_pre_call_checks": "not needed: windows and capabilities are always checked",
    "drop_params": "not needed: what is known not to fit a target is adapted and noted on the record",
    "master_key": "make keys for callers with `routerkit keys create NAME`",
    "database_url": "not needed: calls are recorded in the folder of [ledger]",
    "redis_host": "what routers share is said by [state]; see docs/config.md",
    "redis_password": "what routers share is said by [state]; see docs/config.md",
    "api_version": "set it in the environment of litellm (AZURE_API_VERSION)",
    "aws_access_key_id": "set it in the environment of litellm (AWS_ACCESS_KEY_ID)",
    "aws_profile_name": "set it in the environment of litellm (AWS_PROFILE_NAME)",
    "aws_region_name": "set it in the environment of litellm (AWS_REGION_NAME)",
    "aws_secret_access_key": "set it in the environment of litellm (AWS_SECRET_ACCESS_KEY)",
    "aws_session_token": "set it in the environment of litellm (AWS_SESSION_TOKEN)",
    "vertex_credentials": "set it in the environment of litellm (GOOGLE_APPLICATION_CREDENTIALS)",
    "vertex_location": "set it in the environment of litellm (VERTEXAI_LOCATION)",
    "vertex_project": "set it in the environment of litellm (VERTEXAI_PROJECT)",
    "base_model": "give the target the usd_per_mtok, context_tokens and can of that model",
    "default_fallbacks": "add those targets to the pools that may fall back to them",
    "cache": "answers are not cached by this file",
    "id": "targets are known by their names",
}


class _Deployment(NamedTuple):
    target: str
    weight: float | None
    order: float | None


def from_litellm(document: Json, origin: str) -> Draft:
    """Take over a LiteLLM configuration.

    Raises:
        ConfigError: no model in it can be taken over.
    """
    draft, given = Draft(origin), Given(document, "")
    pools: dict[str, list[_Deployment]] = {}
    for entry in given.tables("model_list"):
        name = entry.text("model_name") or "unnamed"
        deployment = _deployment(draft, entry)
        if deployment is not None:
            pools.setdefault(_pool_name(draft, entry, name), []).append(deployment)
        draft.leave(entry, _REMARKS)
    if not pools:
        raise ConfigError(f"{origin}: model_list has no chat model that could be taken over")
    settings, general = given.table("router_settings"), given.table("litellm_settings")
    strategy = settings.text("routing_strategy") or "simple-shuffle"
    for name, deployments in pools.items():
        _pool(draft, name, deployments, strategy)
    for source in (settings, general):
        _fallbacks(draft, source, pools)
    _alias(draft, settings)
    if (wait_s := settings.number("stream_timeout")) is not None:
        draft.timeouts["first_token_s"] = wait_s
    for rest in (settings, general, given):
        draft.leave(rest, _REMARKS)
    return draft


def _pool_name(draft: Draft, entry: Given, name: str) -> str:
    if _usable(name) != name:
        draft.note(f"{entry.path}.model_name", f"callers say model = {_usable(name)!r}")
    return _usable(name)


def _usable(name: str) -> str:
    """A model's name as the name of a pool, in which a slash would separate the target."""
    return name.replace("/", "-").replace("*", "any").strip() or "unnamed"


def _deployment(draft: Draft, entry: Given) -> _Deployment | None:
    params, facts = entry.table("litellm_params"), entry.table("model_info")
    mode, model = facts.text("mode"), params.text("model")
    if (why := _why_not(model, mode)) is not None or model is None:
        draft.note(entry.path, f"left out: it {why}")
        return None
    provider, model = _provider(draft, params, model)
    target = draft.target(
        model.rsplit("/", 1)[-1],
        {
            "provider": provider,
            "model": model,
            "context_tokens": _whole(facts.number("max_input_tokens")),
            "max_output_tokens": _whole(facts.number("max_output_tokens")),
            "can": {ours: value for theirs, ours in _CAN.items() if isinstance(value := facts.take(theirs), bool)},
            "usd_per_mtok": _prices(facts) | _prices(params),
            "tags": params.take("tags"),
            "extra": {name: value for name in _BODY if (value := params.take(name)) is not None},
        },
    )
    # Limits serve LiteLLM as weights too; they stay in the table, because here they limit nothing.
    shares = (params.number("weight"), params.peek("rpm"), params.peek("tpm"))
    deployment = _Deployment(target, next((s for s in shares if s is not None), None), params.number("order"))
    draft.leave(params, _REMARKS)
    draft.leave(facts, _REMARKS)
    return deployment


def _why_not(model: str | None, mode: str | None) -> str | None:
    """What keeps an entry from being a target; None if nothing does."""
    if model is None:
        return "names no model"
    if "*" in model:
        return "is a wildcard; name its models"
    if model.startswith("auto_router/"):
        return "is a router of LiteLLM's own; give a pool the targets it chose from, and a policy"
    return None if mode in {None, "chat"} else f"is for {mode}, not for chat"


def _provider(draft: Draft, params: Given, model: str) -> tuple[str, str]:
    """Name of the provider, and the model as it knows it."""
    custom = params.text("custom_llm_provider")
    vendor = custom or (model.split("/", 1)[0] if "/" in model else "")
    base_url = params.text("api_base") or params.text("base_url")
    if base_url is not None and base_url.startswith("os.environ/"):
        draft.note(
            f"{params.path}.api_base", f"an address cannot be a reference here; write that of {base_url.removeprefix('os.environ/')}"
        )
        base_url = f"https://{CHANGE_ME}.invalid/v1"
    is_openai = vendor == "openai"
    settings: dict[str, Json] = {
        "kind": "openai" if is_openai else "litellm",
        "base_url": base_url,
        "api_key": _key(draft, params, vendor or "openai", None if base_url is None else model),
        "custom_llm_provider": None if is_openai else custom,
    }
    has_own = any(value is not None for name, value in settings.items() if name != "kind")  # else every such vendor shares it
    return draft.provider(vendor if vendor and has_own else "litellm", settings), model.removeprefix("openai/") if is_openai else model


def _key(draft: Draft, params: Given, vendor: str, foreign: str | None) -> str | None:
    """Reference to the key. A model at an address of its own gets a variable of its own: the vendor's key must not be sent there."""
    key = params.take("api_key")
    variable = variable_of(foreign.rsplit("/", 1)[-1]) if foreign else KEYS.get(vendor, variable_of(vendor))
    if key is not None and str(key).lower() not in _NO_KEY:
        return key_reference(draft, f"{params.path}.api_key", key, variable)
    return f"env:{variable}" if foreign is None and vendor in KEYS else None


def _prices(given: Given) -> dict[str, Json]:
    found = {ours: given.number(theirs) for theirs, ours in _PRICES.items()}
    return {name: round(usd * 1e6, 6) for name, usd in found.items() if usd is not None}


def _pool(draft: Draft, name: str, deployments: list[_Deployment], strategy: str) -> None:
    targets = [d.target for d in deployments]
    if strategy in _BY_LOAD and len(targets) > 1:
        draft.note("router_settings.routing_strategy", f"{strategy} has no counterpart; pool {name!r} draws at random instead")
    if any(d.order is not None for d in deployments):
        targets = [d.target for d in sorted(deployments, key=lambda d: (d.order is None, d.order or 0.0))]
        draft.pools[name] = {"targets": targets, "policy": "fallback"}
        return
    policy = "fallback" if len(targets) == 1 else _STRATEGIES.get(strategy)
    if policy is None:
        draft.note("router_settings.routing_strategy", f"unknown strategy; pool {name!r} draws at random")
    draft.pools[name] = {"targets": targets, "policy": policy or "weighted"}
    if policy == "weighted" and any(d.weight is not None for d in deployments):
        _weigh(draft, name, {d.target: 1.0 if d.weight is None else d.weight for d in deployments})


def _weigh(draft: Draft, pool: str, weights: Mapping[str, Json]) -> None:
    draft.policies[f"shares-of-{pool}"] = {"kind": "weighted", "weights": dict(weights)}
    draft.pools[pool]["policy"] = f"shares-of-{pool}"


def _fallbacks(draft: Draft, settings: Given, pools: Mapping[str, list[_Deployment]]) -> None:
    for i, entry in enumerate(settings.tables("fallbacks")):
        for name, others in entry.others().items():
            names = [_usable(str(other)) for other in others] if isinstance(others, list) else []
            _fall_back(draft, f"{settings.path}.fallbacks[{i}]", _usable(name), names, pools)
        draft.leave(entry, _REMARKS)


def _fall_back(draft: Draft, path: str, name: str, others: list[str], pools: Mapping[str, list[_Deployment]]) -> None:
    """Targets of other pools, tried after all of this one."""
    for unknown in (n for n in (name, *others) if n not in pools):
        draft.note(path, f"there is no model {unknown!r}")
    if name not in pools:
        return
    own = [d.target for d in pools[name]]
    later = [d.target for other in others for d in pools.get(other, ()) if d.target not in own]
    pool = draft.pools[name]
    policy = str(pool["policy"])
    if policy in {"cheapest", "fastest"}:
        draft.note(path, f"left out: policy {policy!r} could pick the fallbacks of {name!r} first; add them to its targets if it may")
        return
    pool["targets"] = [*own, *later]
    if policy != "fallback":
        weights = draft.policies.get(policy, {}).get("weights")
        shares = dict(weights) if isinstance(weights, Mapping) else dict.fromkeys(own, 1.0)
        _weigh(draft, name, shares | dict.fromkeys(later, 0.0))
        if len(later) > 1:
            draft.note(path, f"the fallbacks of {name!r} are tried in the order of their names")


def _alias(draft: Draft, settings: Given) -> None:
    aliases = settings.table("model_group_alias")
    for alias, name in aliases.others().items():
        if isinstance(name, str) and _usable(name) in draft.pools and _usable(alias) not in draft.pools:
            draft.pools[_usable(alias)] = dict(draft.pools[_usable(name)])
        else:
            draft.note(f"{aliases.path}.{alias}", "is left out: it must be another name of a model of this file")
    draft.leave(aliases, _REMARKS)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)
