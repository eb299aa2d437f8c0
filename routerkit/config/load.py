"""From a TOML file to a checked Config, and on to a Router. Every problem is one line that names file, line, key, value and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from routerkit.config.build import build_ledger, build_report_watch, build_state, build_trial_watch, build_watch
from routerkit.config.cache import build_router
from routerkit.config.checks import cross_problems
from routerkit.config.problems import KeyPath, Problem, Source, show
from routerkit.config.schema import PROVIDER_KINDS, Config
from routerkit.config.section import Section
from routerkit.config.state import build_store
from routerkit.config.telemetry import build_telemetry
from routerkit.config.watch import SWAPPING
from routerkit.errors import ConfigError, nearest
from routerkit.messages import Json
from routerkit.observe import Observer
from routerkit.router import Router

S = TypeVar("S", bound=Section)
_MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest configuration read; a thousand targets fit in a twentieth of it."""
_FIXED: Final = {
    "missing": "is missing; add it",
    "too_short": "is empty; name at least one",
    "string_too_short": "is empty; give a text",
}
"""Pydantic's error types whose own words would not help."""
_TOML_WORDS: Final = {
    "dict_type": "should be a table",
    "model_type": "should be a table",
    "model_attributes_type": "should be a table",
    "mapping_type": "should be a table",
    "tuple_type": "should be an array, [...]",
    "list_type": "should be an array, [...]",
    "string_type": "should be a text in quotes",
    "bool_type": "should be true or false",
    "datetime_type": "should be an instant without quotes and with a time zone, like 2026-12-01T00:00:00Z",
}
"""Types of the same that speak of Python where people wrote TOML."""
_TOML_PLACE: Final = re.compile(r" \(at line (\d+), column (\d+)\)$")


def load(path: str | PathLike[str], *, observers: Sequence[Observer] = ()) -> Router:
    """Read a configuration file and connect everything it names.

    Args:
        path: The configuration.
        observers: Told of every call, besides the ledger that the configuration names.

    Raises:
        ConfigError: anything is wrong with the file or what it refers to.
    """
    config, base = read(path), Path(path).parent
    built = build_watch(config, base), build_report_watch(config, base), build_trial_watch(config, base)
    watches = [watch for watch in built if watch is not None]
    ledger = build_ledger(config, base)
    telling = [observer for observer in (ledger, build_telemetry(config.telemetry)) if observer is not None]
    state = build_state(config, base, loading=(Path(path).resolve(),))
    router = build_router(config, base, state, [*observers, *telling, *watches])
    for watch in watches:
        watch.start(router)
    if (store := build_store(config, base)) is not None:
        router.share(store)
    return router


def load_nested(path: Path, loading: tuple[Path, ...]) -> Router:
    """A router that is a provider of another one; it keeps no ledger, the outer call is recorded already.

    Raises:
        ConfigError: anything is wrong with the file or what it refers to.
    """
    return Router(build_state(read(path), path.parent, loading=(*loading, path)))


def reload(router: Router, path: str | PathLike[str]) -> None:
    """Put the file's new contents in force; calls under way finish on the old ones. Ledger, state and cache settings need a restart.

    Raises:
        ConfigError: anything is wrong; the router keeps what it had.
    """
    state = build_state(read(path), Path(path).parent, loading=(Path(path).resolve(),))
    with SWAPPING:
        router.swap(state)


def read(path: str | PathLike[str]) -> Config:
    """Read and check a configuration file without connecting anything or looking up secrets.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or says something impossible.
    """
    return parse(read_text(Path(path), "write a first one with `routerkit init`"), str(path))


def parse(text: str, name: str = "configuration") -> Config:
    """Check the text of a configuration; `name` is used in errors.

    Raises:
        ConfigError: not TOML, or it says something impossible.
    """
    source = Source(name, text)
    config = validated(Config, source)
    if problems := list(cross_problems(config)):
        raise source.error(problems)
    return config.read_from(source)


def validated(shape: type[S], source: Source) -> S:
    """The text as sections of this shape.

    Raises:
        ConfigError: not TOML, or not of this shape.
    """
    document = _document(source)
    try:
        return shape.model_validate(document)
    except ValidationError as exc:
        # `from None`: pydantic's error holds the input, keys included.
        raise source.error(list(_schema_problems(exc, document))) from None


def read_text(path: Path, hint: str = "correct the path") -> str:
    """Text of a file people wrote.

    Raises:
        ConfigError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than {_MAX_BYTES // 1024 // 1024} MiB, not a configuration; correct the path")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; {hint}") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read ({exc.strerror or type(exc).__name__})") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: not UTF-8 text (byte {exc.start}); save it as UTF-8") from None


def _document(source: Source) -> dict[str, Json]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as exc:
        found = _TOML_PLACE.search(str(exc))
        place = f"{source.name}:{found[1]}" if found else source.name
        column = f" at column {found[2]}" if found else ""
        raise ConfigError(f"{place}: not valid TOML: {_TOML_PLACE.sub('', str(exc))}{column}; correct that line") from None
    except RecursionError:
        raise ConfigError(f"{source.name}: nested too deeply; flatten it") from None


def _schema_problems(exc: ValidationError, document: Mapping[str, Json]) -> Iterator[Problem]:
    for error in exc.errors(include_url=False, include_input=False):
        yield _problem(error, document)


def _problem(error: ErrorDetails, document: Mapping[str, Json]) -> Problem:
    path, value = _real_path(error["loc"], document, may_be_missing=error["type"] == "missing")
    context: Mapping[str, object] = error.get("ctx") or {}
    if error["type"] in {"unknown_key", "literal_secret"}:
        return Problem((*path, str(context["key"])) if "key" in context else path, error["msg"])
    if error["type"] in {"union_tag_not_found", "union_tag_invalid"}:
        return _kind_problem(path, value)
    if error["type"] in _FIXED:
        return Problem(path, _FIXED[error["type"]])
    if error["type"] == "string_pattern_mismatch" and path[-1:] == ("kind",):
        return Problem(path, f'{show(value)} is not of the form "package.module:Class"')
    return Problem(path, f"{show(value, path)} {_TOML_WORDS.get(error['type']) or _lower(error['msg'])}")


def _kind_problem(path: KeyPath, value: Json) -> Problem:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str):
        what = "is missing; add" if kind is None else f"{show(kind)} is not a text; write"
        return Problem((*path, "kind"), f'{what} one of {", ".join(PROVIDER_KINDS)} or "package.module:Class"')
    return Problem(
        (*path, "kind"), f'unknown kind {show(kind)}; {nearest(kind, PROVIDER_KINDS)} (a class of your own is "package.module:Class")'
    )


def _real_path(location: Sequence[str | int], document: Json, *, may_be_missing: bool) -> tuple[KeyPath, Json]:
    """The part of pydantic's location that people wrote, and what stands there; its own union tags are left out."""
    path: list[str | int] = []
    here = document
    for i, part in enumerate(location):
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not may_be_missing or i < len(location) - 1:
            continue
        path.append(part)
    return tuple(path), here


def _lower(message: str) -> str:
    text = message.removeprefix("Input ").removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
