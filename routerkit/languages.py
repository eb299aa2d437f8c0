"""Programming languages and frameworks by their names, files and habits of speech."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

_FILES: Final[Mapping[str, str]] = {
    "python": "py pyi pyw ipynb",
    "java": "java",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx",
    "go": "go",
    "rust": "rs",
    "c": "c h",
    "c++": "cpp cc cxx hpp hh",
    "c#": "cs",
    "kotlin": "kt kts",
    "swift": "swift",
    "scala": "scala",
    "ruby": "rb",
    "php": "php",
    "perl": "pl pm",
    "cobol": "cbl cob cpy",
    "fortran": "f f90 f95 for",
    "visual basic": "bas vb vbs frm",
    "sql": "sql ddl",
    "shell": "sh bash zsh ksh",
    "abap": "abap",
    "pl/i": "pli",
}
"""Language to the endings of its files."""
LANGUAGES: Final = tuple(_FILES)
"""Languages we can tell."""
_NAMES: Final[Mapping[str, str]] = {
    **{name: name for name in _FILES if name not in {"c", "go"}},
    "golang": "go",
    "js": "javascript",
    "ts": "typescript",
    "py": "python",
    "cpp": "c++",
    "csharp": "c#",
    "vb": "visual basic",
    "vb6": "visual basic",
    "vba": "visual basic",
    "bash": "shell",
}
"""Words people write; `c` and `go` alone are too common a letter and a word to mean anything."""
_BY_ENDING: Final = {ending: name for name, endings in _FILES.items() for ending in endings.split()}
_OTHER_ENDINGS: Final = {"md", "rst", "txt", "toml", "json", "yaml", "yml", "xml", "html", "css", "ini", "cfg", "csv", "gradle"}
_NAMED: Final = re.compile(r"(?<![\w./-])(" + "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True)) + r")(?![\w-])(?!\.\w)")
_NAMING_WORDS: Final = frozenset(re.split("[^a-z]", name)[0].encode() for name in (*_NAMES, "go"))
"""How the names begin: a cheap test that saves most searches."""
_SHORT_NAMES: Final = frozenset({b"go", b"c"})
_GO: Final = re.compile(r"\b(?:in|to|into|from) (go|c)\b(?! (?:through|over|back|on|to)\b)")
_LETTERS: Final = bytes(c if chr(c) in string.ascii_lowercase else ord(" ") for c in range(256))
"""Every byte but lower-case letters becomes a space."""
_EDGES: Final = "`'\"()[]{}<>,;:!?*.="


class Look(NamedTuple):
    """What something looks like in a text."""

    marks: tuple[str, ...]
    """One of them must occur: a cheap test that saves most searches."""
    pattern: re.Pattern[str] | None
    """Must then be found; None = a mark says enough."""

    def is_in(self, text: str) -> bool:
        """Whether a text shows it."""
        for mark in self.marks:  # not any(): making its generator takes longer than most of these tests
            if mark in text:
                return self.pattern is None or self.pattern.search(text) is not None
        return False


def look(marks: str, pattern: str | None = None) -> Look:
    """A look whose marks are separated by `|`; `^` in its pattern stands for the start of a line."""
    return Look(tuple(marks.split("|")), None if pattern is None else re.compile(pattern, re.MULTILINE))


class _Habit(NamedTuple):
    """How code of one language is written."""

    language: str
    openers: frozenset[str]
    """Words that begin its telling lines."""
    mark: str | None
    """What tells it within a line."""
    pattern: re.Pattern[str]


def _habit(language: str, openers: str, pattern: str, *, mark: str | None = None) -> _Habit:
    return _Habit(language, frozenset(openers.split()), mark, re.compile(pattern, re.MULTILINE))


_HABITS: Final = (
    _habit("cobol", "", r"^.{0,7}(?:IDENTIFICATION|PROCEDURE|DATA) DIVISION", mark=" DIVISION"),
    _habit(
        "java",
        "public private protected",
        r"^[ \t]*(?:public|private|protected) (?:static |final |abstract )*(?:class|interface|enum|void|int|String)\b",
    ),
    _habit("c#", "using namespace", r"^[ \t]*(?:using System|namespace [\w.]+\s*\{?$)"),
    _habit("go", "package func", r"^(?:package \w+$|func (?:\(\w+ \*?\w+\) )?\w+\()"),
    _habit("rust", "pub fn impl use", r"^[ \t]*(?:pub )?(?:fn \w+|impl\b|use \w+::)"),
    _habit("php", "", r"<\?php", mark="<?php"),
    _habit("c", "#include", r"^#include <"),
    _habit(
        "sql",
        "select Select SELECT create Create CREATE insert Insert INSERT",
        r"(?i)^[ \t]*(?:select\b[^\n]*\bfrom\b|create (?:table|view|procedure)|insert into)",
    ),
    _habit("typescript", "export interface type", r"^[ \t]*(?:export )?(?:interface \w+ \{|type \w+ =)"),
    _habit(
        "javascript",
        "const let var export async function",
        r"^[ \t]*(?:const|let|var) \w+ =|^[ \t]*(?:export |async )*function\b|=> \{",
        mark="=> {",
    ),
    _habit(
        "python",
        "async def from import class",
        r"^[ \t]*(?:async )?def \w+\(|^[ \t]*(?:from [\w.]+ )?import \w+|^[ \t]*class \w+[(:]",
    ),
    _habit("shell", "fi done esac", r"^#!/bin/|^[ \t]*(?:fi|done|esac)$", mark="#!/bin/"),
)
"""What only one language looks like, the tell-tale first; TypeScript and JavaScript share most, so the narrower one comes first."""
_OPENERS: Final = frozenset().union(*(habit.openers for habit in _HABITS))
_MARKS: Final = tuple(habit.mark for habit in _HABITS if habit.mark is not None)
_FIRST_WORD: Final = re.compile(r"^[ \t]*(#?\w+)", re.MULTILINE)

_FRAMEWORKS: Final = re.compile(
    r"(?<![\w/])(unittest|pytest|nose|junit ?[45]?|testng|jest|mocha|django|flask|fastapi|spring(?: boot)?(?: \d)?|struts|angularjs|angular"
    r"|react|vue|jquery|express|rails|hibernate|sqlalchemy(?: \d(?:\.\d)?)?|pandas|polars|requests|httpx|aiohttp|optparse|argparse|click"
    r"|os\.path|pathlib|threading|asyncio|concurrent\.futures|setup\.py|pyproject\.toml|maven|gradle|logging|print|log4j|slf4j"
    r"|pydantic(?: v?\d)?|dataclass(?:es)?|python ?\d(?:\.\d+)?|java ?\d+|node(?:\.js)? ?\d+)(?![\w/])"
)
_CHANGE: Final = re.compile(r"\b(?:from|replace)\b([^\n]{1,60}?)\b(?:to|into|by|with)\b([^\n]{1,60})")


class Jump(NamedTuple):
    """From one framework or version to another."""

    source: str
    target: str


def path_in(word: str) -> str | None:
    """The path of a source or text file that a word of a prompt names, without quotes and line numbers; None when it names none."""
    bare = word.strip(_EDGES).partition(":")[0].rstrip(_EDGES)
    stem, dot, ending = bare.rpartition(".")
    known = dot and stem and (ending.lower() in _BY_ENDING or ending.lower() in _OTHER_ENDINGS)
    return bare if known and "//" not in bare else None


def paths_in(text: str) -> tuple[str, ...]:
    """Paths of source and text files that a text names, in order, each once."""
    return tuple(dict.fromkeys(path for word in text.split() if "." in word and (path := path_in(word))))


def language_of_path(path: str) -> str | None:
    """Language that a file's ending tells; None for texts, settings and unknown endings."""
    return _BY_ENDING.get(path.rpartition(".")[2].lower())


def named_languages(lowered: str) -> list[str]:
    """Languages that a lower-case text names, in order, each once."""
    words = _NAMING_WORDS.intersection(lower_words(lowered))
    found = [(place, _NAMES[name]) for word in words for place, name in _named(lowered, word.decode())]
    if not words.isdisjoint(_SHORT_NAMES):
        found += [(m.start(1), m[1]) for m in _GO.finditer(lowered)]
    return list(dict.fromkeys([name for _, name in sorted(found)]))


def _named(lowered: str, first: str) -> Iterator[tuple[int, str]]:
    """Names that begin with this word, and where. Tried only where it stands: trying everywhere takes ten times as long."""
    place = lowered.find(first)
    while place >= 0:
        if name := _NAMED.match(lowered, place):
            yield place, name[1]
        place = lowered.find(first, place + 1)


def lower_words(lowered: str) -> list[bytes]:
    """Runs of the letters a to z in a text; as bytes, which are split in a fifth of the time."""
    return lowered.encode("ascii", "replace").translate(_LETTERS).split()


def language_of_tag(tag: str) -> str | None:
    """Language that the tag of a fenced block names."""
    word = tag.strip().lower()
    return _NAMES.get(word) or _BY_ENDING.get(word) or (word if word in _FILES else None)


def language_of_code(text: str) -> str | None:
    """Language that a piece of code looks like; None when it could be anything."""
    firsts = _OPENERS.intersection(_FIRST_WORD.findall(text))
    if not firsts and not any(mark in text for mark in _MARKS):
        return None
    for language, openers, mark, pattern in _HABITS:
        if (not openers.isdisjoint(firsts) or (mark is not None and mark in text)) and pattern.search(text):
            return language
    return None


def framework_jump(lowered: str) -> Jump | None:
    """`from X to Y` or `replace X by Y` between known frameworks, libraries or versions, in a lower-case text; None when there is none."""
    if "from" not in lowered and "replace" not in lowered:
        return None
    for clause in _CHANGE.finditer(lowered):
        source, target = _FRAMEWORKS.search(clause[1]), _FRAMEWORKS.search(clause[2])
        if source and target and source[0] != target[0]:
            return Jump(source[0], target[0])
    return None


def most_common(names: Iterable[str | None]) -> str | None:
    """The name that occurs most often, the first of equals; None without any."""
    counts: dict[str, int] = {}
    for name in names:
        if name:
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__, default=None)
