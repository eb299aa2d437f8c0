"""Reading files out of a model's answer. Lenient about wrapping, never about code: nothing is repaired."""

from __future__ import annotations

import ast
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from routerkit.validators import FENCED

_PATH: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.[A-Za-z]\w*")
_FIRST_COMMENT: Final = re.compile(
    r"\A[ \t]*(?:#|//|--)[ \t]*(?:file(?:name)?[ \t]*:[ \t]*)?([\w./-]+\.[A-Za-z]\w*)[ \t]*\n", re.IGNORECASE
)
_CODE_START: Final = re.compile(r"(?:def|class|import|from|async def|@\w|if __name__|#|\"\"\"|[A-Za-z_]\w* *=)")
_LABEL_CHARS: Final = 500
"""Where in a line a path is looked for: at its end before a block, at the start of the block's own. Looking takes the square of that."""
_MAX_TRIMS: Final = 200
"""Parses tried while cutting prose off an answer without fences."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an answer changes."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Path → new text, editable paths only. Empty = nothing usable was found."""
    ignored: tuple[str, ...] = ()
    """Paths the answer wrote although it may not."""

    @property
    def is_ok(self) -> bool:
        """Whether there is anything to grade."""
        return bool(self.files)


class Block(NamedTuple):
    """One fenced block."""

    info: str
    code: str
    before: str
    """Last line of text before it that is not blank."""


def extract(text: str, editable: Sequence[str], *, preamble: Mapping[str, str] | None = None) -> Extraction:
    """Files of an answer.

    Fenced blocks labelled with a path (in the info string, the line before, or a first comment) become those files. With one editable
    path, an unlabelled answer is that file: the longest block, or without blocks the whole text less the prose around it.

    Args:
        text: The model's answer.
        editable: Paths it may write; patterns allowed.
        preamble: Text that will stand before a file, so that an answer which only continues it is recognised as code.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    blocks = find_blocks(text)
    labelled = {path: code for block in blocks for path, code in _labelled(block, editable)}
    allowed = {path: code for path, code in labelled.items() if is_editable(path, editable)}
    ignored = tuple(path for path in labelled if path not in allowed)
    single = editable[0] if len(editable) == 1 and "*" not in editable[0] else None
    if allowed or single is None:
        return Extraction(allowed, ignored)
    code = _longest(blocks) if blocks else bare_code(text, (preamble or {}).get(single, ""))
    return Extraction({single: code} if code else {}, ignored)


def is_editable(path: str, editable: Sequence[str]) -> bool:
    """Whether an answer may write this path."""
    if path.startswith("/") or ".." in path.split("/"):
        return False
    # fnmatch lets * cross folders; the number of parts keeps `app/*.py` to that folder.
    return any(path == p or ("*" in p and path.count("/") == p.count("/") and fnmatch.fnmatchcase(path, p)) for p in editable)


def find_blocks(text: str) -> list[Block]:
    """Fenced blocks in order; one that is never closed runs to the end."""
    blocks, end = [], 0
    for match in FENCED.finditer(text):
        before = text[end : match.start()].rstrip().rpartition("\n")[2]
        blocks.append(Block(match[2].strip()[:_LABEL_CHARS], match[3], before[-_LABEL_CHARS:]))
        end = match.end()
    return blocks


def bare_code(text: str, preamble: str = "") -> str:
    """An answer without fences, less the prose before and after it; empty when nothing in it looks like Python.

    Text that does not parse but starts like code is returned whole: it is a wrong answer, not a missing one.
    """
    if _parses(preamble + text):
        return text if text.strip() else ""
    lines = text.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if _CODE_START.match(line)]
    if not starts:
        return text if preamble and text[:1].isspace() else ""
    tries = 0
    for start in starts[:20]:
        for end in range(len(lines), start, -1):
            tries += 1
            if tries > _MAX_TRIMS:
                return text
            code = "".join(lines[start:end])
            if _parses(code):
                return code
    return text


def _labelled(block: Block, editable: Sequence[str]) -> list[tuple[str, str]]:
    comment = _FIRST_COMMENT.match(block.code)
    labels = [*_PATH.findall(block.info), *([comment[1]] if comment else []), *_PATH.findall(block.before)]
    known = [label for label in labels if is_editable(label, editable)]
    # A path somewhere in the prose before a block only counts when the task knows it; in the block's own line it always does.
    own = _PATH.findall(block.info)
    label = known[0] if known else own[0] if own else None
    return [(label, block.code)] if label else []


def _longest(blocks: Sequence[Block]) -> str:
    python = [b for b in blocks if b.info.lower().split(" ")[0] in {"python", "py", "python3"}]
    return max((b.code for b in python or blocks), key=len)


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def as_text(files: Mapping[str, str]) -> str:
    """Files as a model would answer with them; `extract` reads the same files back.

    Only ends of lines may change: a file always ends with one.
    """
    return "\n\n".join(_fenced(path, text) for path, text in files.items())


def _fenced(path: str, text: str) -> str:
    # Longer than any fence inside, so that the first one that closes it is ours; the path where no comment in the file outranks it.
    fence = "`" * max([4, *(len(run) for run in re.findall(r"`{3,}", text))]) + "`"
    return f"{fence} {path}\n{text if text.endswith(chr(10)) or not text else text + chr(10)}{fence}"
