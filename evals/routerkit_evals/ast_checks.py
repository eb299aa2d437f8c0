"""Assertions about the syntax tree of an answer: what it must import, call or define, and what must be gone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal, cast

from routerkit_evals.fields import Fields

CheckKind = Literal[
    "imports",
    "no_import",
    "calls",
    "no_call",
    "names",
    "no_name",
    "defines",
    "no_define",
    "max_nesting",
    "max_function_lines",
    "min_size_share",
]
NEEDED: Final = ("imports", "calls", "names", "defines")
"""At least one of the files must have it."""
FORBIDDEN: Final = {"no_import": "imports", "no_call": "calls", "no_name": "names", "no_define": "defines"}
"""None of the files may have it."""
MEASURED: Final = ("max_nesting", "max_function_lines", "min_size_share")
"""A number every file must keep to."""
_KINDS: Final = (*NEEDED, *FORBIDDEN, *MEASURED)
_SAID: Final = {"imports": "imports", "calls": "calls", "names": "uses the name", "defines": "defines"}
_NESTS: Final = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Check:
    """One assertion.

    Names are dotted and may hold `*`: `os.path.join`, `optparse.*`. Imports under another name are seen through. `min_size_share` is the
    share of syntax nodes of the starting state that must be left, against answers that leave code out.
    """

    kind: CheckKind
    name: str = ""
    """What is looked for; empty for a measure."""
    limit: float = 0.0
    """Bound of a measure: levels, lines, or a share."""
    path: str = "*.py"
    """Which of the files; patterns allowed."""


def parse_checks(fields: Fields, name: str) -> tuple[Check, ...]:
    """Checks of a task's field, each `{"kind": ..., "name" or "limit": ..., "path": ...}`.

    Raises:
        TaskError: one of them is wrong.
    """
    return tuple(_parse(each) for each in fields.each(name))


def failed_checks(checks: Sequence[Check], files: Mapping[str, str], start: Mapping[str, str]) -> list[str]:
    """One line for each check these files fail.

    Args:
        checks: The assertions.
        files: The whole state after the answer.
        start: The state before it.
    """
    if not checks:
        return []
    trees = {path: parsed(text) for path, text in files.items() if path.endswith(".py")}
    broken = [path for path, tree in trees.items() if tree is None and files[path] != start.get(path)]
    if broken:
        return [f"{broken[0]} is not valid Python"]
    good = {path: tree for path, tree in trees.items() if tree is not None}
    return [why for check in checks if (why := _failure(check, good, start))]


def equal_trees(given: str, right: str) -> bool:
    """Whether two sources are the same program up to layout, comments and quotes; docstrings count."""
    one, other = parsed(given), parsed(right)
    try:
        return one is not None and other is not None and ast.dump(one) == ast.dump(other)
    except RecursionError:  # no tree that people wrote is that deep
        return False


def parsed(text: str) -> ast.Module | None:
    """Syntax tree; None when there is none."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def defined(tree: ast.AST, prefix: str = "") -> Iterator[str]:
    """Functions, classes and assigned names of a module and of its classes, as `Class.member`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from defined(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (prefix + t.id for t in targets if isinstance(t, ast.Name))


def _parse(fields: Fields) -> Check:
    fields.only("kind", "name", "limit", "path")
    kind = cast("CheckKind", fields.choice("kind", _KINDS))  # choice has checked it
    path = fields.text("path", "*.py")
    if kind in MEASURED:
        return Check(kind, limit=fields.number("limit", 0.0), path=path)
    return Check(kind, fields.text("name"), path=path)


def _failure(check: Check, trees: Mapping[str, ast.Module], start: Mapping[str, str]) -> str:
    chosen = {path: tree for path, tree in trees.items() if fnmatchcase(path, check.path)}
    if check.kind in NEEDED:
        return "" if any(_has(check.kind, check.name, tree) for tree in chosen.values()) else f"nothing {_SAID[check.kind]} {check.name}"
    if check.kind in FORBIDDEN:
        positive = FORBIDDEN[check.kind]
        found = next((path for path, tree in chosen.items() if _has(positive, check.name, tree)), None)
        return f"{found} still {_SAID[positive]} {check.name}" if found else ""
    return next((why for path, tree in chosen.items() if (why := _measured(check, path, tree, start))), "")


def _measured(check: Check, path: str, tree: ast.Module, start: Mapping[str, str]) -> str:
    if check.kind == "max_nesting":
        value = float(_nesting(tree))
        return f"{path} nests {value:g} deep, at most {check.limit:g}" if value > check.limit else ""
    if check.kind == "max_function_lines":
        longest = max((n for n in ast.walk(tree) if isinstance(n, _FUNCTIONS)), key=_lines, default=None)
        too_long = longest is not None and _lines(longest) > check.limit
        return f"{path}: {longest.name} has {_lines(longest)} lines, at most {check.limit:g}" if longest and too_long else ""
    before = parsed(start.get(path, ""))
    n_before = sum(1 for _ in ast.walk(before)) if before else 0
    share = sum(1 for _ in ast.walk(tree)) / n_before if n_before else 1.0
    return f"{path} keeps {share:.0%} of its code, at least {check.limit:.0%}" if share < check.limit else ""


def _has(kind: str, name: str, tree: ast.Module) -> bool:
    finders = {"imports": _imports, "calls": _calls, "names": _names, "defines": defined}
    return any(fnmatchcase(found, name) for found in finders[kind](tree))


def _imports(tree: ast.Module) -> Iterator[str]:
    """Modules and what is taken out of them, both dotted; `import a.b` is `a` as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _calls(tree: ast.Module) -> Iterator[str]:
    aliases = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield _dotted(node.func, aliases)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What names that were imported stand for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _dotted(node: ast.expr, aliases: Mapping[str, str]) -> str:
    """`a.b.c` as written out; what does not begin with a name begins with a point, so that `.encode` finds methods of anything."""
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, aliases)}.{node.attr}"
    return ""


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for attribute in ("id", "attr", "name", "arg", "asname"):
            value = getattr(node, attribute, None)
            if isinstance(value, str):
                yield value


def _nesting(node: ast.AST) -> int:
    """Deepest pile of blocks; `elif` is not a block in a block."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, _nesting(child) + (isinstance(child, _NESTS) and not is_elif))
    return deepest


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1
