"""Runs inside the sandbox as a pytest plugin: notes which files tests open and, if asked, which lines they run. Standard library only.

It is laid into the work folder under another name, on the interpreter of the project, so it keeps to what Python 3.9 knows.
"""

# pathlib costs time in every run.
# ruff: noqa: PTH100, PTH109, PTH110, PTH118, PTH123

from __future__ import annotations

import json
import os
import sys
import threading

_FOLDER = os.path.join(os.getcwd(), "")
_REPORT = os.path.join(_FOLDER, "routerkit_watched.json")
_WANTS_LINES = os.path.exists(os.path.join(_FOLDER, "routerkit_lines"))
_ERROR_CHARS = 300
_opened: set[str] = set()
_outside: set[str] = set()
_lines: dict[str, set[int]] = {}
_errors: list[str] = []
_facts = {"n_collected": 0}


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event != "open" or not isinstance(arguments[0], str):
        return
    path = os.path.abspath(arguments[0])
    if path.startswith(_FOLDER):
        _opened.add(path[len(_FOLDER) :])
    elif "site-packages" in path:
        _outside.add(path.partition("site-packages" + os.sep)[2])


def _trace(frame: object, event: str, argument: object) -> object:
    """Trace function of a call: follows code of the work folder line by line, and nothing else."""
    name = frame.f_code.co_filename  # type: ignore[attr-defined]  # a frame, which has no public type here
    if not name.startswith(_FOLDER):
        return None
    found = _lines.setdefault(name[len(_FOLDER) :], set())

    def follow(frame: object, event: str, argument: object) -> object:
        found.add(frame.f_lineno)  # type: ignore[attr-defined]
        return follow

    return follow


def pytest_collectreport(report: object) -> None:
    """Note what could not be collected."""
    if getattr(report, "outcome", "") == "failed":
        _errors.append(str(getattr(report, "longrepr", ""))[-_ERROR_CHARS:])


def pytest_collection_finish(session: object) -> None:
    """Note how many tests there are."""
    _facts["n_collected"] = len(getattr(session, "items", ()))


def pytest_unconfigure() -> None:
    """Write down what was seen."""
    sys.settrace(None)
    body = {
        "n_collected": _facts["n_collected"],
        "errors": _errors[:20],
        "opened": sorted(_opened),
        "outside": sorted(_outside),
        "lines": {path: sorted(lines) for path, lines in _lines.items()},
    }
    with open(_REPORT, "w", encoding="utf-8") as out:
        json.dump(body, out)


sys.addaudithook(_note)
if _WANTS_LINES:
    threading.settrace(_trace)  # type: ignore[arg-type]  # as above
    sys.settrace(_trace)  # type: ignore[arg-type]
