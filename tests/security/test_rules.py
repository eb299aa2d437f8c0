"""Rules of our own that ruff and bandit do not know, read off the syntax trees of everything that is shipped."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROOTS: Final = ("routerkit", "integrations", "evals/routerkit_evals", "app", "benchmarks", "examples")
UNPICKLERS: Final = frozenset({"pickle", "cPickle", "_pickle", "shelve", "marshal", "dill", "joblib", "cloudpickle", "torch", "skops"})
EXECUTORS: Final = frozenset({"routerkit/quick.py", "evals/routerkit_evals/child.py"})
"""Methods made of field names, as dataclasses does; and the process in the sandbox whose purpose it is."""
FORBIDDEN_ARGUMENTS: Final = {
    "shell": "commands are lists",
    "follow_redirects": "a redirect would take the prompt elsewhere",
    "allow_redirects": "a redirect would take the prompt elsewhere",
    "trust_env": "the environment's proxies would see the prompt",
    "allow_pickle": "loading would run code",
    "unsafe_allow_html": "what a model wrote would become part of the page",
}
"""Arguments that are never anything but False."""
RETRIES: Final = frozenset({"num_retries", "max_retries"})
SQL: Final = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ATTACH|WITH|PRAGMA|COPY|ALTER|SET)\b")
AS_VALUE: Final = re.compile(r"(=|<|>|'|\bLIKE|\bVALUES\s*\(|\bLIMIT)\s*$", re.IGNORECASE)
"""Text after which SQL expects a value. Names of tables and columns may be put in: ruff asks for the reason at each place (S608)."""
REVIEWED: Final = frozenset(
    {
        ("routerkit/store/database.py", "_literal(path)"),  # ATTACH takes no parameters; quoted
        ("routerkit/wal.py", "round(busy_s * 1000)"),  # PRAGMA takes no parameters; a number
        ("app/routerkit_app/filters.py", "column"),  # one of our own
        ("app/routerkit_app/screens/overview.py", "step"),  # a literal type: day, hour
    }
)
"""What may stand in the place of a value all the same, each looked at."""


@pytest.fixture(scope="module")
def sources() -> list[tuple[str, ast.Module]]:
    """Every file that is shipped or run here, tests aside, read once for all rules."""
    paths = [path for root in ROOTS for path in sorted((ROOT / root).rglob("*.py"))]
    return [(path.relative_to(ROOT).as_posix(), ast.parse(path.read_text())) for path in paths]


def unpickling(_: str, node: ast.AST) -> str | None:
    match node:
        case ast.Import(names=names):
            found = [name.name for name in names]
        case ast.ImportFrom(module=str(module)):
            found = [module]
        case _:
            return None
    return next((f"imports {name}" for name in found if name.partition(".")[0] in UNPICKLERS), None)


def executing(path: str, node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name)):
            called = name
        case ast.Call(func=ast.Attribute(value=ast.Name(id=module), attr=name)):
            called = f"{module}.{name}"
        case _:
            return None
    is_dangerous = called in {"eval", "exec", "os.system", "os.popen", "yaml.load"}
    return f"calls {called}" if is_dangerous and path not in EXECUTORS else None


def daring(_: str, node: ast.AST) -> str | None:
    if not isinstance(node, ast.keyword) or (isinstance(node.value, ast.Constant) and node.value.value in (False, 0)):
        return None
    if node.arg in RETRIES:
        return f"{node.arg}={ast.unparse(node.value)}: only our engine retries, or requests multiply"
    return f"{node.arg}={ast.unparse(node.value)}: {FORBIDDEN_ARGUMENTS[node.arg]}" if node.arg in FORBIDDEN_ARGUMENTS else None


def unbound(path: str, node: ast.AST) -> str | None:
    match node:
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if SQL.match(text):
            pairs = [
                pair for pair in pairwise(node.values) if isinstance(pair[0], ast.Constant) and isinstance(pair[1], ast.FormattedValue)
            ]
            values = [ast.unparse(part.value) for before, part in pairs if AS_VALUE.search(before.value)]
            return next(
                (
                    f"puts {{{name}}} into SQL instead of binding it"
                    for name in values
                    if not is_constant(name) and (path, name) not in REVIEWED
                ),
                None,
            )
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add() | ast.Mod()) if SQL.match(text):
            return "joins SQL with something"
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")) if SQL.match(text):
            return "formats SQL"
    return None


def is_constant(name: str) -> bool:
    return re.fullmatch(r"_?[A-Z][A-Z0-9_]*", name) is not None


Rule = Callable[[str, ast.AST], str | None]


def broken(rule: Rule, files: Iterable[tuple[str, ast.Module]]) -> list[str]:
    """Where a rule is broken."""
    return [f"{path}:{node.lineno}: {why}" for path, tree in files for node in ast.walk(tree) if (why := rule(path, node))]  # type: ignore[attr-defined]


@pytest.mark.parametrize("rule", [unpickling, executing, daring, unbound], ids=lambda rule: rule.__name__)
def test_rule_holds_everywhere(rule: Rule, sources: list[tuple[str, ast.Module]]) -> None:
    assert [] == broken(rule, sources)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unpickling, "import pickle"),
        (unpickling, "from joblib import load"),
        (executing, "eval(text)"),
        (executing, "os.system(text)"),
        (daring, "client(num_retries=2)"),
        (daring, "client(max_retries=n)"),
        (daring, "client(follow_redirects=True)"),
        (daring, "page(unsafe_allow_html=is_ours)"),
        (daring, "numpy.load(path, allow_pickle=True)"),
        (unbound, "f'SELECT * FROM calls WHERE agent = {agent}'"),
        (unbound, "f\"SELECT * FROM calls WHERE agent LIKE '{agent}'\""),
        (unbound, "'DELETE FROM calls WHERE id = ' + record_id"),
        (unbound, "'SELECT %s' % name"),
        (unbound, "'SELECT {}'.format(name)"),
    ],
)
def test_rule_sees_what_it_forbids(rule: Rule, code: str) -> None:
    assert 1 == len(broken(rule, [("routerkit/new.py", ast.parse(code))]))


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (daring, "client(num_retries=0, follow_redirects=False)"),
        (unbound, "f'SELECT * FROM {CATALOG}'"),
        (unbound, "f'SELECT {columns} FROM calls WHERE {where.sql}'"),
    ],
)
def test_rule_lets_what_is_fine(rule: Rule, code: str) -> None:
    assert [] == broken(rule, [("routerkit/new.py", ast.parse(code))])
