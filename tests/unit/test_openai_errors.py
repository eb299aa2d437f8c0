"""Failures of OpenAI-style servers get the right name, and say nothing they should not."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest

from routerkit.providers.openai_errors import Upstream, error, error_event
from routerkit.providers.retry_after import retry_after_s

UP = Upstream("api.example.com", ("my-own-secret",))
GEMINI_MINUTE = [
    {
        "error": {
            "code": 429,
            "message": "You exceeded your current quota, please check your plan and billing details.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]},
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
            ],
        }
    }
]
GEMINI_DAY = json.loads(json.dumps(GEMINI_MINUTE).replace("PerMinutePer", "PerDayPer"))


def said(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


@pytest.mark.parametrize(
    ("status", "body", "code", "kind"),
    [
        (400, said(message="bad parameter"), "invalid_request", "invalid"),
        (400, said(code="context_length_exceeded"), "context_length", "invalid"),
        (400, said(message="prompt is too long: 210000 tokens > 200000 maximum"), "context_length", "invalid"),
        (400, said(message="input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, …"), "context_length", "invalid"),
        (400, said(message="The input token count (1200000) exceeds the maximum"), "context_length", "invalid"),
        (400, said(message="Your credit balance is too low"), "quota", "auth"),
        (400, said(code="content_filter"), "content_filter", "invalid"),
        (400, said(code="model_not_found"), "not_found", "auth"),
        (401, b"", "auth", "auth"),
        (402, b"pay up", "quota", "auth"),
        (403, said(message="no access"), "auth", "auth"),
        (404, b'{"detail":"Not Found"}', "not_found", "auth"),
        (405, b"", "not_found", "auth"),
        (407, b"", "auth", "auth"),
        (408, b"", "server", "transient"),
        (410, said(message="model retired"), "not_found", "auth"),
        (413, b"<html>too large</html>", "context_length", "invalid"),
        (418, b"", "invalid_request", "invalid"),
        (420, b"", "rate_limit", "rate_limit"),
        (421, b"", "server", "transient"),
        (422, b'{"detail":[{"msg":"field required"}]}', "invalid_request", "invalid"),
        (424, said(message="generation failed"), "server", "transient"),
        (451, b"", "auth", "auth"),
        (498, b"", "overloaded", "transient"),
        (429, said(message="Rate limit reached for requests"), "rate_limit", "rate_limit"),
        (429, said(message="Limit: too many tokens per minute"), "rate_limit", "rate_limit"),
        (429, said(type="insufficient_quota"), "quota", "auth"),
        (429, said(message="You exceeded your current quota, please check your plan"), "quota", "auth"),
        (429, json.dumps(GEMINI_MINUTE).encode(), "rate_limit", "rate_limit"),
        (429, json.dumps(GEMINI_DAY).encode(), "quota", "auth"),
        (429, b"", "rate_limit", "rate_limit"),
        (500, b'{"error":"text"}', "server", "transient"),
        (500, said(type="overloaded_error", message="Overloaded"), "overloaded", "transient"),
        (500, b"the request exceeds the available context size", "context_length", "invalid"),
        (502, b"<html>Bad gateway</html>", "server", "transient"),
        (503, b"null", "overloaded", "transient"),
        (504, b'"x"', "server", "transient"),
        (529, b"{", "overloaded", "transient"),
        (500, said(code="4²³"), "server", "transient"),  # digits, but no number
    ],
)
def test_failure_is_named_by_status_and_body(status: int, body: bytes, code: str, kind: str) -> None:
    found = error(UP, status, {}, body)
    assert (code, kind, status) == (found.code, found.kind, found.status)


def test_redirect_names_its_goal_without_following() -> None:
    found = error(UP, 307, {"location": "https://evil.example/"}, b"")
    assert "server" == found.code
    assert "https://evil.example/" in str(found)


@pytest.mark.parametrize(("status", "is_maybe_billed"), [(400, False), (429, False), (500, True), (503, False), (504, True)])
def test_only_failures_that_may_have_been_processed_are_maybe_billed(status: int, is_maybe_billed: bool) -> None:
    assert is_maybe_billed == error(UP, status, {}, b"").maybe_billed


@pytest.mark.parametrize(
    "leak",
    [
        "my-own-secret",
        "sk-proj-abcdefgh12345678",
        "sk-abc***********xyz",
        "Bearer abcdef.ghijk",
        "AIzaSyA1234567890abcdefghij",
        "gsk_abcdefghijklmnop",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
@pytest.mark.parametrize("make", [lambda text: error(UP, 401, {}, text.encode()), lambda text: error_event(UP, {"error": text})])
def test_keys_are_removed_from_messages(leak: str, make: Any) -> None:
    text = str(make(f"wrong key {leak} given"))
    assert leak not in text
    assert "wrong key [redacted] given" in text


def test_message_is_one_short_printable_line() -> None:
    text = str(error(UP, 400, {}, said(message="line one\r\nline two\x1b[31m\u2028\u202e\ud800" + "x" * 5000)))
    assert text.isprintable()
    assert text.encode()  # half of a surrogate pair would keep it from every file and database
    assert 250 < len(text) < 400


def test_html_is_not_forwarded() -> None:
    assert "api.example.com answered 502 (server)" == str(error(UP, 502, {}, b"<!doctype html><h1>nginx</h1>"))


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, 86_400.0),
        ({"retry-after": "9" * 400 + "s"}, 86_400.0),
        ({"retry-after-ms": "1e300"}, 86_400.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 86_400.0),
        ({"retry-after": "1000000007"}, 7.0),
        ({"x-ratelimit-reset-requests": "1000000007"}, 7.0),
        ({"retry-after": formatdate(1_000_000_030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(999_000_000, usegmt=True)}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        (
            {
                "x-ratelimit-reset-requests": "20s",
                "x-ratelimit-remaining-requests": "9",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-tokens": "0",
            },
            2.0,
        ),
    ],
)
def test_waiting_time_is_read_in_every_form(headers: dict[str, str], expected: float | None) -> None:
    assert expected == pytest.approx(retry_after_s(headers, now_s=1_000_000_000.0))


def test_waiting_time_is_read_from_geminis_body() -> None:
    assert 34.5 == error(UP, 429, {}, json.dumps(GEMINI_MINUTE).encode()).retry_after_s


def test_waiting_time_is_read_from_openais_sentence() -> None:
    assert 1.25 == error(UP, 429, {}, said(message="Rate limit reached. Please try again in 1.25s. Visit us.")).retry_after_s
