"""Which files a prompt should show: those to be changed, then what they and the tests import, until it is enough."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from routerkit_evals.ast_checks import parsed

_SHOWN_CHARS: Final = 40_000
"""About 10,000 tokens: what a test run loads is often many times that, and has little to do with the change."""


def background(files: Mapping[str, str], editable: Iterable[str], tests: Mapping[str, str], *, pythonpath: str = "") -> tuple[str, ...]:
    """Files to leave out of a prompt.

    Args:
        files: The starting state, path → text.
        editable: Paths that are always shown.
        tests: Sources of the tests.
        pythonpath: Folder packages lie in besides the root; empty = none.
    """
    modules = {_dotted(path, pythonpath): path for path in files if path.endswith(".py")}
    shown = [path for path in editable if path in files]
    left = _SHOWN_CHARS - sum(len(files[path]) for path in shown)
    for text, path in [*((files[p], p) for p in shown), *((t, p) for p, t in tests.items())]:
        for name in _imported(text, _dotted(path, pythonpath), is_package=path.endswith("__init__.py")):
            found = modules.get(name)
            if found and found not in shown and len(files[found]) <= left:
                shown.append(found)
                left -= len(files[found])
    return tuple(sorted(set(files) - set(shown)))


def _dotted(path: str, pythonpath: str) -> str:
    inner = path.removeprefix(f"{pythonpath}/") if pythonpath else path
    return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _imported(text: str, module: str, *, is_package: bool) -> Iterator[str]:
    """Dotted names of modules, and of what is taken out of them, which may be modules too."""
    tree = parsed(text)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(filter(None, [_base(module, node.level, is_package=is_package), node.module]))
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _base(module: str, level: int, *, is_package: bool) -> str:
    """Package a relative import starts from; empty for an absolute one."""
    parts = module.split(".")
    return ".".join(parts[: len(parts) - level + is_package]) if level else ""
