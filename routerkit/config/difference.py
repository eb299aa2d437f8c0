"""What two configurations would route differently by, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from routerkit.config.schema import Config
from routerkit.messages import Json

_LEFT_OUT = frozenset({"providers", "ledger", "timeouts"})
"""Sections that say how targets are called, not which."""


def differences(old: Config, new: Config) -> list[str]:
    """One line per setting that differs, e.g. `policies.careful.quality_floor: 0.75 becomes 0.8`; empty if routing is the same."""
    before, after = (config.model_dump(mode="json", exclude_unset=True, exclude=set(_LEFT_OUT)) for config in (old, new))
    return list(_compared("", before, after))


def _compared(place: str, before: Json, after: Json) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _compared(f"{place}.{name}" if place else str(name), before.get(name), after.get(name))
    elif _is_named(before) and _is_named(after):
        yield from _compared(place, _by_name(before), _by_name(after))
    elif before is None:
        yield f"{place}: {_shown(after)} is new"
    elif after is None:
        yield f"{place}: {_shown(before)} is gone"
    else:
        yield f"{place}: {_shown(before)} becomes {_shown(after)}"


def _is_named(value: Json) -> bool:
    """Whether it is a list of tables that have names, like the rules."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, Mapping) and "name" in v for v in value)


def _by_name(value: Json) -> dict[str, Json]:
    assert isinstance(value, Sequence)
    return {str(v["name"]): v for v in value if isinstance(v, Mapping)}


def _shown(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
