"""The task kind of a change, told from its shape. Coarse rules, in this order; docs/mining.md lists them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from routerkit_evals.ast_checks import defined, parsed
from routerkit_evals.mine.filters import footprint

_NAMES: Final = ("id", "attr", "name", "arg", "asname")
_IMPORTS: Final = (ast.Import, ast.ImportFrom)
_LINES_OF_A_PART: Final = 3
"""Changed lines from which a file counts as one of several."""


def kind_of(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Task kind of a change of sources, states as path → text of the changed files.

    - `refactor`: something has another name or is in another file, and the statements are the same but for names and imports
    - `migrate`: a module is imported no more, and another one is instead
    - `multi_file`: at least two files change by three lines or more
    - `synthesize`: a public function, class or member is new
    - `bug_fix`: anything else
    """
    if _skeletons(before) == _skeletons(after) and _places(before) != _places(after):
        return "refactor"
    gone, come = _modules(before) - _modules(after), _modules(after) - _modules(before)
    if gone and come:
        return "migrate"
    if sum(_n_changed(before, after, path) >= _LINES_OF_A_PART for path in {**before, **after}) > 1:
        return "multi_file"
    return "synthesize" if _public(after) - _public(before) else "bug_fix"


def _n_changed(before: Mapping[str, str], after: Mapping[str, str], path: str) -> int:
    found = footprint({path: before.get(path, "")}, {path: after.get(path, "")})
    return len(found.added) + len(found.removed)


def _skeletons(files: Mapping[str, str]) -> Counter[str]:
    """Top-level statements of all files with every name blanked, but for imports."""
    found: Counter[str] = Counter()
    for tree in _trees(files):
        for statement in tree.body:
            if not isinstance(statement, _IMPORTS):
                found[_blank(statement)] += 1
    return found


def _blank(statement: ast.stmt) -> str:
    for node in ast.walk(statement):
        for name in _NAMES:
            if isinstance(getattr(node, name, None), str):
                setattr(node, name, "_")
    return ast.dump(statement)


def _modules(files: Mapping[str, str]) -> set[str]:
    """First part of every absolute import."""
    found: set[str] = set()
    for tree in _trees(files):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


def _public(files: Mapping[str, str]) -> set[str]:
    """Functions, classes and assigned names that others may use, members as `Class.member`; constants are left out."""
    names = {name for tree in _trees(files) for name in defined(tree)}
    return {name for name in names if not name.isupper() and not any(part.startswith("_") for part in name.split("."))}


def _places(files: Mapping[str, str]) -> set[tuple[str, str]]:
    """Every defined name with its file."""
    return {(path, name) for path, text in files.items() if (tree := parsed(text)) for name in defined(tree)}


def _trees(files: Mapping[str, str]) -> Iterator[ast.Module]:
    for text in files.values():
        if (tree := parsed(text)) is not None:
            yield tree
