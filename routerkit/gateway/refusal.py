"""Everything the gateway answers other than with an answer: a status, and a body in the shape of the caller's format."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Final

from routerkit.errors import AllAttemptsFailedError, NoCandidateError, ProviderError, StreamBrokenError
from routerkit.gateway.too_long import answer_too_long, prompt_too_long
from routerkit.messages import Json

_STATUS: Final = {
    "rate_limit": 429,
    "overloaded": 503,
    "server": 502,
    "connect": 502,
    "disconnected": 502,
    "timeout": 504,
    "deadline": 504,
    "truncated": 502,
    "malformed": 502,
    "empty_answer": 502,
    "auth": 502,
    "quota": 502,
    "not_found": 502,
    "content_filter": 400,
    "invalid_request": 400,
    "no_candidate": 503,
    "all_failed": 502,
    "shed": 503,
    "loop": 508,
}
"""A failing provider is a bad gateway to the caller; `auth` is our key that failed, never the caller's, hence no 401."""
_TYPES: Final = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "invalid_request_error"}
_ANTHROPIC_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_CODES: Final = {"rate_limit": "rate_limit_exceeded", "content_filter": "content_filter"}


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of the gateway
    """A request that gets an error as its answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        retry_after_s: float | None = None,
        again: bool | None = None,
        details: Json = None,
        request_id: str | None = None,
    ) -> None:
        """Describe the answer.

        Args:
            status: HTTP status.
            message: One line, without secrets.
            code: Machine-readable reason.
            param: Field of the body it is about.
            retry_after_s: Seconds after which asking again may help.
            again: Whether asking again may help at all; None = if there is a time after which it may.
            details: What Anthropic's SDK reads besides the message.
            request_id: Record of the call that failed, for the books and logs of the caller.
        """
        super().__init__(message)
        self.status, self.code, self.param, self.details = status, code, param, details
        self.retry_after_s, self.request_id = retry_after_s, request_id
        self.again = retry_after_s is not None if again is None else again

    def body(self) -> dict[str, Json]:
        """In OpenAI's shape."""
        kind = _TYPES.get(self.status) or (
            "rate_limit_error" if self.status == 429 else "invalid_request_error" if self._is_theirs else "server_error"
        )
        return {"error": {"message": str(self), "type": kind, "param": self.param, "code": self.code}}

    def anthropic_body(self) -> dict[str, Json]:
        """In Anthropic's shape."""
        kind = _ANTHROPIC_TYPES.get(self.status, "invalid_request_error" if self._is_theirs else "api_error")
        details: dict[str, Json] = {} if self.details is None else {"details": self.details}
        named: dict[str, Json] = {} if self.request_id is None else {"request_id": self.request_id}
        return {"type": "error", "error": {"type": kind, "message": str(self), **details}, **named}

    def body_at(self, path: str) -> dict[str, Json]:
        """In the shape of the format that is spoken there."""
        return self.anthropic_body() if path.startswith("/v1/messages") else self.body()

    def headers(self) -> bytes:
        """What tells a client's own retries when to stop, since we have tried every target already, and which call it was."""
        lines = b"x-should-retry: true\r\n" if self.again else b"x-should-retry: false\r\n"
        if self.retry_after_s is not None:
            lines += b"retry-after: %d\r\n" % max(1, round(self.retry_after_s + 0.5))
        if self.request_id is not None:
            lines += f"x-request-id: {self.request_id}\r\nrequest-id: {self.request_id}\r\n".encode()
        return lines

    @property
    def _is_theirs(self) -> bool:
        return 400 <= self.status < 500


def bad(message: str, *, param: str | None = None, code: str = "invalid_value", status: int = 400) -> Refusal:
    """The request itself is wrong."""
    return Refusal(status, message, code=code, param=param)


def refuse_unknown(body: Mapping[str, Json], known: Collection[str]) -> None:
    """Refuse fields that a format does not have; null says nothing, and some clients send it for all they know.

    Raises:
        Refusal: naming the first of them.
    """
    if unknown := sorted(name for name, value in body.items() if name not in known and value is not None):
        raise bad(f"unknown field {unknown[0][:80]!r}; remove it", param=unknown[0][:80], code="unknown_parameter")


def refusal(error: ProviderError) -> Refusal:
    """What a failed call is to the caller."""
    if isinstance(error, NoCandidateError):
        return _nothing_to_ask(error)
    last = error.last if isinstance(error, AllAttemptsFailedError | StreamBrokenError) else error
    if last.code == "budget":
        return _no_money(error)
    if last.kind == "invalid" and last.code == "not_found":  # no such pool: the caller's mistake, unlike a model that its provider lost
        return Refusal(404, str(error), code="model_not_found", param="model")
    request_id = error.record.id if isinstance(error, AllAttemptsFailedError | StreamBrokenError) else None
    if last.code == "context_length":
        return _too_long(error, last, request_id)
    status = _STATUS.get(last.code, 502)
    return Refusal(
        status,
        str(error),
        code=_CODES.get(last.code, last.code),
        retry_after_s=error.retry_after_s,
        again=status in {429, 503} or error.retry_after_s is not None,
        request_id=request_id,
    )


def _nothing_to_ask(error: NoCandidateError) -> Refusal:
    dropped_by = {candidate.drop.by for candidate in error.decision.candidates if candidate.drop is not None}
    if "budget" in dropped_by:
        return _no_money(error)
    if error.kind == "invalid" and dropped_by & {"context", "max_tokens"}:
        return _too_long(error, error)
    if error.kind == "invalid":
        return bad(str(error), code="no_candidate")
    return Refusal(503, str(error), code="no_candidate", again=True)


def _too_long(error: ProviderError, cause: ProviderError, request_id: str | None = None) -> Refusal:
    """A shorter conversation helps, unless only too much was asked for."""
    if (told := answer_too_long(error, cause)) is not None:
        return Refusal(400, told, code="invalid_value", param="max_tokens", request_id=request_id)
    return Refusal(400, prompt_too_long(error), code="context_length_exceeded", request_id=request_id)


def _no_money(error: ProviderError) -> Refusal:
    # Clients must not try again by themselves, though the header says when it would help.
    until_midnight_s = 86_400 - time.time() % 86_400
    return Refusal(429, str(error), code="insufficient_quota", retry_after_s=until_midnight_s, again=False)
