"""What kind of work the wording of an instruction suggests. Code between fences is shown, not said, and does not count."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from routerkit.languages import framework_jump, language_of_path, lower_words, named_languages, paths_in
from routerkit.long_texts import LongTexts

_HEAD_CHARS: Final = 2_000
"""How much of the start of the last user message is read."""
_TAIL_CHARS: Final = 600
"""How much of its end: instructions often follow the code they are about."""
_OPENING_CHARS: Final = 260
"""About two sentences. What is wanted mostly stands there; what follows are conditions, in words that mean other kinds elsewhere."""
_FILES_CHARS: Final = 800
"""Where the files that the work is about are looked for."""
_MANY_FILES: Final = 3
"""Files an instruction names from which on the work spans several."""
_TRACEBACK: Final = "Traceback (most recent call last)"

_REST: Final = r"(?:[^.\n]|\.\w)"
"""Anything within a sentence; dots inside names do not end one."""
_PROGRAM: Final = r"(function|class|method|script|program)"
_CODE: Final = r"(function|class|method|script|code|module|program|query|parser|api|endpoint|library|component|command|tool|server|client)"
_MOVE: Final = re.compile(r"\b(?:convert|move|port|replace|rewrite|switch|translate|transpile)\b")
_MOVES: Final = frozenset(b"convert move port replace rewrite switch translate transpile".split())


class _Sign(NamedTuple):
    kind: str
    words: frozenset[bytes]
    """One of them must occur: a cheap test that saves most searches."""
    pattern: re.Pattern[str] | None
    """Must then be found."""


def _sign(kind: str, words: str, *any_of: str) -> _Sign:
    return _Sign(kind, frozenset(words.encode().split()), re.compile("|".join(any_of)) if any_of else None)


_SIGNS: Final = (
    _sign("explain", "why what is are does do which", r"^\W*(why|what|is|are|does|do|which|how (does|do(?! i\b)|is|are|long|many))\b"),
    _sign("test_write", "test tests", rf"\b(write|add|create|generate|extend)\b{_REST}{{0,40}}\btests?\b"),
    _sign(
        "synthesize",
        "write implement create complete generate",
        rf"^\W*(please |can you |could you )?(write|implement|create|complete|generate)\b{_REST}{{0,40}}\b{_PROGRAM}\b",
    ),
    _sign("migrate", "migrate migration upgrade modernize modernise", r"\b(migrat(e|ion)|upgrade|moderni[sz]e)\b"),
    _sign(
        "migrate",
        "rewrite convert port switch move",
        r"(?<!the )(?<!a )\b(rewrite|convert|port|switch|move)\b"
        rf"{_REST}{{1,60}}\b(to|with|on|onto|using) (?!its |their |the |a |an |one |other )",
    ),
    _sign("migrate", "replace", rf"\breplace\b{_REST}{{0,20}}\b(legacy|deprecated)\b"),
    _sign("migrate", "make", r"\bmake (it|this|them)\b[^.\n]{0,20}\b(work|run) (on|under|with)\b"),
    _sign(
        "multi_file",
        "all every each callers caller across throughout package circular layers modules",
        r"\b(all|every|each|several|other) (the |its |of the )?(files?|modules?|callers?|layers?|packages?|places)\b",
        r"\b(across|throughout) the\b",
        r"\bcircular import",
        rf"\b(update|adapt|change)\b{_REST}{{0,30}}\bcallers?\b",
        r"\bpackage \w+\b",
        r"\binto (the|a) package\b",
    ),
    _sign(
        "refactor",
        "refactor refactoring restructure rename extract simplify flatten split separate duplicate duplication repeats globals clean"
        " turn introduce replace untangle decouple make",
        r"\b(refactor|restructure|rename|extract|simplify|flatten|decouple|untangle|duplicat|repeats\b)",
        r"\bsplit (it|this|the|up|into)\b",
        r"\bseparate (them|the|it)\b",
        r"\bmodule globals\b",
        r"\bclean (it |this )?up\b",
        rf"\b(turn|introduce|replace)\b{_REST}{{0,60}}\bclass(es)?\b",
        rf"\bmake\b{_REST}{{0,80}}\blazy\b",
    ),
    _sign("bug_fix", "fix debug repair"),
    _sign("review", "review critique audit"),
    _sign(
        "document",
        "docstring docstrings documentation document readme comments changelog",
        rf"\b(write|add|update|improve|extend|generate|missing)\b{_REST}{{0,40}}\b(docstrings?|documentation|readme|comments|changelog)\b",
        r"(^|[.\n] ?)document (the|this|every|all|each)\b",
    ),
    _sign(
        "explain",
        "explain describe summarize summarise what how why which",
        r"\b(explain|describe|summari[sz]e)\b",
        r"\b(what|how|why|which)\b[^?\n]{0,200}\?",
    ),
    _sign("bug_fix", "bug bugs traceback failing fails broken crashes defects"),
    _sign("plan", "plan outline design", r"\b(plan|outline|design) (the|a|an|how|for|out|this|our|steps)\b"),
    _sign(
        "synthesize",
        "write implement create complete generate build",
        rf"(?<!the )\b(write|implement|create|complete|generate|build)\b{_REST}{{0,60}}\b{_CODE}\b",
    ),
)
"""Checked in this order: what the first word settles, then the narrow kinds, then the wide ones."""
_PLACES: Final = {
    word: tuple(i for i, sign in enumerate(_SIGNS) if word in sign.words) for word in frozenset().union(*(s.words for s in _SIGNS))
}
"""Signs that a word may mean."""
_ALL_SIGNS: Final = _MOVES.union(_PLACES)
_CHANGES: Final = frozenset({"migrate", "refactor", "bug_fix", "synthesize"})
"""Kinds that become `multi_file` when the instruction names many files."""


def guess_kind(text: str) -> str | None:
    """Task kind that an instruction suggests by its wording, or by a traceback in it; None when nothing does."""
    return _guess(text) if len(text) <= _HEAD_CHARS else _guess_long(text)


@lru_cache(maxsize=256)
def _guess(text: str) -> str | None:
    """Kept, because an agent sends the same message again with every turn of its tool loop."""
    return _kind_said(instruction(text), shows_trace=_TRACEBACK in text)


@LongTexts
def _guess_long(text: str) -> str | None:
    return _kind_said(instruction(text), shows_trace=_TRACEBACK in text[:_HEAD_CHARS] or _TRACEBACK in text[-_HEAD_CHARS:])


@lru_cache(maxsize=256)
def _kind_said(said: str, *, shows_trace: bool) -> str | None:
    """Kept as well: long messages often show other code and say the same."""
    said = said.lower()
    kind = _kind_of(said[:_OPENING_CHARS]) or (_kind_of(said) if len(said) > _OPENING_CHARS else None)
    if kind:
        return "multi_file" if kind in _CHANGES and _names_many_files(said[:_FILES_CHARS]) else kind
    return "bug_fix" if shows_trace else None


def instruction(text: str) -> str:
    """What a message says outside fenced code: of its start, and of its end where it is long."""
    if len(text) <= _HEAD_CHARS:
        return "".join(text.split("```")[::2]) if "```" in text else text
    head, tail = text[:_HEAD_CHARS], text[-_TAIL_CHARS:]
    return "".join(head.split("```")[::2]) + "\n" + tail.rpartition("```")[2]


def _kind_of(said: str) -> str | None:
    words = _ALL_SIGNS.intersection(lower_words(said))
    if not words:
        return None
    if not words.isdisjoint(_MOVES) and (moved := _moved(said)):
        return moved
    for place in sorted({place for word in words for place in _PLACES.get(word, ())}):
        sign = _SIGNS[place]
        if sign.pattern is None or sign.pattern.search(said):
            return sign.kind
    return None


def _moved(said: str) -> str | None:
    """Translating is from one language to another; within one language it is migrating."""
    if framework_jump(said):
        return "migrate"
    verb = _MOVE.search(said)
    clause = said[max(verb.start() - 80, 0) : verb.end() + 110] if verb else ""
    languages = {*named_languages(clause), *filter(None, map(language_of_path, paths_in(clause)))}
    if len(languages) > 1 or (languages and re.search(r"\btrans(late|pile)\b", clause)):
        return "translate"
    return None


def _names_many_files(said: str) -> bool:
    return said.count(".") >= _MANY_FILES and len(paths_in(said)) >= _MANY_FILES
