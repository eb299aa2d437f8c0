"""What a mined task asks for: the message of the commit without what leads back to it, and the tests that must pass."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Final

from routerkit_evals.ast_checks import parsed
from routerkit_evals.mine.candidate import Candidate

_LEADS: Final = re.compile(
    r"^\s*(signed-off-by|co-authored-by|reviewed-by|reported-by|acked-by|change-id|cherry picked|git-svn-id)\b.*$"
    r"| *\(?(?:\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|see|refs?|pull request|pr|issue|gh-?)[ :]*)?#\d+\)?"
    r"|https?://\S+|\S+@\S+\.\w+|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Trailers, numbers of issues, addresses, people and commit ids."""
_MESSAGE_CHARS: Final = 2_000
_NAMED_TESTS: Final = 20
_SOURCE_CHARS: Final = 12_000


def prompt_of(candidate: Candidate, editable: Sequence[str], failing: Sequence[str], tests: Mapping[str, str]) -> str:
    """Prompt of a task.

    Args:
        candidate: Where it is from.
        editable: What an answer may write.
        failing: Ids of the tests that fail now and must pass.
        tests: Sources of the tests that are shown in the prompt itself; path → text, empty where they are shown as files.
    """
    named = "\n".join(f"- {test}" for test in failing[:_NAMED_TESTS])
    more = f"\n- and {len(failing) - _NAMED_TESTS} more" if len(failing) > _NAMED_TESTS else ""
    parts = [
        _wish(candidate, editable),
        f"Change {', '.join(editable)} so that these tests pass, and those that pass now still do:\n{named}{more}",
        *_excerpts(tests, failing),
    ]
    return "\n\n".join(part for part in parts if part)


def cleaned(message: str) -> str:
    """A commit message without issue numbers, addresses, people and commit ids."""
    lines = [" ".join(line.split(" ")).rstrip() for line in _LEADS.sub("", message).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()[:_MESSAGE_CHARS]


def _wish(candidate: Candidate, editable: Sequence[str]) -> str:
    if candidate.mode == "mutants":
        return f"There is a fault in {', '.join(editable)}. Find it and mend it."
    return "\n\n".join(filter(None, [cleaned(candidate.subject), cleaned(candidate.body)]))


def _excerpts(tests: Mapping[str, str], failing: Sequence[str]) -> list[str]:
    """Source of the failing tests, as long as it is not too much."""
    parts: list[str] = []
    left = _SOURCE_CHARS
    for path, text in tests.items():
        names = {test.partition("[")[0].rpartition("::")[2] for test in failing if test.startswith(f"{path}::")}
        found = [source for source in _functions(text, names) if (left := left - len(source)) >= 0]
        if found:
            parts.append(f"From {path}:\n\n```python\n{chr(10).join(found)}\n```")
    return parts


def _functions(text: str, names: set[str]) -> list[str]:
    tree = parsed(text)
    nodes = ast.walk(tree) if tree else ()
    chosen = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names]
    return [ast.get_source_segment(text, node, padded=True) or "" for node in chosen]
