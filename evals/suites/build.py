"""Builds the JSON Lines files of the modernization suite out of its readable sources: one folder per task.

    python evals/suites/build.py            write evals/suites/modernization/*.jsonl
    python evals/suites/build.py --check    only say whether they are up to date (exit code 1 when not)

A task folder holds `task.toml` and the folders `start` (what a model sees), `tests` (laid over its answer) and `reference` (a right
answer). The kind of task is the folder above. Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOURCES = HERE / "sources" / "modernization"
TARGET = HERE / "modernization"
KINDS = ("migrate", "refactor", "multi_file", "test_write", "translate", "explain")
FIXED = {
    "schema": "rk-task/1",
    "language": "python",
    "license": "project-owned (written for this project; free to commit)",
    "origin": "written by hand 2026-11-23, unpublished before",
    "published": "2026-11",
    "source": "routerkit-modernization",
    "split": "dev",
    "tests_visible": False,
}
VALUE = r"(?im)ANSWER\**:\**[ \t]*(.+?)[ \t*]*$"
NUMBER = r"(?im)ANSWER\**:\**[ \t]*(?:line|option)?[ \t]*\**`?(\d+)"
LAST_LINE = {
    "literal_equal": "Explain in at most 8 sentences, then give the value as the last line in the form `ANSWER: <Python literal>`.",
    "int_in": "Explain in at most 8 sentences, then end with one line `ANSWER: <number>`.",
}


def build(kind: str) -> str:
    """Text of the file of one kind."""
    folders = sorted(path.parent for path in (SOURCES / kind).glob("*/task.toml"))
    return "".join(json.dumps(row(kind, folder), ensure_ascii=False, sort_keys=True) + "\n" for folder in folders)


def row(kind: str, folder: Path) -> dict[str, object]:
    """One task as a row."""
    spec = tomllib.loads((folder / "task.toml").read_text("utf-8"))
    name = f"modernization/{folder.name}"
    base = {
        **FIXED,
        "id": name,
        "category": kind,
        "subcategory": spec["subcategory"],
        "difficulty": spec["difficulty"],
        "cluster": spec.get("cluster", name),
        "prompt": spec["prompt"].strip(),
        "files": texts(folder / "start"),
        "editable": spec.get("editable", []),
        "tests": texts(folder / "tests"),
        "timeout_s": spec.get("timeout_s", 15),
    }
    makers = {"explain": explained, "test_write": mutated}
    return {**base, **makers.get(kind, tested)(spec, folder)}


def tested(_spec: dict[str, Any], folder: Path) -> dict[str, object]:
    """Fields of a task decided by its check."""
    tests = texts(folder / "tests")
    check = tests.pop("check.py").rstrip() + '\n\nprint("ok")\n'
    return {
        "tests": {**tests, "check.py": check, "checklib.py": common("checklib.py")},
        "cmd": ["python", "check.py"],
        "scorer": {"type": "tests", "must_print": "(?m)^ok$"},
        "reference": texts(folder / "reference"),
    }


def mutated(spec: dict[str, Any], folder: Path) -> dict[str, object]:
    """Fields of a task whose answer is a test suite: it must pass on the module and fail on each mutant of it."""
    module = str(spec["module"])
    original = (folder / "start" / module).read_text("utf-8")
    return {
        "tests": {"run_tests.py": common("run_tests.py")},
        "cmd": ["python", "run_tests.py"],
        "scorer": {"type": "mutation", "module": module, "must_print": "(?m)^ok$"},
        "mutants": [{"desc": m["desc"], "code": mutant(original, m, folder)} for m in spec["mutants"]],
        "reference": texts(folder / "reference"),
    }


def mutant(original: str, change: dict[str, str], folder: Path) -> str:
    """The module with one place changed."""
    if original.count(change["old"]) != 1:
        sys.exit(f"{folder.name}: mutant {change['desc']!r}: its text occurs {original.count(change['old'])} times; it must occur once")
    return original.replace(change["old"], change["new"])


def explained(spec: dict[str, Any], folder: Path) -> dict[str, object]:
    """Fields of a task answered with a value, a line number or an option; `recompute` says how the answer is proven."""
    kind = "literal_equal" if "value" in spec else "int_in"
    prompt = f"{str(spec['prompt']).strip()}\n\n{LAST_LINE[kind]}"
    scorer = {"type": kind, "extract": VALUE if kind == "literal_equal" else NUMBER}
    return {"prompt": prompt, "scorer": scorer, "tests": {}, **answer(spec, folder)}


def answer(spec: dict[str, Any], folder: Path) -> dict[str, object]:
    """The right answer and its proof."""
    if "value" in spec:
        return {"answer": spec["value"], "recompute": {"expression": spec["expression"]}}
    if "options" in spec:
        return {"answer": [spec["right"]], "recompute": {"expression": spec["expression"], "options": spec["options"]}}
    [(path, text)] = texts(folder / "start").items()
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.strip() == spec["bug"]]
    if len(lines) != 1:
        sys.exit(f"{folder.name}: the line {spec['bug']!r} occurs {len(lines)} times; it must occur once")
    return {"answer": lines, "recompute": {"path": path, "line": lines[0], "fixed": spec["fixed"], "expression": spec["expression"], "value": spec["right_value"]}}


def texts(folder: Path) -> dict[str, str]:
    """Files below a folder by relative path."""
    return {str(p.relative_to(folder)): p.read_text("utf-8") for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts}


def common(name: str) -> str:
    """A file all checks share."""
    return (SOURCES / "common" / name).read_text("utf-8")


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when a file is out of date")
    is_check = parser.parse_args().check
    stale = []
    for kind in KINDS:
        text, path = build(kind), TARGET / f"{kind}.jsonl"
        if text != (path.read_text("utf-8") if path.exists() else ""):
            stale.append(path.name)
            if not is_check:
                path.write_text(text, "utf-8")
    print(f"{'out of date' if is_check else 'written'}: {', '.join(stale) or 'nothing'}")
    return int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
