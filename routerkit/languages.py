"""Programming languages and frameworks by their names, files and habits of speech."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
_GO: Final = re.compile(r"\b(?:in|to|into|from) (go|c)\b(?! (?:through|over|back|on|to)\b)")
_EDGES: Final = "`'\"()[]{}<>,;:!?*.="

_HABITS: Final = tuple(
    (name, re.compile(pattern, re.MULTILINE))
    for name, pattern in (
        ("cobol", r"^.{0,7}(?:IDENTIFICATION|PROCEDURE|DATA) DIVISION"),
        ("java", r"^[ \t]*(?:public|private|protected) (?:static |final |abstract )*(?:class|interface|enum|void|int|String)\b"),
        ("c#", r"^[ \t]*(?:using System|namespace [\w.]+\s*\{?$)"),
        ("go", r"^(?:package \w+$|func (?:\(\w+ \*?\w+\) )?\w+\()"),
        ("rust", r"^[ \t]*(?:pub )?(?:fn \w+|impl\b|use \w+::)"),
        ("php", r"<\?php"),
        ("c", r"^#include <"),
        ("sql", r"(?i)^[ \t]*(?:select\b[^\n]*\bfrom\b|create (?:table|view|procedure)|insert into)"),
        ("typescript", r"^[ \t]*(?:export )?(?:interface \w+ \{|type \w+ =)"),
        ("javascript", r"^[ \t]*(?:const|let|var) \w+ =|^[ \t]*(?:export |async )*function\b|=> \{"),
        ("python", r"^[ \t]*(?:async )?def \w+\(|^[ \t]*(?:from [\w.]+ )?import \w+|^[ \t]*class \w+[(:]"),
        ("shell", r"^#!/bin/|^[ \t]*(?:fi|done|esac)$"),
    )
)
"""What only one language looks like, the tell-tale first; TypeScript and JavaScript share most, so the narrower one comes first."""

_FRAMEWORKS: Final = re.compile(
    r"(?<![\w/])(unittest|pytest|nose|junit ?[45]?|testng|jest|mocha|django|flask|fastapi|spring(?: boot)?(?: \d)?|struts|angularjs|angular"
    r"|react|vue|jquery|express|rails|hibernate|sqlalchemy(?: \d(?:\.\d)?)?|pandas|polars|requests|httpx|aiohttp|optparse|argparse|click"
    r"|os\.path|pathlib|threading|asyncio|concurrent\.futures|setup\.py|pyproject\.toml|maven|gradle|logging|print|log4j|slf4j"
    r"|pydantic(?: v?\d)?|dataclass(?:es)?|python ?\d(?:\.\d+)?|java ?\d+|node(?:\.js)? ?\d+)(?![\w/])"
)


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
    found = [(m.start(1), _NAMES[m[1]]) for m in _NAMED.finditer(lowered)]
    found += [(m.start(1), m[1]) for m in _GO.finditer(lowered)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def language_of_tag(tag: str) -> str | None:
    """Language that the tag of a fenced block names."""
    word = tag.strip().lower()
    return _NAMES.get(word) or _BY_ENDING.get(word) or (word if word in _FILES else None)


def language_of_code(text: str) -> str | None:
    """Language that a piece of code looks like; None when it could be anything."""
    return next((name for name, habit in _HABITS if habit.search(text)), None)


def framework_jump(lowered: str) -> Jump | None:
    """`from X to Y` or `replace X by Y` between known frameworks, libraries or versions, in a lower-case text; None when there is none."""
    for clause in re.finditer(r"\b(?:from|replace)\b([^\n]{1,60}?)\b(?:to|into|by|with)\b([^\n]{1,60})", lowered):
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
