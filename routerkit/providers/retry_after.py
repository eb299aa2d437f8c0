"""How long a server asks us to stay away, in every form servers use."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from routerkit.messages import Json

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN: Final = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_SPAN_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_IN_TEXT: Final = re.compile(r"(?:try again|retry) (?:in|after) ((?:\d+(?:\.\d+)?(?:ms|s|m|h|d)\s?)+)")
_EPOCH_S: Final = 1e9
"""A larger number is no wait but the time itself: some servers send it since 1970."""
_LONGEST_S: Final = 86_400.0
"""No answer is trusted further than a day; what has to be waited for at all is capped where waiting is decided."""
_LIMITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")


def retry_after_s(headers: Mapping[str, str], details: Json = None, text: str = "", *, now_s: float | None = None) -> float | None:
    """Seconds from now during which the server does not want to be asked.

    Args:
        headers: Of the answer, names in lower case.
        details: `error.details` of the body, where Gemini puts its `RetryInfo`.
        text: The error's message, where OpenAI says "Please try again in 1.2s".
        now_s: Unix time, for HTTP dates; the system's if None.

    Returns:
        0 to one day; None when nothing was said, or nothing that can be understood (then ordinary backoff applies).
    """
    now_s = time.time() if now_s is None else now_s
    found = _milliseconds(headers)
    if found is None:
        found = _retry_after(headers.get("retry-after"), now_s)
    if found is None:
        found = _retry_info(details)
    if found is None:
        found = _reset(headers, now_s)
    if found is None:
        found = _in_text(text)
    return None if found is None else min(found, _LONGEST_S)


def _milliseconds(headers: Mapping[str, str]) -> float | None:
    found = [_number(headers.get(name)) for name in ("retry-after-ms", "x-ms-retry-after-ms")]
    return next((wait_ms / 1000 for wait_ms in found if wait_ms is not None), None)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _seconds(text: str, now_s: float) -> float | None:
    wait_s = _span(text)
    if wait_s is not None:
        return wait_s
    number = _number(text)
    return max(0.0, number - now_s) if number is not None and number >= _EPOCH_S else number


def _retry_after(text: str | None, now_s: float) -> float | None:
    if not text:
        return None
    seconds = _seconds(text, now_s)
    return _until(text, now_s) if seconds is None else seconds


def _until(date: str, now_s: float) -> float | None:
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # the latter for years beyond all integers
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now_s)


def _span(text: str) -> float | None:
    """Seconds of `6m0s`, `1.5s` or `20ms`."""
    text = text.strip().lower()
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _SPAN_PART.findall(text))


def _retry_info(details: Json) -> float | None:
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, Mapping) else None
        if isinstance(delay, str):
            return _span(delay)
    return None


def _reset(headers: Mapping[str, str], now_s: float) -> float | None:
    """The longest reset among the limits that are used up; among all when none says that it is."""
    resets: dict[str, float] = {}
    for limit in _LIMITS:
        wait_s = _seconds(headers.get(f"x-ratelimit-reset-{limit}", ""), now_s)
        if wait_s is not None:
            resets[limit] = wait_s
    used_up = [wait_s for limit, wait_s in resets.items() if headers.get(f"x-ratelimit-remaining-{limit}") == "0"]
    return max(used_up or resets.values(), default=None)


def _in_text(text: str) -> float | None:
    match = _IN_TEXT.search(text.lower())
    return _span(match[1].replace(" ", "")) if match else None
