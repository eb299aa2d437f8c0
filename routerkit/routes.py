"""Routes: kinds of request that people name by example phrases, each with a task kind or with targets to use, prefer or avoid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit.phrases import Phrases

THRESHOLD: Final = 0.5
"""How much a request must sound like a route by default; tried on the examples of docs/semantic.md."""
TOO_ALIKE: Final = 0.85
"""Phrases of two routes that are more alike than this cannot tell requests apart."""
CLOSE: Final = 0.6
"""Share of its threshold from which on a route that did not match is worth showing."""


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request. Of all routes that match, the one most alike applies, and acts like a rule."""

    name: str
    utterances: tuple[str, ...] = ()
    """Example phrases, as people would write them."""
    description: str = ""
    """What belongs here, for a model that is asked to choose; without one, the utterances must do."""
    threshold: float = THRESHOLD
    """How much a request must sound like an utterance, 0..1."""
    kind: str | None = None
    """Task kind of such requests; what the caller says wins."""
    only: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()


class Match(NamedTuple):
    """What one route, or the model that was asked, says to a request."""

    route: str
    by: str
    """`utterances`, or `classifier NAME`."""
    score: float
    """0..1; 1 when a model chose it."""
    threshold: float
    like: str = ""
    """The utterance it sounds most like."""

    @property
    def is_met(self) -> bool:
        """Whether the route matches."""
        return self.score >= self.threshold

    def describe(self) -> str:
        """The match in a few words."""
        if self.by != "utterances":
            return f"chosen by {self.by}"
        return f"{self.score:.2f} {'>=' if self.is_met else '<'} {self.threshold:.2f}, like {self.like!r}"


class Collision(NamedTuple):
    """Two utterances that belong to different routes and are nearly the same."""

    route: str
    utterance: str
    other_route: str
    other_utterance: str
    score: float


class RouteBook:
    """All routes, compiled. Immutable, safe to share between threads."""

    def __init__(self, routes: Sequence[Route] = ()) -> None:
        self.routes = tuple(routes)
        self._phrases = Phrases([route.utterances for route in self.routes])

    def __bool__(self) -> bool:
        return bool(self.routes)

    def route(self, name: str) -> Route | None:
        """The route of that name."""
        return next((route for route in self.routes if route.name == name), None)

    def matches(self, text: str) -> tuple[Match, ...]:
        """Routes that match a text or come close, the most alike first."""
        found = [
            Match(route.name, "utterances", round(likeness.score, 4), route.threshold, likeness.phrase)
            for route, likeness in zip(self.routes, self._phrases.likeness(text), strict=True)
            if likeness.phrase and likeness.score >= CLOSE * route.threshold
        ]
        return tuple(sorted(found, key=lambda m: (not m.is_met, -m.score, m.route)))


def collisions(routes: Sequence[Route]) -> Iterator[Collision]:
    """Utterances that stand in two routes, nearly word for word."""
    phrases = Phrases([route.utterances for route in routes])
    for i, route in enumerate(routes):
        for utterance in route.utterances:
            for other, likeness in list(zip(routes, phrases.likeness(utterance), strict=True))[i + 1 :]:
                if likeness.score >= TOO_ALIKE:
                    yield Collision(route.name, utterance, other.name, likeness.phrase, likeness.score)
