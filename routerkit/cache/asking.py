"""What of a prompt may be said in other words. Everything else of it is compared to the last character.

Vectors cannot be trusted with that: "Convert celsius to fahrenheit" and the reverse are 0.97 alike, "Explain what a closure is" and the
same with "Can you" before it 0.89. So a prompt has to begin as questions and requests do, and only its first sentence may differ at all, up
to the first sign of code, a path, a quotation or a list, in the few ways below. What follows may be material, where a comma counts.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_MAX_CHARS: Final = 500
"""Longer openings are not asked in other words, but made."""
_OPENING: Final = re.compile(r"(?:[^\n:;=<>{}\[\]()|\\/$#*&^~@%+_\"“”„‘’«»`'.!?]|(?<=\w\w)['’](?=(?:s|t|re|ve|ll|d)\b)|[.!?](?=\w))+")
"""The first sentence; ends before whatever may be code, a path, a quotation or a list."""
_SPACES: Final = re.compile(r"[ \t]+")
_POLITE: Final = re.compile(
    r"(?:(?:hi|hello|hey)(?: there)?[,.!]\s+)?"
    r"(?:(?:please|kindly),? |(?:can|could|would|will) you (?:please|kindly) |(?:can|could) you (?=(?:explain|describe|tell me|show me)\b)"
    r"|i(?: would|'d) like you to |i (?:want|need) you to )?",
    re.I,
)
"""Beginnings that ask for nothing."""
_ASKS: Final = re.compile(
    r"(?:how|what|why|when|where|which|who|explain|describe|compare|write|create|implement|make|develop|(?:tell|show|give) me)(?: |['’]s )",
    re.I,
)
"""How prompts begin that say themselves what is wanted; others may be material for what a system prompt wants."""
_SAME: Final = tuple(
    (re.compile(pattern), same)
    for pattern, same in (
        (r"^(how|what|where|who|why)['’]s\b", r"\1 is"),
        (r"^how (?:can|do) (?:i|I|we) ", "how to "),
        (r"^(?:create|implement|make|develop)(?= an? (?:[\w-]+ )?(?:function|class|method|script|program)\b)", "write"),
        (r"^(?:describe|tell me)(?= (?:what|how|why)\b)", "explain"),
        (r"\b(function|class|method|script|program) which\b", r"\1 that"),
    )
)
"""What means the same, if likeness agrees."""


class Asking(NamedTuple):
    """A prompt whose first sentence may be said in other words."""

    opening: str
    """First sentence without politeness."""
    form: str
    """What the opening has in common with others that ask for the same."""
    rest: str
    """Everything after the opening, as it is."""


def asking_of(text: str) -> Asking | None:
    """The parts of a prompt; None = it can be repeated as it is or not at all."""
    asked = text.strip()
    asked = asked[_POLITE.match(asked).end() :]  # type: ignore[union-attr]  # all of the pattern is optional
    opening = _OPENING.match(asked)
    if opening is None or opening.end() > _MAX_CHARS or not _ASKS.match(asked):
        return None
    said, rest = _SPACES.sub(" ", opening[0][0].lower() + opening[0][1:]), asked[opening.end() :]
    is_done = rest in {".", "?"} and not said.endswith(" ")  # " ?" may be an operator that the prompt is about
    return Asking(said, _form(said), "" if is_done else rest)


def _form(opening: str) -> str:
    for pattern, same in _SAME:
        opening = pattern.sub(same, opening)
    return opening
