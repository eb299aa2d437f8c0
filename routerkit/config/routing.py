"""Shape of the sections about what a request is about, who decides that, and which targets it may reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AwareDatetime, Field

from routerkit.classifier import TIMEOUT_S
from routerkit.config.section import Dollars, Names, Section, Share
from routerkit.routes import THRESHOLD


class ClassifierSection(Section):
    """A target that is asked for the route of a request that sounds like none."""

    target: str
    timeout_s: Annotated[float, Field(gt=0, le=60)] = TIMEOUT_S


class RampSection(Section):
    """How the shares of new variants grow: evenly, from nothing to all of it."""

    start: AwareDatetime
    days: Annotated[float, Field(gt=0, le=365)]


class ExperimentSection(Section):
    """Several policies for one pool, each for a share of the sessions."""

    name: Annotated[str, Field(min_length=1)]
    variants: Annotated[Mapping[str, str], Field(min_length=2)]
    """Variant → policy; the first is what the others are compared with."""
    shares: Mapping[str, Share] = {}
    """Variant → share of all but the first, which gets the rest; left out = even shares."""
    ramp: RampSection | None = None
    settle_within: Annotated[float, Field(ge=0.001, le=1)] | None = None
    """Ends by itself: rolls back what is certainly worse than the first, stops at what is certainly this close to the best."""


class RouteSection(Section):
    """Requests that sound like these utterances get a task kind, or only / prefer / avoid these targets."""

    name: Annotated[str, Field(min_length=1)]
    utterances: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)] = ()
    description: str = ""
    threshold: Annotated[float, Field(gt=0, le=1)] = THRESHOLD
    kind: str | None = None
    only: Names = ()
    prefer: Names = ()
    avoid: Names = ()


class PoolSection(Section):
    """Targets a caller addresses by one name."""

    targets: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    policy: str = "cheapest_adequate"
    usd_per_day: Dollars | None = None
    """What all calls to the pool together may cost per UTC day."""
    experiment: ExperimentSection | None = None
    hedge: bool = False
    """Whether late calls ask a second target as well."""
    max_share: Mapping[str, Share] = {}
    """Target → largest share of a caller's requests."""
