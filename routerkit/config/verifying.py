"""Checks of answers in a configuration: their shape, what is wrong with them, and how they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import ConfigDict, Field

from routerkit.config.foreign import foreign_class
from routerkit.config.problems import Problem
from routerkit.config.section import Section
from routerkit.errors import ConfigError, nearest
from routerkit.judge import Judge
from routerkit.validators import VALIDATORS, validator
from routerkit.verifier import Verifier

if TYPE_CHECKING:
    from routerkit.config.schema import Config, PolicySection

SHIPPED: Final[Mapping[str, str]] = {
    "tests": "routerkit_evals.verifiers:SandboxTests",
    "types": "routerkit_evals.verifiers:SandboxTypes",
}
"""Kinds that run in the sandbox, by the class that the evals extra brings."""
VERIFIER_KINDS: Final = ("judge", *SHIPPED)


class VerifierSection(Section):
    """A check of answers; all keys but `kind` are its options."""

    model_config = ConfigDict(extra="allow")

    kind: Annotated[str, Field(min_length=1)]

    @property
    def options(self) -> Mapping[str, object]:
        """Everything but the kind."""
        return self.model_extra or {}


def verifier_problems(config: Config) -> Iterator[Problem]:
    """Checks that do not exist, and cascades that check nothing."""
    for name, section in config.verifiers.items():
        if name in VALIDATORS:
            yield Problem(("verifiers", name), f"{name!r} is the name of a check that is there already; choose another")
        if section.kind not in VERIFIER_KINDS and ":" not in section.kind:
            hint = nearest(section.kind, VERIFIER_KINDS)
            yield Problem(
                ("verifiers", name, "kind"), f'unknown kind {section.kind!r}; {hint} (a class of your own is "package.module:Class")'
            )
        if section.kind == "judge":
            yield from _judge_problems(name, section, config)
    for name, policy in config.policies.items():
        yield from _policy_problems(name, policy, config)
    for name, pool in config.pools.items():
        if pool.policy == "cascade" and "cascade" not in config.policies:
            yield Problem(("pools", name, "policy"), 'a cascade needs checks; add [policies.cascade] with verify = ["non_empty"]')


def build_verifiers(config: Config, base: Path) -> dict[str, Verifier | Judge]:
    """Every check that a policy uses, ready to look.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.

    Raises:
        ConfigError: a class is missing, refuses its options, or has no `verify`.
    """
    built: dict[str, Verifier | Judge] = {}
    for policy, section in config.policies.items():
        for name in section.verify or ():
            try:
                built[name] = built.get(name) or _built(name, config, base)
            except ConfigError as exc:
                path = ("verifiers", name) if name in config.verifiers else ("policies", policy, "verify")
                raise config.source.error([Problem(path, str(exc))]) from exc
    return built


def _judge_problems(name: str, section: VerifierSection, config: Config) -> Iterator[Problem]:
    path = ("verifiers", name)
    model = section.options.get("model")
    known = {*config.pools, *(f"{pool}/{target}" for pool, p in config.pools.items() for target in p.targets)}
    if not isinstance(model, str):
        yield Problem((*path, "model"), 'is missing; name a pool or one of its targets: "pool/target"')
    elif model not in known:
        yield Problem((*path, "model"), f"unknown pool or target {model!r}; {nearest(model, known)}")
    for key in section.options.keys() - {"model", "max_tokens"}:
        yield Problem((*path, key), f"unknown key; {nearest(key, ('model', 'max_tokens'))}")
    if not isinstance(section.options.get("max_tokens", 1), int) or section.options.get("max_tokens", 1) is True:
        yield Problem((*path, "max_tokens"), "should be a whole number")


def _policy_problems(name: str, policy: PolicySection, config: Config) -> Iterator[Problem]:
    path = ("policies", name)
    known = {*VALIDATORS, *config.verifiers}
    for check in policy.verify or ():
        if check not in known:
            hint = f"add [verifiers.{check}] with that kind" if check in VERIFIER_KINDS else nearest(check, known)
            yield Problem((*path, "verify"), f"unknown check {check!r}; {hint}")
    if (policy.kind or name) == "cascade" and not policy.verify:
        yield Problem((*path, "verify"), f"is missing, and a cascade needs checks; name some of {', '.join(sorted(known))}")


def _built(name: str, config: Config, base: Path) -> Verifier | Judge:
    section = config.verifiers.get(name)
    if section is None:
        return validator(name)
    if section.kind == "judge":
        return Judge(**section.options)  # type: ignore[arg-type]  # checked by `_judge_problems`
    where = {"base": base} if section.kind in SHIPPED else {}
    return _construct(SHIPPED.get(section.kind, section.kind), {**section.options, **where})


def _construct(dotted: str, options: Mapping[str, object]) -> Verifier:
    try:
        make = foreign_class(dotted)
    except ImportError as exc:
        raise ConfigError(f"cannot be imported ({exc}); install what it needs, e.g. 'routerkit[evals]', or correct the kind") from exc
    try:
        made = make(**options)
    except (TypeError, ValueError, OSError) as exc:
        raise ConfigError(f"refuses its options ({exc}); correct them") from exc
    if not isinstance(made, Verifier):
        raise ConfigError(f"{dotted!r} is not a verifier: it lacks verify(request, reply)")
    return made
