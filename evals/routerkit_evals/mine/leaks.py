"""Finding secrets in text before it goes into a task: known shapes of keys, and values with too much chance in them to be words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

_SHAPES: Final[Mapping[str, str]] = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----",
    "AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T\w+/B\w+/\w+",
    "Google key": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "Stripe key": r"\b[rs]k_live_[A-Za-z0-9]{20,}\b",
    "OpenAI or Anthropic key": r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{24,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}\b",
    "npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "PyPI token": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "SendGrid key": r"\bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}",
    "Azure account key": r"\bAccountKey=[A-Za-z0-9+/]{60,}={0,2}",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}",
}
"""By what they are; shapes as the issuers document them."""
_KNOWN: Final = re.compile("|".join(f"({shape})" for shape in _SHAPES.values()))
_ASSIGNED: Final = re.compile(
    r"""(?i)\b[\w.-]*(?:secret|token|passw(?:or)?d|passwd|api_?key|access_?key|auth_?key|credential)[\w.-]*["']?\s*[:=]\s*["']([^"'\s]{16,})["']"""
)
_IN_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@\"']+:([^\s:/@\"']{12,})@")
_RANDOM_BITS: Final = 3.5
"""Shannon entropy per character from which a value counts as chance: words and paths stay below, 20 random hex digits reach about 3.6."""


def find_leak(files: Mapping[str, str]) -> str:
    """One line about the first secret in these texts, never the secret itself; empty when there is none.

    Args:
        files: Path → text.
    """
    for path, text in files.items():
        for what, at in _leaks(text):
            return f"{what} in {path}, line {text.count(chr(10), 0, at) + 1}"
    return ""


def _leaks(text: str) -> Iterator[tuple[str, int]]:
    names = tuple(_SHAPES)
    for match in _KNOWN.finditer(text):
        yield names[(match.lastindex or 1) - 1], match.start()
    for pattern, what in ((_ASSIGNED, "a value like a secret"), (_IN_URL, "a password in an address")):
        for match in pattern.finditer(text):
            if _is_random(match[1]):
                yield what, match.start(1)


def _is_random(value: str) -> bool:
    has_both = re.search(r"\d", value) is not None and re.search(r"[A-Za-z]", value) is not None
    return has_both and _bits_per_character(value) >= _RANDOM_BITS


def _bits_per_character(value: str) -> float:
    """Shannon entropy of a text's own characters, in bits."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
