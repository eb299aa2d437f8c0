"""Small faults put into a source: one sign, constant or condition is other than it was, and everything else stands as it stood."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from routerkit_evals.ast_checks import parsed

_SIGNS: Final[Mapping[type[ast.AST], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: (" in ", " not in "),
    ast.NotIn: (" not in ", " in "),
    ast.Is: (" is ", " is not "),
    ast.IsNot: (" is not ", " is "),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.And: (" and ", " or "),
    ast.Or: (" or ", " and "),
}
"""By operator: its sign and the one that takes its place."""


class _Edit(NamedTuple):
    """Bytes of one line that become others."""

    line: int
    start: int
    end: int
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A source with one fault."""

    line: int
    code: str
    """The whole module."""


def faults(source: str, lines: Collection[int]) -> Iterator[Fault]:
    """Every fault that can be put into the functions of a source on these lines, in their order.

    Comments, quotes and layout stay, so that nothing but the fault gives its place away.
    """
    for edit in sorted(set(_edits(source))):
        if edit.line in lines and (code := _edited(source, edit)) is not None:
            yield Fault(edit.line, code)


def _edits(source: str) -> Iterator[_Edit]:
    tree = parsed(source)
    for function in ast.walk(tree) if tree else ():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            # The body only: defaults, decorators and annotations often run once, at import.
            for statement in function.body:
                yield from (edit for node in ast.walk(statement) if (edit := _edit(node)))


def _edit(node: ast.AST) -> _Edit | None:
    match node:
        case ast.Compare(left, [operator], [right]) | ast.BinOp(left, operator, right) | ast.BoolOp(operator, [left, right, *_]):
            return _between(left, operator, right)
        case ast.UnaryOp(ast.Not(), operand) if node.lineno == operand.lineno:
            return _Edit(node.lineno, node.col_offset, operand.col_offset, "not ", "")
        case ast.Constant(bool(value)):
            return _Edit(node.lineno, node.col_offset, node.end_col_offset or 0, str(value), str(not value))
        case ast.Constant(int(value)) if node.end_col_offset:
            return _Edit(node.lineno, node.col_offset, node.end_col_offset, str(value), str(value + 1))
    return None


def _between(left: ast.expr, operator: ast.AST, right: ast.expr) -> _Edit | None:
    """The sign between two operands of one line; texts are left alone, as few of their operators have a counterpart."""
    signs = _SIGNS.get(type(operator))
    if signs is None or left.end_lineno != right.lineno or left.end_col_offset is None or _is_text(left) or _is_text(right):
        return None
    return _Edit(right.lineno, left.end_col_offset, right.col_offset, *signs)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _edited(source: str, edit: _Edit) -> str | None:
    """The source after an edit; None where the text is not as expected, e.g. a number in another notation, or nothing is left to parse."""
    lines = source.splitlines(keepends=True)
    line = lines[edit.line - 1].encode()  # columns of syntax trees count bytes
    found = line[edit.start : edit.end].decode()
    if found.count(edit.old) != 1:
        return None
    lines[edit.line - 1] = (line[: edit.start] + found.replace(edit.old, edit.new).encode() + line[edit.end :]).decode()
    code = "".join(lines)
    return code if parsed(code) is not None else None
