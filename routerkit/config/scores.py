"""The scorecard and the predictor that a configuration names, and what keeps them fresh. Neither ever stops a start."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from routerkit.catalog import Target
from routerkit.config.schema import ScorecardSection
from routerkit.config.section import located
from routerkit.config.watch import ScorecardWatch
from routerkit.errors import ConfigError
from routerkit.posterior import Prior
from routerkit.predictor import SILENT, Correction, Predictor, load_predictor
from routerkit.priors import published
from routerkit.scorecard import Scorecard, load_scorecard

_log = logging.getLogger(__name__)


def build_scorecard(section: ScorecardSection | None, base: Path, targets: Mapping[str, Target]) -> Scorecard:
    """The scorecard that the configuration names; what is wrong with it, or that there is none, is among its troubles."""
    if section is None:
        return Scorecard(published=_published(targets))
    path = located(base, section.path)
    try:
        # Missing: the first run of every project; but also what a misspelt path looks like.
        card = load_scorecard(path) if path.exists() else Scorecard(troubles=(missing(path),))
    except ConfigError as exc:
        # Whoever starts a gateway in the night wants it to route by what is left, and to say so.
        _log.warning("the scorecard is not used, so every target counts as unmeasured: %s", exc)
        card = Scorecard(troubles=(f"the scorecard is not used, so every target counts as unmeasured: {exc}",))
    return _fitted(card, section, targets)


def build_predictor(section: ScorecardSection | None, base: Path) -> Predictor | Correction:
    """The predictor that was fitted, or why there is none: one that cannot be trusted is named, and the table decides alone."""
    if section is None or section.predictor is None:
        return SILENT
    try:
        return load_predictor(located(base, section.predictor))
    except ConfigError as exc:
        _log.warning("the predictor is not used, the scorecard decides alone: %s", exc)
        return Correction({}, str(exc))


def scorecard_watch(section: ScorecardSection, base: Path, targets: Mapping[str, Target]) -> ScorecardWatch:
    """What keeps a running router's scorecard and predictor fresh."""
    return ScorecardWatch(
        located(base, section.path),
        every_s=section.reload_s,
        adjust=lambda card: _fitted(card, section, targets),
        predictor=None if section.predictor is None else located(base, section.predictor),
    )


def missing(path: Path) -> str:
    """What to say of a scorecard that is not there."""
    return f"{path}: no scorecard there, so every target counts as unmeasured; make one with `routerkit scores publish`"


def _fitted(card: Scorecard, section: ScorecardSection, targets: Mapping[str, Target]) -> Scorecard:
    """The card with the configured prior, and with complaints about measurements of what is not a target, or was another model."""
    return _with_priors(replace(card, troubles=(*card.troubles, *_misfits(card, targets))), section, targets)


def _misfits(card: Scorecard, targets: Mapping[str, Target]) -> Iterator[str]:
    if strangers := sorted({cell.target for cell in card.cells if cell.target not in targets}):
        yield f"the scorecard measured {', '.join(strangers)}, which is not a target here; rename the target, or measure again"
    for name, model in card.models.items():
        if name in targets and targets[name].model != model:
            yield f"the scorecard measured {name} as {model}, and here it is {targets[name].model}; measure again with `routerkit eval run`"


def _with_priors(card: Scorecard, section: ScorecardSection, targets: Mapping[str, Target]) -> Scorecard:
    """The card with what is assumed where nothing was measured: what people wrote down, else what was published, else the card's own."""
    quality = card.prior_quality if section.prior_quality is None else section.prior_quality
    n = card.prior_n if section.prior_n is None else section.prior_n
    is_written = section.prior_quality is not None
    return replace(card, prior_quality=quality, prior_n=n, published={} if is_written else _published(targets))


def _published(targets: Mapping[str, Target]) -> dict[str, tuple[Prior, ...]]:
    return {name: priors for name, target in targets.items() if (priors := published(target.model))}
