"""What a conversation shows about the code it is about: languages, files, size, diffs, tracebacks, and how the work has gone so far.

Read from samples of bounded length, so that a prompt of 400,000 characters costs about as much as a short one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

from routerkit.kinds import instruction
from routerkit.known import KnownMessages
from routerkit.languages import (
    Jump,
    framework_jump,
    language_of_code,
    language_of_path,
    language_of_tag,
    look,
    most_common,
    named_languages,
    paths_in,
)
from routerkit.long_texts import LongTexts
from routerkit.messages import Json, Message, text_of
from routerkit.quick import quick
from routerkit.turns import Turns, turns_of

DIFFICULTIES: Final = ("low", "medium", "high")
_HEAD_CHARS: Final = 2_500
_TAIL_CHARS: Final = 1_000
_RESULT_CHARS: Final = 800
"""How much of the end of a tool result is read: errors stand there."""
_RESULTS: Final = 40
"""How many of the newest messages are looked at for earlier failures."""

_DIFF: Final = look("diff --git |@@ -|--- a/", r"^(?:diff --git |@@ -\d+(?:,\d+)? \+\d+|--- a/)")
_TRACE: Final = look(
    "Traceback (most recent call last)|\tat |\t at |  at |\n at |panic: |panicked|Caused by: ",
    r"Traceback \(most recent call last\)|^[ \t]+at [\w.$<>]+\([^)\n]*:\d+\)|^panic: |^thread '[^'\n]*' panicked|^Caused by: ",
)
_TEST: Final = look(
    "def test_|@Test|unittest|pytest|describe(|assert ",
    r"\bdef test_|@Test\b|\bunittest\b|\bpytest\b|\bdescribe\(|^[ \t]*assert ",
)
_FAILURE: Final = look("FAILED|Traceback|Error|Exception|error:| failed|exit code 1|exit status 1")
_FENCE: Final = "```"
_TAG: Final = re.compile(r"```([\w+#-]+)")


@quick
@dataclass(frozen=True, slots=True)
class Signals:
    """What is seen of the code and of the work on it. Unknown is None or 0; nothing here is guessed from a model's name or a user's."""

    language: str | None = None
    """Language of the code, by fences, file names, looks or its name; None = not to be seen."""
    target_language: str | None = None
    """Language it is to become, where the instruction names a second one."""
    jump: Jump | None = None
    """From one framework or version to another."""
    n_files: int = 0
    """Source and text files named in the last user message."""
    n_code_lines: int = 0
    """Lines of code in the last user message."""
    has_diff: bool = False
    has_traceback: bool = False
    has_tests: bool = False
    """Tests are shown or named."""
    tool_depth: int = 0
    """Tool results since the last user message."""
    n_earlier_failures: int = 0
    """Failures reported before in this conversation about a file that the newest report is about, too."""

    @property
    def difficulty(self) -> str | None:
        """One of `DIFFICULTIES`; None when no code is to be seen.

        A coarse rule of thumb for rules that people write. No policy uses it: on recorded issues, features like these correlate with
        solve rates at 0.1 to 0.2 only.
        """
        if not (self.language or self.n_files or self.n_code_lines or self.tool_depth):
            return None
        points = (self.n_files >= 3) + (self.n_files >= 8) + (self.n_code_lines >= 200) + (self.n_code_lines >= 1_000)
        points += (self.jump is not None or self.target_language is not None) + (self.tool_depth >= 8) + min(self.n_earlier_failures, 2)
        return DIFFICULTIES[0 if points == 0 else 1 if points < 3 else 2]

    def to_dict(self) -> dict[str, Json]:
        """JSON-ready form, as stored in the ledger: facts about the text, never the text."""
        return {  # spelled out, as in `Features.to_dict`
            "language": self.language,
            "target_language": self.target_language,
            "jump": list(self.jump) if self.jump else None,
            "n_files": self.n_files,
            "n_code_lines": self.n_code_lines,
            "has_diff": self.has_diff,
            "has_traceback": self.has_traceback,
            "has_tests": self.has_tests,
            "tool_depth": self.tool_depth,
            "n_earlier_failures": self.n_earlier_failures,
            "difficulty": self.difficulty,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The signals that `to_dict` wrote; what is missing is unknown, what is not known here is passed over."""
        facts: dict[str, Any] = {name: stored[name] for name in cls.__slots__ if name in stored}
        facts["jump"] = Jump(*facts["jump"]) if facts.get("jump") else None
        return cls(**facts)

    def __str__(self) -> str:
        """What was seen, in a few words; empty when nothing was."""
        return ", ".join(_words(self))


NOTHING_SEEN: Final = Signals()


class Sight:
    """Reads a conversation when first asked, and then lets go of it: whoever keeps a decision should not keep the prompt."""

    __slots__ = ("_asked_at", "_seen", "_turns")

    def __init__(self, turns: Turns, asked_at: int) -> None:
        self._turns: Turns | None = turns
        self._asked_at, self._seen = asked_at, NOTHING_SEEN

    def __call__(self) -> Signals:
        """What is seen in it."""
        if turns := self._turns:  # one look, because another thread may ask as well
            self._seen = _read(turns, self._asked_at)
            self._turns = None
        return self._seen


def read_signals(messages: Sequence[Message]) -> Signals:
    """Read off what a conversation shows about code."""
    turns = turns_of(messages)
    return _read(turns, turns.asked_at())


def _read(turns: Turns, asked_at: int) -> Signals:
    asked = turns.text_at(asked_at)
    seen = _seen_whole(asked) if len(asked) <= _HEAD_CHARS else _seen_long(asked)
    return _signals(seen, turns.roles[asked_at + 1 :].count("tool"), _n_earlier_failures(turns))


class _Seen(NamedTuple):
    """What one message shows."""

    languages: tuple[str, ...]
    """Of the code, and what it is to become."""
    jump: Jump | None
    n_files: int
    is_bare: bool
    """Whether it looks like code without fences."""
    has_diff: bool
    has_traceback: bool
    has_tests: bool
    n_code_lines: int = 0


def _seen_in(text: str) -> _Seen:
    sample = text if len(text) <= _HEAD_CHARS + _TAIL_CHARS else f"{text[:_HEAD_CHARS]}\n{text[-_TAIL_CHARS:]}"
    seen = _look_at(sample, instruction(text))
    return seen._replace(n_code_lines=_n_code_lines(text, is_bare=seen.is_bare))


_seen_whole = lru_cache(maxsize=256)(_seen_in)
"""The same of short texts, which are kept: an agent sends one again with every turn of its tool loop."""
_seen_long = LongTexts(_seen_in)


@lru_cache(maxsize=256)
def _look_at(sample: str, said: str) -> _Seen:
    """What a user's message shows. Kept, because an agent sends the same one again with every turn of its tool loop."""
    said = said.lower()
    paths, has_diff, looks = paths_in(sample), _DIFF.is_in(sample), language_of_code(sample)
    shown = most_common(map(language_of_tag, _TAG.findall(sample))) or most_common(map(language_of_path, paths)) or looks
    return _Seen(
        tuple(_languages(shown, said)),
        framework_jump(said),
        len(paths),
        is_bare=bool(has_diff or looks),
        has_diff=has_diff,
        has_traceback=_TRACE.is_in(sample),
        has_tests=_TEST.is_in(sample) or any("test" in path.lower() for path in paths),
    )


@lru_cache(maxsize=256)
def _signals(seen: _Seen, tool_depth: int, n_earlier_failures: int) -> Signals:
    language, target_language, *_ = *seen.languages, None, None
    return Signals(
        language,
        target_language,
        seen.jump,
        seen.n_files,
        seen.n_code_lines,
        seen.has_diff,
        seen.has_traceback,
        seen.has_tests,
        tool_depth,
        n_earlier_failures,
    )


def _languages(shown: str | None, said: str) -> list[str]:
    """Language of the code and, where the instruction names another one, the language it is to become."""
    named = named_languages(said)
    return named[:2] if shown is None else [shown, *[name for name in named if name != shown][-1:]]


def _n_code_lines(text: str, *, is_bare: bool) -> int:
    if "`" in text and text.rfind(_FENCE) >= 0:  # the first look takes a hundredth of the second, and that a fifth of one from the start
        return sum(part.count("\n") - 1 for part in text.split(_FENCE)[1::2] if "\n" in part)
    return text.count("\n") + 1 if is_bare else 0


def _n_earlier_failures(turns: Turns) -> int:
    roles = turns.roles[-_RESULTS:]
    if roles.count("tool") + roles.count("user") < 2:
        return 0
    failures = [*reversed(_failures(turns, roles))]
    return sum(not failures[0].isdisjoint(files) for files in failures[1:]) if failures else 0


def _failures(turns: Turns, roles: Sequence[Json]) -> list[frozenset[str]]:
    """Files of each failure that the newest messages, which have these roles, report."""
    if isinstance(turns.messages, KnownMessages):
        known = turns.messages.each(_failing_files_of)[-_RESULTS:]
        return [files for files, role in zip(known, roles, strict=True) if files is not None and role in ("tool", "user")]
    told = [content for content, role in zip(turns.contents[-_RESULTS:], roles, strict=True) if role in ("tool", "user")]
    return [files for content in told if (files := _failing_files(text_of(content)[-_RESULT_CHARS:])) is not None]


def _failing_files_of(message: Message) -> frozenset[str] | None:
    return _failing_files(text_of(message.get("content"))[-_RESULT_CHARS:])


@lru_cache(maxsize=1024)
def _failing_files(end: str) -> frozenset[str] | None:
    """Names of the files that a reported failure is about; None when a text reports none. Kept for the same reason."""
    return frozenset(path.rpartition("/")[2] for path in paths_in(end)) if _FAILURE.is_in(end) else None


def _words(s: Signals) -> Iterator[str]:
    if s.language:
        yield f"{s.language} to {s.target_language}" if s.target_language else s.language
    if s.jump:
        yield f"{s.jump.source} to {s.jump.target}"
    counts = (
        (s.n_files, "file"),
        (s.n_code_lines, "line of code"),
        (s.tool_depth, "tool result"),
        (s.n_earlier_failures, "earlier failure"),
    )
    yield from (f"{n:,} {_plural(what, n)}" for n, what in counts if n)
    yield from (what for what, is_seen in (("diff", s.has_diff), ("traceback", s.has_traceback), ("tests", s.has_tests)) if is_seen)
    if s.difficulty:
        yield f"difficulty {s.difficulty}"


def _plural(what: str, n: int) -> str:
    head, _, rest = what.partition(" of ")
    return what if n == 1 else f"{head}s of {rest}" if rest else f"{head}s"
