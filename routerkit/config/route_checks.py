"""What is wrong with routes beyond their shape: routes that do nothing, and routes that cannot be told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from routerkit.config.problems import KeyPath, Problem, unknown_targets, unknown_words
from routerkit.messages import TASK_KINDS
from routerkit.phrases import words
from routerkit.routes import Route, collisions

if TYPE_CHECKING:
    from routerkit.config.routing import RouteSection
    from routerkit.config.schema import Config, RuleSection


def wish_problems(path: KeyPath, section: RuleSection | RouteSection, targets: Collection[str]) -> Iterator[Problem]:
    """Targets that do not exist, or are wanted and unwanted at once."""
    for key in ("only", "prefer", "avoid"):
        yield from unknown_targets((*path, key), getattr(section, key), targets)
    if both := sorted({*section.only, *section.prefer} & set(section.avoid)):
        yield Problem((*path, "avoid"), f"{both[0]!r} is also wanted by only or prefer; name it once")


def route_problems(config: Config) -> Iterator[Problem]:
    """Everything wrong with routes whose single values are fine."""
    names = [route.name for route in config.routes]
    for i, route in enumerate(config.routes):
        path: KeyPath = ("routes", i)
        if names.index(route.name) != i:
            yield Problem((*path, "name"), f"{route.name!r} is also the name of route {names.index(route.name) + 1}; rename one")
        yield from wish_problems(path, route, config.targets)
        yield from unknown_words((*path, "kind"), "task kind", (route.kind,) if route.kind is not None else (), TASK_KINDS)
        yield from _idle_problems(path, route)
    yield from _collision_problems(config, names)
    if config.classifier is not None:
        yield from unknown_targets(("classifier", "target"), (config.classifier.target,), config.targets)
        if not config.routes:
            yield Problem(("classifier",), "there are no routes to choose among; add [[routes]]")


def _idle_problems(path: KeyPath, route: RouteSection) -> Iterator[Problem]:
    if not (route.kind or route.only or route.prefer or route.avoid):
        yield Problem(path, f"route {route.name!r} does nothing; add kind, or only, prefer or avoid with names of targets")
    if not (route.utterances or route.description):
        yield Problem(path, f'route {route.name!r} matches nothing; add utterances = ["…"] with examples of such requests')
    for utterance in route.utterances:
        if not words(utterance):
            yield Problem((*path, "utterances"), f"{utterance!r} has no word in it; write what somebody would ask for")


def _collision_problems(config: Config, names: list[str]) -> Iterator[Problem]:
    routes = [Route(route.name, route.utterances) for route in config.routes]
    for hit in collisions(routes):
        yield Problem(
            ("routes", names.index(hit.route), "utterances"),
            f"{hit.utterance!r} is nearly the same as {hit.other_utterance!r} of route {hit.other_route!r} ({hit.score:.2f}), "
            "so requests like it could go to either; keep it in one",
        )
