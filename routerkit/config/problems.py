"""What is wrong with a configuration, and where: turns a key path into file and line, and problems into one-line errors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, TypeAlias

from routerkit.config.secrets import is_secret_name, scrub
from routerkit.errors import ConfigError, nearest

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""Keys from the top of the document, list positions as numbers: `("rules", 0, "when", "kind")`."""

_PART: Final = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_DOTTED: Final = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?")
_ASSIGNMENT: Final = re.compile(rf"\s*({_DOTTED})\s*=")
_PARTS: Final = re.compile(_PART)
_MAX_VALUE_CHARS: Final = 60


class Problem(NamedTuple):
    """One thing that is wrong."""

    path: KeyPath
    text: str
    """What is wrong and what to do, without the place."""


@dataclass(frozen=True)
class Source:
    """The text a configuration was read from."""

    name: str = "configuration"
    """File as the user named it."""
    text: str = field(default="", repr=False)

    def line(self, path: KeyPath) -> int | None:
        """Line of a key, or of the nearest enclosing one that is written out; None when there is none."""
        for end in range(len(path), 0, -1):
            if found := self._lines.get(path[:end]):
                return found
        return None

    def error(self, problems: Sequence[Problem]) -> ConfigError:
        """One-line error: the first problem in the order of the file, and how many more there are."""
        first = min(problems, key=lambda p: self.line(p.path) or 0)
        line = self.line(first.path)
        place = f"{self.name}:{line}" if line else self.name
        more = f" (+{len(problems) - 1} more)" if len(problems) > 1 else ""
        where = f"{dotted(first.path)}: " if first.path else ""
        return ConfigError(f"{place}: {where}{scrub(first.text)}{more}")

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        lines: dict[KeyPath, int] = {}
        for path, number in _keys(self.text):
            lines.setdefault(path, number)
        return lines


def dotted(path: KeyPath) -> str:
    """A key path as people write it: `rules[0].when.kind`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def unknown(what: str, name: str, valid: Collection[str], section: str) -> str:
    """Text for a name that nothing in its section has."""
    return f"unknown {what} {name!r}; " + (nearest(name, valid) if valid else f"add [{section}.{name}]")


def unknown_targets(path: KeyPath, names: Sequence[str], targets: Collection[str]) -> Iterator[Problem]:
    """A problem per name that is not a target."""
    yield from (Problem(path, unknown("target", n, targets, "targets")) for n in names if n not in targets)


def unknown_words(path: KeyPath, what: str, words: Sequence[str], valid: Collection[str]) -> Iterator[Problem]:
    """A problem per word that is not one of the valid ones."""
    yield from (Problem(path, f"unknown {what} {word!r}; {nearest(word, valid)}") for word in words if word not in valid)


def show(value: object, path: KeyPath = ()) -> str:
    """A value for an error message: short, and hidden when its key names a secret."""
    if any(isinstance(part, str) and is_secret_name(part) for part in path):
        return "***"
    text = scrub(repr(value))
    return text if len(text) <= _MAX_VALUE_CHARS else text[: _MAX_VALUE_CHARS - 1] + "…"


def _keys(text: str) -> Iterator[tuple[KeyPath, int]]:
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    quotes: str | None = None
    for number, line in enumerate(text.splitlines(), 1):
        quotes, inside = _multiline(line, quotes)
        if inside:
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                yield table, number
                table = (*table, counts[table])
            yield from ((table[:end], number) for end in range(1, len(table) + 1))
        elif assignment := _ASSIGNMENT.match(line):
            path = (*table, *_parts(assignment[1]))
            yield from ((path[:end], number) for end in range(len(table) + 1, len(path) + 1))


def _parts(text: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _PARTS.findall(text))


def _multiline(line: str, quotes: str | None) -> tuple[str | None, bool]:
    """The kind of multi-line string open after this line, and whether the line began inside one."""
    inside = quotes is not None
    for mark in re.findall(r'"""|\'\'\'', line):
        quotes = mark if quotes is None else None if mark == quotes else quotes
    return quotes, inside
