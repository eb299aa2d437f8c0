"""A configuration taken over from another router: what has a counterpart here, and a list of all that has none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from routerkit.config.init import numbered, slug, toml_key, toml_text
from routerkit.config.secrets import is_reference, is_secret_name
from routerkit.messages import Json

_PLAIN: Final = re.compile(r"[a-z][a-z _-]{0,40}")
"""Texts that can be shown although nobody knows what they are: words without digits are not keys."""
_PART: Final = re.compile(r"[^.\[\]]+")
CHANGE_ME: Final = "CHANGE-ME"
"""Stands where the other configuration did not say what is needed here."""


class Given:
    """A table of the other configuration. What is never taken from it is told, so that nothing is dropped silently."""

    def __init__(self, table: Json, path: str) -> None:
        self._rest: dict[str, Json] = dict(table) if isinstance(table, Mapping) else {}
        self._odd = None if isinstance(table, Mapping) else table
        self.path = path

    def take(self, key: str) -> Json:
        """The value of a key, which then counts as taken over; None when there is none."""
        return self._rest.pop(key, None)

    def text(self, key: str) -> str | None:
        """As `take`, if it is a text; anything else stays and is told."""
        value = self._rest.get(key)
        if not isinstance(value, str) or not value:
            return None
        del self._rest[key]
        return value

    def peek(self, key: str) -> float | None:
        """A finite number that is not negative, also one written as a text; it stays and is told."""
        value = self._rest.get(key)
        try:
            number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
        except ValueError:
            return None
        return number if 0 <= number < math.inf else None

    def number(self, key: str) -> float | None:
        """As `peek`, but it then counts as taken over."""
        number = self.peek(key)
        if number is not None:
            del self._rest[key]
        return number

    def table(self, key: str) -> Given:
        """A table within this one; empty when there is none."""
        return Given(self._rest.pop(key, None) or {}, f"{self.path}.{key}".removeprefix("."))

    def tables(self, key: str) -> list[Given]:
        """The tables of a list within this one."""
        found = self._rest.pop(key, None)
        return [
            Given(entry, f"{self.path}.{key}[{i}]".removeprefix(".")) for i, entry in enumerate(found if isinstance(found, list) else [])
        ]

    def others(self) -> dict[str, Json]:
        """All that is left and does not look like a secret; it then counts as taken over."""
        found = {key: value for key, value in self._rest.items() if not is_secret_name(key)}
        self._rest = {key: value for key, value in self._rest.items() if key not in found}
        return found

    def left(self) -> Iterator[tuple[str, Json]]:
        """Path and value of everything that was not taken."""
        if self._odd is not None:
            yield self.path, self._odd
        for key, value in self._rest.items():
            yield from _leaves(f"{self.path}.{key}".removeprefix("."), value)


class Draft:
    """A configuration being put together."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.providers: dict[str, dict[str, Json]] = {}
        self.targets: dict[str, dict[str, Json]] = {}
        self.pools: dict[str, dict[str, Json]] = {}
        self.policies: dict[str, dict[str, Json]] = {}
        self.rules: list[dict[str, Json]] = []
        self.timeouts: dict[str, Json] = {}
        self.notes: list[str] = []

    def provider(self, wanted: str, settings: dict[str, Json]) -> str:
        """Name of the provider with exactly these settings, added if there is none yet."""
        stated: dict[str, Json] = {key: value for key, value in settings.items() if value is not None}
        for name, known in self.providers.items():
            if known == stated:
                return name
        name = next(n for n in numbered(slug(wanted)) if n not in self.providers)
        self.providers[name] = stated
        return name

    def target(self, wanted: str, settings: dict[str, Json]) -> str:
        """Name of a new target."""
        name = next(n for n in numbered(slug(wanted)) if n not in self.targets)
        self.targets[name] = {key: value for key, value in settings.items() if value not in (None, {}, [])}
        return name

    def note(self, path: str, text: str) -> None:
        """Tell what could not be taken over as it was."""
        self.notes.append(f"{path}: {text}")

    def leave(self, given: Given, remarks: Mapping[str, str]) -> None:
        """Tell of everything in a table that was not taken, with what is known about its key."""
        for path, value in given.left():
            remark = next((remarks[part] for part in reversed(_PART.findall(path)) if part in remarks), "has no counterpart")
            self.note(f"{path} = {_shown(path, value)}", remark)

    def render(self) -> str:
        """Text of the configuration file."""
        told = "".join(f"#   {note}\n" for note in self.notes) or "#   nothing\n"
        title = f"# routerkit configuration, taken over from {self.origin}. Prove it with `routerkit check`."
        head = f"{title}\n# Not taken over as it was:\n{told}"
        tables: list[tuple[str, Mapping[str, Json]]] = [
            *((f"[providers.{toml_key(name)}]", section) for name, section in self.providers.items()),
            *((f"[targets.{toml_key(name)}]", section) for name, section in self.targets.items()),
            *((f"[pools.{toml_key(name)}]", section) for name, section in self.pools.items()),
            *((f"[policies.{toml_key(name)}]", section) for name, section in self.policies.items()),
            *(("[[rules]]", rule) for rule in self.rules),
            *([("[timeouts]", self.timeouts)] if self.timeouts else []),
            ("[scorecard]", {"path": "scorecard.json"}),
            ("[ledger]", {"path": "routerkit-data"}),
        ]
        return "\n".join([head, *("\n".join([header, *_lines(section)]) + "\n" for header, section in tables)])


def key_reference(draft: Draft, path: str, value: Json, variable: str) -> str:
    """Where the key is, as a reference; a literal key is never written, but told of."""
    if isinstance(value, str) and value.startswith("os.environ/"):
        value = f"env:{value.removeprefix('os.environ/')}"
    if isinstance(value, str) and is_reference(value):
        return value
    draft.note(path, f"a literal key is not written here; put it into the environment variable {variable}")
    return f"env:{variable}"


def variable_of(provider: str) -> str:
    """Environment variable that a provider's key is usually in."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', provider).strip('_').upper() or 'PROVIDER'}_API_KEY"


def _leaves(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and value:
        for inner, item in value.items():
            yield from _leaves(f"{path}.{inner}", item)
    elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        for i, item in enumerate(value):
            yield from _leaves(f"{path}[{i}]", item)
    else:
        yield path, value


def _shown(path: str, value: Json) -> str:
    """A value if it is certainly no secret, else a mark that there is one."""
    if any(is_secret_name(part) for part in path.split(".")):
        return "…"
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, list):
        return f"[{', '.join(_shown(path, item) for item in value)}]"
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else "…"


def _lines(section: Mapping[str, Json]) -> Iterator[str]:
    yield from (f"{toml_key(key)} = {_value(value)}" for key, value in section.items())


def _value(value: Json) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{toml_key(k)} = {_value(v)}' for k, v in value.items() if v is not None)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    return toml_text(value) if isinstance(value, str) else json.dumps(value)
