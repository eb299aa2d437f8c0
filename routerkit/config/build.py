"""From a checked Config to the complete state of a router: targets with prices, policies, rules, and providers with their keys."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from routerkit.catalog import Pool, Target
from routerkit.classifier import Classifier
from routerkit.config.learning import report_watch
from routerkit.config.ledger_section import ledger_folder
from routerkit.config.ledger_watch import LedgerWatch
from routerkit.config.prices import find_facts
from routerkit.config.problems import KeyPath, Problem
from routerkit.config.providers import build_provider, references
from routerkit.config.routing import ExperimentSection
from routerkit.config.schema import Config, PolicySection, ProviderSection, RouterSection, RuleSection
from routerkit.config.scores import build_predictor, build_scorecard, missing, scorecard_watch
from routerkit.config.secrets import Secret, resolve
from routerkit.config.section import located
from routerkit.config.targets import build_target, wanted
from routerkit.config.trial_watch import trial_watch
from routerkit.config.verifying import build_verifiers
from routerkit.config.watch import ScorecardWatch
from routerkit.errors import ConfigError, StoreError
from routerkit.experiment import Experiment, Ramp
from routerkit.policy import Policy
from routerkit.predictor import SILENT, Predictor
from routerkit.provider import Provider
from routerkit.router_state import RouterState
from routerkit.routes import Route, RouteBook
from routerkit.rules import Rule, When
from routerkit.settings import PolicySettings

if TYPE_CHECKING:
    from routerkit.ledger import Ledger

_log = logging.getLogger(__name__)


def build_state(config: Config, base: Path, *, loading: tuple[Path, ...] = ()) -> RouterState:
    """Everything a router needs, with every provider connected to its key.

    Args:
        config: A checked configuration.
        base: Folder that relative paths start from.
        loading: Configuration files being loaded around this one; a router must not contain itself.

    Raises:
        ConfigError: a secret, file, class or scorecard that the configuration refers to is missing or wrong.
    """
    state = plan_state(config, base)
    if config.scorecard is not None and not (path := located(base, config.scorecard.path)).exists():
        _log.warning("%s", missing(path))
    return replace(state, providers=_providers(config, base, loading), verifiers=build_verifiers(config, base))


def check_providers(config: Config, base: Path, *, loading: tuple[Path, ...] = ()) -> None:
    """Find what would keep providers from being called; nothing is sent.

    Raises:
        ConfigError: a secret, file or class that a provider refers to is missing or wrong.
    """
    _providers(config, base, loading)


def plan_state(config: Config, base: Path) -> RouterState:
    """Everything a router needs to decide but not to call: no providers, so no secrets are needed.

    Raises:
        ConfigError: a price is incomplete. A scorecard that cannot be read is not used, and decisions say so.
    """
    targets = build_targets(config)
    routes = RouteBook([Route(**dict(route)) for route in config.routes])
    predictor = build_predictor(config.scorecard, base)
    return RouterState(
        pools={n: Pool(n, tuple(targets[t] for t in pool.targets), pool.policy) for n, pool in config.pools.items()},
        providers={},
        policies={name: _policy(name, policy) for name, policy in config.policies.items()},
        rules=tuple(_rule(rule) for rule in config.rules),
        scorecard=build_scorecard(config.scorecard, base, targets),
        predictor=predictor if isinstance(predictor, Predictor) else None,
        unheard=SILENT if isinstance(predictor, Predictor) else predictor,
        budgets=config.usd_per_day,
        pool_budgets=config.pool_usd_per_day,
        ceilings={name: pool.max_share for name, pool in config.pools.items() if pool.max_share},
        hedged=frozenset(name for name, pool in config.pools.items() if pool.hedge),
        revision=_revision(config, targets),
        routes=routes,
        classifier=_classifier(config, targets, routes),
        experiments={name: _experiment(pool.experiment) for name, pool in config.pools.items() if pool.experiment is not None},
    )


def build_targets(config: Config) -> dict[str, Target]:
    """All targets by name, whatever the file leaves out taken from the price map."""
    queries = {name: wanted(target, config.providers[target.provider]) for name, target in config.targets.items()}
    facts = find_facts(frozenset(q for q in queries.values() if q is not None))
    built: dict[str, Target] = {}
    for name, target in config.targets.items():
        query = queries[name]
        try:
            built[name] = build_target(name, target, config.providers[target.provider], facts.get(query) if query else None)
        except ConfigError as exc:
            raise _placed(config, ("targets", name, "usd_per_mtok"), exc) from exc
    return built


def build_ledger(config: Config, base: Path) -> Ledger | None:
    """The ledger the configuration names; None when it names none.

    Raises:
        ConfigError: the folder cannot be used, or its rows go elsewhere so far.
    """
    if config.ledger is None:
        return None
    # The ledger starts a thread and pulls in its file handling; configurations without one need neither.
    from routerkit.ledger import Ledger

    try:
        folder = ledger_folder(config.ledger, base)
        # Made here already: the ledger itself only counts what it cannot write, which somebody would notice much later.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Ledger(folder, store_text=config.ledger.store_text)
    except OSError as exc:
        raise _placed(config, ("ledger", "path"), f"cannot be used ({exc.strerror or exc}); make it a writable folder") from exc
    except StoreError as exc:
        raise _placed(config, ("ledger", "store"), str(exc)) from exc


def build_report_watch(config: Config, base: Path) -> LedgerWatch | None:
    """What teaches a running router from its ledger; None when the configuration does not ask for it."""
    if config.online is None or config.ledger is None:
        return None
    return report_watch(located(base, config.ledger.path), config.online)


def build_trial_watch(config: Config, base: Path) -> LedgerWatch | None:
    """What ends experiments by what the ledger says; None when there are none."""
    if config.ledger is None or all(pool.experiment is None for pool in config.pools.values()):
        return None
    return trial_watch(ledger_folder(config.ledger, base))


def build_watch(config: Config, base: Path) -> ScorecardWatch | None:
    """What keeps a running router's scorecard fresh; None when the configuration names none, or wants none.

    Make it before the state: what is published in between is then noticed.
    """
    section = config.scorecard
    return None if section is None or section.reload_s == 0 else scorecard_watch(section, base, build_targets(config))


def _providers(config: Config, base: Path, loading: tuple[Path, ...]) -> dict[str, Provider]:
    used = {target.provider for target in config.targets.values()}
    built: dict[str, Provider] = {}
    for name in (n for n in config.providers if n in used):
        section = config.providers[name]
        models = tuple(dict.fromkeys(t.model for t in config.targets.values() if t.provider == name))
        secrets = {key: _secret(config, ("providers", name, key), text, base) for key, text in references(section).items()}
        try:
            built[name] = _nested(section, base, loading) or build_provider(
                section, base, models=models, timeouts=config.timeouts, secrets=secrets
            )
        except ConfigError as exc:
            raise _placed(config, ("providers", name), exc) from exc
    return built


def _secret(config: Config, path: KeyPath, reference: str, base: Path) -> Secret:
    try:
        return resolve(reference, base)
    except ConfigError as exc:
        raise _placed(config, path, exc) from exc


def _nested(section: ProviderSection, base: Path, loading: tuple[Path, ...]) -> Provider | None:
    """A router as provider, from its own file."""
    if not isinstance(section, RouterSection):
        return None
    # Building needs loading and loading needs building; only a nested router closes that circle.
    from routerkit.config.load import load_nested

    path = located(base, section.path).resolve()
    if path in loading:
        raise ConfigError(f"{section.path} is already being loaded, so the router would call itself; point to another file")
    return load_nested(path, loading)


def _policy(name: str, section: PolicySection) -> Policy:
    given = {k: v for k, v in section.model_dump(exclude={"kind"}).items() if v is not None}
    return Policy(name, section.kind or name, PolicySettings(**given))


def _classifier(config: Config, targets: Mapping[str, Target], routes: RouteBook) -> Classifier | None:
    section = config.classifier
    return None if section is None else Classifier(targets[section.target], routes, section.timeout_s)


def _experiment(section: ExperimentSection) -> Experiment:
    _, *others = section.variants
    shares = section.shares or dict.fromkeys(others, 1.0 / len(section.variants))
    ramp = None if section.ramp is None else Ramp(section.ramp.start, timedelta(days=section.ramp.days))
    return Experiment(section.name, section.variants, shares, ramp, section.settle_within)


def _rule(section: RuleSection) -> Rule:
    return Rule(section.name, When(**section.when.model_dump()), section.only, section.prefer, section.avoid)


def _revision(config: Config, targets: Mapping[str, Target]) -> str:
    # References, not secrets, are part of the document, so the hash can be shown.
    document = [config.model_dump(mode="json"), {name: asdict(target) for name, target in targets.items()}]
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _placed(config: Config, path: KeyPath, problem: ConfigError | str) -> ConfigError:
    return config.source.error([Problem(path, str(problem))])
