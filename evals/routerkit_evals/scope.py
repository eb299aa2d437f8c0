"""What an answer may touch: which files, symbols and lines, and how much of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fnmatch import fnmatchcase

from routerkit import Json
from routerkit_evals.ast_checks import parsed
from routerkit_evals.fields import Fields

_REST = "<module>"
"""Name of everything in a module that is not a function or class."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Bounds of a change. Without one, edits outside the editable files are ignored and named, and everything inside them is allowed."""

    is_strict: bool = False
    """Whether an edit of a file the task does not open fails the answer."""
    must_change: tuple[str, ...] = ()
    """Files that must come out different; patterns allowed, each needs one."""
    max_changed_lines: int | None = None
    """Most lines added and removed, over all files."""
    symbols: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Path → functions, classes or `Class.method`s that may change there, `<module>` for the rest; patterns allowed."""
    lines: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """Path → ranges of lines of the starting state that may change there, 1-based, both ends included."""


def parse_scope(fields: Fields) -> Scope:
    """Scope out of a task's field.

    Raises:
        TaskError: it is wrong.
    """
    fields.only("strict", "must_change", "max_changed_lines", "symbols", "lines")
    return Scope(
        is_strict=fields.flag("strict"),
        must_change=fields.strings("must_change"),
        max_changed_lines=fields.count("max_changed_lines"),
        symbols={path: inner.strings(path) for path, inner in _objects(fields, "symbols")},
        lines={path: tuple(_ranges(inner, path)) for path, inner in _objects(fields, "lines")},
    )


def violations(scope: Scope, start: Mapping[str, str], answer: Mapping[str, str], ignored: Sequence[str]) -> list[str]:
    """One line for each bound an answer breaks.

    Args:
        scope: The bounds.
        start: Files before.
        answer: Files the answer wrote, of those it may.
        ignored: Files it wrote although it may not.
    """
    changed = {path: text for path, text in answer.items() if text != start.get(path)}
    found = [f"edits {path}, which is not open to edits" for path in ignored] if scope.is_strict else []
    found += [f"leaves {p} as it was" for p in scope.must_change if not any(fnmatchcase(path, p) for path in changed)]
    n_changed = sum(changed_lines(start.get(path, ""), text) for path, text in changed.items())
    if scope.max_changed_lines is not None and n_changed > scope.max_changed_lines:
        found.append(f"changes {n_changed} lines, at most {scope.max_changed_lines} may")
    for path, text in changed.items():
        found += _beyond_lines(scope.lines.get(path), path, start.get(path, ""), text)
        found += _beyond_symbols(scope.symbols.get(path), path, start.get(path, ""), text)
    return found


def changed_lines(before: str, after: str) -> int:
    """Lines added plus lines removed."""
    return sum((i2 - i1) + (j2 - j1) for _, i1, i2, j1, j2 in _changes(before, after))


def _changes(before: str, after: str) -> Iterator[tuple[str, int, int, int, int]]:
    # autojunk would call frequent lines junk in long files and report them as changed.
    matcher = SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return (code for code in matcher.get_opcodes() if code[0] != "equal")


def _beyond_lines(allowed: Sequence[tuple[int, int]] | None, path: str, before: str, after: str) -> list[str]:
    if allowed is None:
        return []
    for _, i1, i2, _, _ in _changes(before, after):
        # An insertion stands between line i1 and the next; it belongs to a range that holds either.
        first, last = (i1 + 1, i2) if i2 > i1 else (i1 + 1, i1)
        if not any(a <= first and last <= b for a, b in allowed) and not (i2 == i1 and any(a <= i1 <= b for a, b in allowed)):
            return [f"{path}: changes line {first}, which is not open to edits"]
    return []


def _beyond_symbols(allowed: Sequence[str] | None, path: str, before: str, after: str) -> list[str]:
    if allowed is None:
        return []
    one, other = parsed(before), parsed(after)
    if one is None or other is None:
        return []  # the tests will say so
    old, new = _by_name(one), _by_name(other)
    touched = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    wrong = [name for name in touched if not any(_covers(pattern, name) for pattern in allowed)]
    return [f"{path}: changes {name}, which is not open to edits" for name in wrong[:1]]


def _by_name(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in _units(tree):
        found[name] = found.get(name, "") + text  # a property and its setter share a name
    return found


def _covers(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.split(".", maxsplit=1)[0], pattern)


def _units(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Functions and members of classes by name, and what is left, each as a text that only changes with the program."""
    rest: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            head = ast.ClassDef(node.name, node.bases, node.keywords, [], node.decorator_list)
            yield prefix + node.name, ast.dump(head)
            yield from _units(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, ast.dump(node)
        else:
            rest.append(ast.dump(node))
    yield prefix + _REST if prefix else _REST, "\n".join(rest)


def _objects(fields: Fields, name: str) -> Iterator[tuple[str, Fields]]:
    value = fields.row.get(name) or {}
    if not isinstance(value, Mapping):
        raise fields.wrong(name, "must be an object of path and what may change there")
    for path in value:
        yield path, Fields(value, f"{fields.where}: {name}")


def _ranges(fields: Fields, path: str) -> Iterator[tuple[int, int]]:
    value: Json = fields.row.get(path)
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise fields.wrong(path, "must be a list of [first, last] lines")
    for pair in value:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise fields.wrong(path, "must be a list of [first, last] lines")
        first, last = pair
        if not isinstance(first, int) or not isinstance(last, int) or not 1 <= first <= last:
            raise fields.wrong(path, f"has the range {list(pair)}; it must be [first, last], 1 or more, in order")
        yield first, last
