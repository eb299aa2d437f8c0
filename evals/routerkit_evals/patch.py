"""Answers that are edits: SEARCH/REPLACE blocks and unified diffs. Applied where they fit and nowhere else; nothing is guessed.

An edit must fit exactly one place. Blanks at the ends of lines do not matter, and neither do the line numbers and counts of a diff, which
models get wrong: they only decide between several places that fit. Indentation always matters.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Final, Literal, NamedTuple, get_args

AnswerFormat = Literal["whole", "search-replace", "diff"]
FORMATS: Final[tuple[AnswerFormat, ...]] = get_args(AnswerFormat)
"""Forms of an answer that is files: whole files, SEARCH/REPLACE blocks, a unified diff."""

_SEARCH: Final = re.compile(r"^[ \t]*<{5,9} ?SEARCH>?[ \t]*$")
_DIVIDER: Final = re.compile(r"^[ \t]*={5,9}[ \t]*$")
_REPLACE: Final = re.compile(r"^[ \t]*>{5,9} ?REPLACE[ \t]*$")
_PATH: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.[A-Za-z]\w*")
_FENCE: Final = re.compile(r"^[ \t]*(?:`{3,}|~{3,})")
_HUNK: Final = re.compile(r"^@@(?: -(\d+)(?:,\d+)? \+\d+(?:,\d+)?)?(?: @@)?")
_FILE: Final = re.compile(r"^(---|\+\+\+) (\S+)")


@dataclass(frozen=True, slots=True)
class Patched:
    """What edits come to."""

    files: Mapping[str, str] = field(default_factory=dict)
    """Path → new text of every file that was edited."""
    problem: str = ""
    """One line why the edits cannot be applied; empty when they could."""


class Edit(NamedTuple):
    """One replacement in one file."""

    path: str
    old: tuple[str, ...]
    """Lines that must be there, without their ends; empty = the file is new."""
    new: tuple[str, ...]
    hint: int | None = None
    """Where a diff says the old lines are, 0-based."""


class _WrongError(Exception):
    """Edits that cannot be read or do not fit; the message is for people."""


def apply_edits(text: str, form: AnswerFormat, files: Mapping[str, str], *, path: str | None = None) -> Patched:
    """Files after the edits an answer consists of: all of them, or none and the reason.

    Args:
        text: The model's answer.
        form: `search-replace` or `diff`.
        files: State the edits start from.
        path: File of blocks that name none; None = every block must name its file.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    state = dict(files)
    moved: dict[str, int] = {}
    try:
        edits = list(_blocks(lines, path, files) if form == "search-replace" else _hunks(lines, path))
        if not edits:
            raise _WrongError(f"no {'SEARCH/REPLACE block' if form == 'search-replace' else 'hunk of a unified diff'} in the answer")
        for number, edit in enumerate(edits, 1):
            shift = moved.get(edit.path, 0)
            state[edit.path] = _apply(edit, state.get(edit.path), f"edit {number} of {edit.path}", shift=shift)
            moved[edit.path] = shift + len(edit.new) - len(edit.old)
    except _WrongError as exc:
        return Patched(problem=str(exc))
    return Patched({name: state[name] for name in moved})


def _blocks(lines: Sequence[str], default: str | None, known: Collection[str]) -> Iterator[Edit]:
    """SEARCH/REPLACE blocks; each belongs to the path in the nearest line before it, or to the file of the block before."""
    path, i, last = default, 0, ""
    while i < len(lines):
        if not _SEARCH.match(lines[i]):
            is_label = lines[i].strip() and (not _FENCE.match(lines[i]) or _path_in(lines[i], known))
            last = lines[i] if is_label else last
            i += 1
            continue
        path = _path_in(last, known) or path
        if path is None:
            raise _WrongError("a SEARCH block has no path in the line before it")
        divider = _next(lines, i + 1, _DIVIDER, f"{path}: a SEARCH block without =======")
        end = _next(lines, divider + 1, _REPLACE, f"{path}: a SEARCH block without >>>>>>> REPLACE")
        yield Edit(path, tuple(lines[i + 1 : divider]), tuple(lines[divider + 1 : end]))
        i, last = end + 1, ""


def _path_in(line: str, known: Collection[str]) -> str | None:
    """Path that a line names: one the task knows, or else one that the line consists of. `os.path` in a sentence is none."""
    found: list[str] = _PATH.findall(line)
    ours = [path for path in found if path in known]
    if ours:
        return ours[-1]
    is_alone = len(found) == 1 and (_FENCE.match(line) or line.strip(" \t`*#:\"'") == found[0])
    return found[0] if is_alone else None


def _next(lines: Sequence[str], start: int, mark: re.Pattern[str], problem: str) -> int:
    for i in range(start, len(lines)):
        if mark.match(lines[i]):
            return i
        if _SEARCH.match(lines[i]):
            break
    raise _WrongError(problem)


def _hunks(lines: Sequence[str], default: str | None) -> Iterator[Edit]:
    """Hunks of a unified diff, wherever in the text they stand."""
    path, i = default, 0
    while i < len(lines):
        header = _FILE.match(lines[i])
        if header and header[1] == "---" and i + 1 < len(lines) and (to := _FILE.match(lines[i + 1])) and to[1] == "+++":
            path = _target(header[2], to[2])
            i += 2
            continue
        hunk = _HUNK.match(lines[i])
        i += 1
        if not hunk:
            continue
        if path is None:
            raise _WrongError("a hunk has no --- and +++ lines before it")
        end = _hunk_end(lines, i)
        yield _hunk(path, lines[i:end], int(hunk[1]) - 1 if hunk[1] and hunk[1] != "0" else None)
        i = end


def _target(before: str, after: str) -> str:
    if after == "/dev/null":
        raise _WrongError(f"{_bare(before)}: the diff deletes a file, which no task asks for")
    if before not in {"/dev/null", after} and _bare(before) != _bare(after):
        raise _WrongError(f"{_bare(before)}: the diff renames a file; write it as a new file instead")
    return _bare(after)


def _bare(path: str) -> str:
    return path[2:] if path[:2] in {"a/", "b/"} else path


def _hunk_end(lines: Sequence[str], start: int) -> int:
    """Where a hunk ends: its counts are not to be trusted, so by what a hunk cannot hold."""
    for i in range(start, len(lines)):
        line = lines[i]
        is_header = line.startswith("--- ") and i + 1 < len(lines) and lines[i + 1].startswith("+++ ")
        if is_header or line.startswith(("@@", "diff ")) or (line and line[0] not in " +-\\"):
            return i
    return len(lines)


def _hunk(path: str, body: Sequence[str], hint: int | None) -> Edit:
    kept = [line for line in body if not line.startswith("\\")]
    while kept and not kept[-1]:
        kept.pop()  # empty lines between hunks and after the last one
    old = tuple(line[1:] for line in kept if line[:1] in {"", " ", "-"})
    new = tuple(line[1:] for line in kept if line[:1] in {"", " ", "+"})
    if old == new:
        raise _WrongError(f"{path}: a hunk changes nothing")
    return Edit(path, old, new, hint)


def _apply(edit: Edit, text: str | None, where: str, *, shift: int) -> str:
    if not any(line.strip() for line in edit.old):
        if text is not None and text.strip():
            raise _WrongError(f"{where}: names no line of the file that it changes, so its place is unknown")
        return _joined(edit.new)
    if text is None:
        raise _WrongError(f"{where}: there is no such file to change")
    lines = text.split("\n")
    places = _places(lines, edit.old)
    if not places:
        raise _WrongError(f"{where}: the lines to replace are not in the file; the first is {edit.old[0].strip()[:60]!r}")
    hint = None if edit.hint is None else edit.hint + shift
    at = places[0] if len(places) == 1 else hint
    if at not in places:
        raise _WrongError(f"{where}: the lines to replace occur {len(places)} times; more lines around them would tell which")
    end = at + len(edit.old)
    return "\n".join([*lines[:at], *_as_in_file(lines[at:end], edit.new), *lines[end:]])


def _as_in_file(have: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The new lines, but those that were there already as they were there, with their blanks at the end."""
    matcher = SequenceMatcher(None, [x.rstrip() for x in have], [x.rstrip() for x in new], autojunk=False)
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        yield from have[i1:i2] if kind == "equal" else new[j1:j2]


def _places(lines: Sequence[str], old: Sequence[str]) -> list[int]:
    """Where these lines stand: to the letter, or where that is nowhere, up to blanks at the ends of lines."""
    for have, want in ((list(lines), list(old)), ([x.rstrip() for x in lines], [x.rstrip() for x in old])):
        found = [i for i in range(len(have) - len(want) + 1) if have[i : i + len(want)] == want]
        if found:
            return found
    return []


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""
