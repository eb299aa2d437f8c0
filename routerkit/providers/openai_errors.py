"""Failures of OpenAI-style servers, named: status, body and headers in, one `ProviderError` out.

Neither the status nor the text alone can be trusted: an exhausted quota is a 429 like a rate limit, and overload hides in a 500.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routerkit.errors import ErrorCode, ProviderError
from routerkit.messages import Json
from routerkit.providers.retry_after import retry_after_s

_MAX_TEXT: Final = 300
_MAX_READ: Final = 16_384
"""How much of an error's body is looked at."""
_SECRET_SHAPES: Final = re.compile(
    r"(?i)\bbearer\s+[\w.~+/=*-]{4,}|\b(?:sk|rk|pk|gsk|xai|hf|r8|nvapi|key|csk|pplx|tgp_v1)[-_][\w*-]{6,}|\bAIza[\w-]{10,}|\beyJ[\w-]{8,}\.[\w.-]+"
)
"""Keys of OpenAI, Anthropic, Groq, xAI, Hugging Face, Replicate, NVIDIA, Google and others, JSON web tokens, and anything after Bearer."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\s]+")
"""What forges lines, turns the direction of writing, or cannot be written in UTF-8 (half of a surrogate pair)."""

_QUOTA: Final = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|exceeded your current quota|credit balance is too low|billing|per_?day|out of credits"
)
_CONTEXT: Final = re.compile(
    r"context_length|prompt is too long|maximum context|context (window|length|size|limit)|input token count|input is too long|"
    r"too many (input )?tokens|reduce the length of the (messages|prompt|input)|string_above_max_length"
)
_FILTER: Final = re.compile(
    r"content_(policy|filter)|content (policy|filter|management)|responsibleai|safety system|moderation|data_inspection_failed"
)
_NO_MODEL: Final = re.compile(
    r"model_not_found|not_found_error|unknown_model|model\b.{0,120}\b(not found|not exist|does not exist|not supported)"
)
_OVERLOADED: Final = re.compile(r"overloaded|over_?capacity|at capacity|service_unavailable|high demand|model is (currently )?loading")
_WORDS: Final[tuple[tuple[re.Pattern[str], ErrorCode], ...]] = (
    (_QUOTA, "quota"),
    (re.compile(r"rate_?limit|rate limit|too_many_requests|too many requests|resource_exhausted"), "rate_limit"),
    (_OVERLOADED, "overloaded"),
    (_CONTEXT, "context_length"),
    (_FILTER, "content_filter"),
    (re.compile(r"authentication|invalid_api_key|incorrect api key|permission_?(error|denied)|unauthori[sz]ed|unauthenticated"), "auth"),
    (_NO_MODEL, "not_found"),
    (re.compile(r"invalid_request|badrequest|bad_request|invalid_argument|unsupported"), "invalid_request"),
)
"""For errors without a status: events within a stream, and errors that come with 200."""
_IN_REFUSAL: Final[tuple[tuple[re.Pattern[str], ErrorCode], ...]] = (
    (_CONTEXT, "context_length"),
    (_FILTER, "content_filter"),
    (_NO_MODEL, "not_found"),
)
"""What a 400, 403 or 422 may really mean."""
_OF_STATUS: Final[Mapping[int, ErrorCode]] = {
    401: "auth",
    402: "quota",
    403: "auth",
    404: "not_found",
    405: "not_found",
    407: "auth",
    408: "server",
    409: "server",
    410: "not_found",
    413: "context_length",
    420: "rate_limit",  # once Twitter's, still in use
    421: "server",  # meant for another server
    423: "server",
    424: "server",  # text-generation-inference: the model failed
    425: "server",
    426: "server",
    429: "rate_limit",
    451: "auth",  # not in this country
    498: "overloaded",  # Groq: no capacity for this tier
    499: "server",  # a proxy thinks that we hung up
    503: "overloaded",
    508: "loop",
    529: "overloaded",
}
"""What is not the caller's fault is tried elsewhere."""
_NOT_PROCESSED: Final = frozenset({501, 503, 505, 508, 529})
"""Statuses from 500 up that say the request was turned away; others leave open whether it was processed."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who answered, for messages, and what must never appear in them."""

    name: str
    secrets: tuple[str, ...] = ()

    def redacted(self, text: str) -> str:
        """One short printable line without configured keys or anything that looks like one."""
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return _CONTROL.sub(" ", _SECRET_SHAPES.sub("[redacted]", text)).strip()[:_MAX_TEXT]


@dataclass(frozen=True, slots=True)
class _Report:
    """What an error's body says."""

    words: str
    """Code, type and message in lower case, for classification."""
    message: str
    raw: Json
    status: int | None = None


def error(upstream: Upstream, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """Name a failed answer.

    Args:
        upstream: Who answered.
        status: Its HTTP status; anything but 2xx.
        headers: Its headers, names in lower case.
        body: Its body: JSON of several shapes, text, HTML or nothing.
    """
    report = _report(_json(body), body)
    if 300 <= status < 400:
        goal = headers.get("location", "elsewhere")
        return _failure(upstream, "server", status, f"redirects to {goal}, which is never followed; set base_url to the final address")
    code = _code(status, report.words)
    failure = _failure(upstream, code, status, report.message)
    failure.retry_after_s = retry_after_s(headers, report.raw, report.message)
    return failure


def error_event(upstream: Upstream, parsed: Json) -> ProviderError:
    """Name an error that came as an event of a stream, or as the body of a 200."""
    report = _report(parsed, b"")
    code = _first(_WORDS, report.words) or "server" if report.status is None else _code(report.status, report.words)
    failure = _failure(upstream, code, report.status, report.message)
    failure.maybe_billed = True
    failure.retry_after_s = retry_after_s({}, report.raw, report.message)
    return failure


def gave_up(word: str) -> ProviderError:
    """Name an answer that ends with a finish reason which says that the server broke."""
    return ProviderError(f"the upstream gave up on its answer: finish_reason {word!r}", code="server", maybe_billed=True)


def _first(signs: tuple[tuple[re.Pattern[str], ErrorCode], ...], words: str) -> ErrorCode | None:
    for pattern, code in signs:
        if pattern.search(words):
            return code
    return None


def _code(status: int, words: str) -> ErrorCode:
    if status in {400, 403, 429} and _is_quota(status, words):
        return "quota"
    if status in {400, 403, 422}:
        found = _first(_IN_REFUSAL, words)
        if found is not None:
            return found
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    if status >= 500:
        if _OVERLOADED.search(words):
            return "overloaded"
        return "context_length" if _CONTEXT.search(words) else "server"  # llama.cpp and others answer 500 to a long prompt
    return "invalid_request"


def _is_quota(status: int, words: str) -> bool:
    # Gemini words its limit per minute like an exhausted quota, and names the metric.
    return bool(_QUOTA.search(words)) and not (status == 429 and "perminute" in words and "perday" not in words)


def _failure(upstream: Upstream, code: ErrorCode, status: int | None, text: str) -> ProviderError:
    said = upstream.redacted(text)
    answered = f"answered {status}" if status else "answered with an error"
    maybe_billed = status is not None and status >= 500 and status not in _NOT_PROCESSED
    return ProviderError(
        f"{upstream.name} {answered} ({code})" + (f": {said}" if said else ""), code=code, status=status, maybe_billed=maybe_billed
    )


def _json(body: bytes) -> Json:
    try:
        value: Json = json.loads(body[:_MAX_READ].decode())
    except (ValueError, RecursionError):
        return None
    return value


def _report(parsed: Json, body: bytes) -> _Report:
    if isinstance(parsed, list) and parsed:  # Gemini wraps its error in a list
        parsed = parsed[0]
    if not isinstance(parsed, Mapping):
        text = body[:_MAX_READ].decode("utf-8", "replace")
        is_page = "<" in text[:200]  # an HTML page says nothing worth forwarding
        return _Report(text.lower(), "" if is_page else text, None)
    inner = parsed.get("error")
    fields = inner if isinstance(inner, Mapping) else parsed
    message = inner if isinstance(inner, str) else _first_text(fields, "message", "detail", "error_description", "msg")
    labels = [str(fields[name]) for name in ("code", "type", "status") if fields.get(name) is not None]
    details = fields.get("details")
    words = " ".join([*labels, message, json.dumps(details) if details else ""]).lower()
    return _Report(words, message, fields.get("details"), _status_of(fields))


def _first_text(fields: Mapping[str, Json], *names: str) -> str:
    found = next((fields[name] for name in names if fields.get(name)), "")
    return found if isinstance(found, str) else json.dumps(found)


def _status_of(fields: Mapping[str, Json]) -> int | None:
    for name in ("status", "code", "status_code"):
        value = str(fields.get(name))
        if len(value) == 3 and value.isdecimal() and value[0] in "45":
            return int(value)
    return None
