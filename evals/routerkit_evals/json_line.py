"""One JSON object on one line, read strictly: what could be lost or could not be written again is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping

from routerkit import Json
from routerkit_evals.errors import TaskError
from routerkit_evals.fields import Fields, shown


def read_object(line: str, *, where: str) -> Fields:
    """The object, ready to be read field by field.

    Raises:
        TaskError: no JSON, no object, a key that stands twice, or half of a surrogate pair; the message starts with `where`.
    """
    try:
        row = json.loads(line, object_pairs_hook=_once)
        # Only an escape can carry half of a surrogate pair.
        json.dumps(row if "\\u" in line else None, ensure_ascii=False).encode()
    except UnicodeEncodeError as exc:
        raise TaskError(f"{where}: holds half of a surrogate pair (\\ud800 to \\udfff), which is not text; write the character") from exc
    except (ValueError, RecursionError) as exc:
        raise TaskError(f"{where}: not JSON ({exc})") from exc
    if not isinstance(row, dict):
        raise TaskError(f"{where}: a task is a JSON object, not {type(row).__name__}")
    return Fields(row, where)


def _once(pairs: list[tuple[str, Json]]) -> Mapping[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"key {shown(next(name for name in names if names.count(name) > 1))} occurs twice in one object")
    return found
