"""Tests of a configuration: requests, and what must be decided on them. The file format, and reading it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from routerkit.config.load import read_text, validated
from routerkit.config.problems import KeyPath, Problem, Source, unknown_targets, unknown_words
from routerkit.config.schema import Config
from routerkit.config.section import Count, Dollars, Names, Section, Share
from routerkit.errors import ConfigError, nearest
from routerkit.messages import TASK_KINDS, Json, Request

NONE: Final = "none"
"""Expected of `picked` and `route` where there must be none."""
_CHARS_PER_TOKEN: Final = 4
_MOST_TOKENS: Final = 10_000_000
"""Of a lengthened text, which is really made; the widest windows there are hold as many."""
_PARTS: Final[Mapping[str, Mapping[str, Json]]] = {
    "vision": {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
    "audio": {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    "pdf": {"type": "file", "file": {"file_data": ""}},
}
_FORMATS: Final[Mapping[str, Mapping[str, Json]]] = {
    "json_mode": {"type": "json_object"},
    "json_schema": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
}
_TOOL: Final[Mapping[str, Json]] = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
_NEEDS: Final = ("tools", *_PARTS, *_FORMATS)


class AskSection(Section):
    """The request, or several that must be decided alike."""

    texts: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    pool: str | None = None
    """None = coding, or the only pool."""
    kind: str | None = None
    agent: str | None = None
    session: str | None = None
    tags: Names = ()
    needs: Names = ()
    input_tokens: Annotated[int, Field(gt=0, le=_MOST_TOKENS)] | None = None
    """Lengthen the text to this many tokens."""
    max_tokens: Count | None = None


class ExpectSection(Section):
    """What must hold of the decision; what is left out may be anything."""

    picked: str | None = None
    not_picked: Names = ()
    ranked: Names = ()
    """How the order of failover begins."""
    kind: str | None = None
    route: str | None = None
    not_routes: Names = ()
    """Routes that must not match at all, not even less than another."""
    margin: Share | None = None
    """By how much the best route must beat the second."""
    rules: Names = ()
    not_rules: Names = ()
    dropped: Mapping[str, str] = {}
    """Target → filter that must drop it."""
    max_usd: Dollars | None = None


class PolicyTest(Section):
    """One test."""

    name: Annotated[str, Field(min_length=1)]
    request: AskSection
    expect: ExpectSection

    def requests(self, pool: str) -> Iterator[Request]:
        """The requests to decide on; `pool` is used where the test names none."""
        for text in self.request.texts:
            yield _request(self.request, text, pool)


class PolicyTests(Section):
    """A file of tests."""

    scorecard: str | None = None
    """Scorecard to decide by, relative to this file; None = the configuration's. A fixed one keeps tests from changing every night."""
    tests: Annotated[tuple[PolicyTest, ...], Field(strict=False)] = ()


def read_policy_tests(path: str | PathLike[str], config: Config) -> PolicyTests:
    """Read tests of a configuration.

    Raises:
        ConfigError: the file cannot be read, or names what the configuration does not have.
    """
    source = Source(str(path), read_text(Path(path), "write [[tests]] with request and expect"))
    found = validated(PolicyTests, source)
    if not found.tests:
        raise source.error([Problem((), "holds no test; add [[tests]] with name, request and expect")])
    if problems := [p for i, test in enumerate(found.tests) for p in _problems(("tests", i), test, config)]:
        raise source.error(problems)
    return found


def default_pool(config: Config) -> str:
    """The pool meant where none is named.

    Raises:
        ConfigError: there are several, none of them named coding.
    """
    if "coding" in config.pools:
        return "coding"
    if len(config.pools) > 1:
        raise ConfigError(f"which pool? name one of {', '.join(sorted(config.pools))}")
    return next(iter(config.pools))


def _request(ask: AskSection, text: str, pool: str) -> Request:
    padding = "" if ask.input_tokens is None else "\n" + "x" * max(0, ask.input_tokens * _CHARS_PER_TOKEN - len(text) - 1)
    parts: list[Json] = [{"type": "text", "text": text + padding}, *(_PARTS[need] for need in ask.needs if need in _PARTS)]
    return Request(
        ask.pool or pool,
        ({"role": "user", "content": text + padding if len(parts) == 1 else parts},),
        tools=(_TOOL,) if "tools" in ask.needs else (),
        response_format=next((_FORMATS[need] for need in ask.needs if need in _FORMATS), None),
        max_tokens=ask.max_tokens,
        kind=ask.kind,
        agent=ask.agent,
        session=ask.session,
        tags=ask.tags,
    )


def _problems(path: KeyPath, test: PolicyTest, config: Config) -> Iterator[Problem]:
    ask, expect = test.request, test.expect
    if ask.pool is not None and ask.pool.split("/")[0] not in config.pools:
        yield Problem((*path, "request", "pool"), f"unknown pool {ask.pool!r}; {nearest(ask.pool, config.pools)}")
    yield from unknown_words((*path, "request", "needs"), "need", ask.needs, _NEEDS)
    yield from unknown_words((*path, "request", "kind"), "task kind", _given(ask.kind), TASK_KINDS)
    yield from unknown_words((*path, "expect", "kind"), "task kind", _given(expect.kind), (*TASK_KINDS, "unknown"))
    for key in ("picked", "not_picked", "ranked", "dropped"):
        names = getattr(expect, key)
        given = _given(names) if isinstance(names, str) else tuple(names or ())
        yield from unknown_targets((*path, "expect", key), [n for n in given if n != NONE], config.targets)
    routes = [route.name for route in config.routes]
    yield from unknown_words((*path, "expect", "route"), "route", _given(expect.route), (*routes, NONE))
    yield from unknown_words((*path, "expect", "not_routes"), "route", expect.not_routes, routes)
    rules = [*(rule.name for rule in config.rules), *(f"route {name}" for name in routes)]
    for key in ("rules", "not_rules"):
        yield from unknown_words((*path, "expect", key), "rule", getattr(expect, key), rules)
    if not expect.model_fields_set:
        yield Problem((*path, "expect"), "expects nothing, so it could not fail; add e.g. picked or not_picked")


def _given(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)
