"""What a schema cannot see: names that must exist, names that must differ, conditions that can never hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

from routerkit.catalog import CAPABILITIES
from routerkit.config.experiment_checks import experiment_problems
from routerkit.config.problems import KeyPath, Problem, unknown, unknown_targets, unknown_words
from routerkit.config.route_checks import route_problems, wish_problems
from routerkit.config.routing import PoolSection
from routerkit.config.schema import Config, PolicySection, RuleSection, TargetSection
from routerkit.config.verifying import verifier_problems
from routerkit.errors import nearest
from routerkit.exploring import WEIGHS_QUALITY
from routerkit.languages import LANGUAGES
from routerkit.messages import TASK_KINDS
from routerkit.policy import POLICY_KINDS
from routerkit.signals import DIFFICULTIES

_WITHOUT_EMBEDDINGS: Final = frozenset({"local", "replay", "simulated"})
_SECTIONS_WITH_NAMES: Final = ("providers", "targets", "pools", "policies", "budgets", "verifiers")


def cross_problems(config: Config) -> Iterator[Problem]:
    """Everything wrong with a configuration whose single values are fine."""
    yield from _name_problems(config)
    if not config.pools:
        yield Problem(("pools",), 'no pool is defined; add one, e.g. [pools.coding] with targets = ["…"]')
    for name, provider in config.providers.items():
        yield from _url_problems(("providers", name, "base_url"), getattr(provider, "base_url", None))
    for name, target in config.targets.items():
        yield from _target_problems(("targets", name), target, config)
    for name, pool in config.pools.items():
        yield from _pool_problems(("pools", name), pool, config)
    for name, policy in config.policies.items():
        yield from _policy_problems(name, policy, config)
    yield from _rules_problems(config)
    yield from verifier_problems(config)
    if config.online is not None and config.ledger is None:
        yield Problem(("online",), 'learns from the reports in the ledger, and there is none; add [ledger] with path = "routerkit-data"')
    yield from route_problems(config)
    yield from experiment_problems(config)


def _name_problems(config: Config) -> Iterator[Problem]:
    for section in _SECTIONS_WITH_NAMES:
        for name in getattr(config, section):
            # Budgets are named after agents, which callers choose freely.
            if not name or not name.isprintable() or (section != "budgets" and ("/" in name or name != name.strip())):
                yield Problem(
                    (section, name), f"{name!r} is not a usable name; use letters, digits, '-', '_', '.' (a slash separates pool/target)"
                )


def _url_problems(path: KeyPath, url: object) -> Iterator[Problem]:
    if not isinstance(url, str):
        return
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield Problem(path, 'not a URL; write e.g. "http://127.0.0.1:8000/v1"')
        return
    if parts.username is not None or parts.password is not None:
        yield Problem(path, "carries a user name or password; put the secret into api_key as a reference")
    elif parts.scheme not in {"http", "https"} or not host:
        yield Problem(path, f'{url!r} is not an http(s) URL; write e.g. "http://127.0.0.1:8000/v1"')
    elif parts.query or parts.fragment:
        yield Problem(path, "has a query or fragment; give only scheme, host, port and path")


def _target_problems(path: KeyPath, target: TargetSection, config: Config) -> Iterator[Problem]:
    if target.provider not in config.providers:
        yield Problem((*path, "provider"), unknown("provider", target.provider, config.providers, "providers"))
    yield from unknown_words((*path, "can"), "capability", tuple(target.can or ()), CAPABILITIES)
    kind = getattr(config.providers.get(target.provider), "kind", "")
    if "embeddings" in (target.can or ()) and kind in _WITHOUT_EMBEDDINGS:
        yield Problem((*path, "can"), f"providers of kind {kind!r} have no embeddings; use kind openai or litellm")
    yield from _repeated((*path, "tags"), target.tags)


def _pool_problems(path: KeyPath, pool: PoolSection, config: Config) -> Iterator[Problem]:
    for target in pool.targets:
        if target in config.pools and target not in config.targets:
            text = f'{target!r} is a pool, and pools hold targets only; list its targets, or nest a router with a provider of kind "router"'
            yield Problem((*path, "targets"), text)
        elif target not in config.targets:
            yield Problem((*path, "targets"), unknown("target", target, config.targets, "targets"))
    yield from _repeated((*path, "targets"), pool.targets)
    yield from unknown_targets((*path, "max_share"), tuple(pool.max_share), pool.targets)
    if pool.policy not in config.policies and pool.policy not in POLICY_KINDS:
        yield Problem((*path, "policy"), f"unknown policy {pool.policy!r}; {nearest(pool.policy, {*config.policies, *POLICY_KINDS})}")


def _policy_problems(name: str, policy: PolicySection, config: Config) -> Iterator[Problem]:
    path: KeyPath = ("policies", name)
    if policy.kind is None and name not in POLICY_KINDS:
        yield Problem(path, f'{name!r} is not a kind of policy; add kind = "…" or rename it: {nearest(name, POLICY_KINDS)}')
    elif policy.kind is not None and policy.kind not in POLICY_KINDS:
        yield Problem((*path, "kind"), f"unknown kind {policy.kind!r}; {nearest(policy.kind, POLICY_KINDS)}")
    if policy.explore_by == "thompson" and (policy.kind or name) not in WEIGHS_QUALITY:
        text = f"'thompson' needs a policy that weighs quality ({', '.join(WEIGHS_QUALITY)}); write explore_by = \"even\""
        yield Problem((*path, "explore_by"), text)
    weights = policy.weights or {}
    yield from unknown_targets((*path, "weights"), tuple(weights), config.targets)
    if weights and set(weights) >= set(config.targets) and not any(weights.values()):
        yield Problem((*path, "weights"), "all weights are 0, so nothing could be picked; give one target a weight above 0")


def _rules_problems(config: Config) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for i, rule in enumerate(config.rules):
        if rule.name in seen:
            yield Problem(("rules", i, "name"), f"{rule.name!r} is also the name of rule {seen[rule.name] + 1}; rename one")
        seen.setdefault(rule.name, i)
        yield from _rule_problems(("rules", i), rule, config)


def _rule_problems(path: KeyPath, rule: RuleSection, config: Config) -> Iterator[Problem]:
    yield from wish_problems(path, rule, config.targets)
    if not (rule.only or rule.prefer or rule.avoid):
        yield Problem(path, f"rule {rule.name!r} does nothing; add only, prefer or avoid with names of targets")
    when = (*path, "when")
    yield from unknown_words((*when, "kind"), "task kind", (rule.when.kind,) if rule.when.kind is not None else (), TASK_KINDS)
    yield from unknown_words((*when, "kinds"), "task kind", rule.when.kinds, TASK_KINDS)
    yield from unknown_words((*when, "needs"), "capability", rule.when.needs, CAPABILITIES)
    for key, known in (("language", LANGUAGES), ("difficulty", DIFFICULTIES)):
        value = getattr(rule.when, key)
        yield from unknown_words((*when, key), key, () if value is None else (value,), known)
    low, high = rule.when.min_input_tokens, rule.when.max_input_tokens
    if low is not None and high is not None and low > high:
        yield Problem((*when, "min_input_tokens"), f"{low} is above max_input_tokens = {high}, so the rule never holds; swap them")


def _repeated(path: KeyPath, names: Sequence[str]) -> Iterator[Problem]:
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        yield Problem(path, f"{name!r} is listed {names.count(name)} times; keep one")
