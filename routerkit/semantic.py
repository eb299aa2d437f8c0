"""What routes make of a request before it is decided on: its task kind, one more rule, and what to tell about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from routerkit.decision import Decision
from routerkit.features import Features
from routerkit.routes import Match, Route, RouteBook
from routerkit.rules import Rule, When


class Heard(NamedTuple):
    """What a model says that was asked for the route, or why it says nothing."""

    match: Match | None = None
    notes: tuple[str, ...] = ()


class Reading(NamedTuple):
    """A request as its route sees it."""

    features: Features
    rules: tuple[Rule, ...]
    """None, or the one of the route that applies."""
    matches: tuple[Match, ...]
    """The route that applies first, then those that matched less or came close."""
    notes: tuple[str, ...] = ()

    def sign(self, decision: Decision) -> Decision:
        """The decision, with what was read noted on it."""
        return replace(decision, matches=self.matches, notes=decision.notes + self.notes)


def read(book: RouteBook, text: str, features: Features, *, heard: Heard | None = None) -> Reading:
    """Find the route of a request and apply it.

    Args:
        book: All routes.
        text: Last message of the user.
        features: What else is known of the request.
        heard: What a model says; it counts only where no utterance matches.
    """
    matches = book.matches(text)
    notes: tuple[str, ...] = ()
    if heard is not None and not (matches and matches[0].is_met):
        matches, notes = (*((heard.match,) if heard.match else ()), *matches), heard.notes
    return applied(book, matches, features, notes)


def met(book: RouteBook, matches: Sequence[Match]) -> Route | None:
    """The route that applies: that of the first match, if it is one."""
    return book.route(matches[0].route) if matches and matches[0].is_met else None


def applied(book: RouteBook, matches: tuple[Match, ...], features: Features, notes: tuple[str, ...] = ()) -> Reading:
    """What the route that applies makes of a request."""
    route = met(book, matches)
    if route is None:
        return Reading(features, (), matches, notes)
    if route.kind and features.kind_source != "hint":
        features = replace(features, kind=route.kind, kind_source=f"route {route.name}")
    acts = bool(route.only or route.prefer or route.avoid)
    rule = Rule(f"route {route.name}", When(), route.only, route.prefer, route.avoid)
    return Reading(features, (rule,) if acts else (), matches, notes)
