"""Every error routerkit raises on purpose.

    RouterKitError
    ├── ConfigError                 a file, key or value of the configuration is wrong
    ├── StoreError                  the ledger cannot be read or written
    ├── StateError                  budgets and limits that processes share cannot be reached
    ├── WorkersLostError            the processes that serve keep dying
    └── ProviderError               a target could not answer; carries kind and code
        ├── UnknownModelError       the request names no pool or target
        ├── NoCandidateError        every target was dropped before anything was sent; carries .decision
        ├── AllAttemptsFailedError  every attempt failed; carries .record
        └── StreamBrokenError       the answer broke after its first content; carries .record

`NoCandidateError` and `AllAttemptsFailedError` are provider errors so that a Router used as a target of another Router fails over
like any other provider.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from routerkit.decision import Decision
    from routerkit.record import Record

ErrorKind = Literal["rate_limit", "transient", "auth", "invalid"]
"""What to do about a failure: wait for this target, try elsewhere, take the target out until fixed, or give up."""

ErrorCode = Literal[
    "rate_limit",  # 429: this target not before retry_after_s
    "overloaded",  # 503, 529: the provider is busy
    "server",  # other 5xx
    "connect",  # refused, reset or unresolved before anything was answered: certainly not processed
    "disconnected",  # cut after the request was sent: maybe billed
    "timeout",  # one of our timers fired; the message says which
    "truncated",  # the answer ended without its end mark
    "malformed",  # not the JSON or SSE the format asks for
    "empty_answer",  # no choice, or neither text nor tool call
    "auth",  # 401, 403: this credential does not work here
    "quota",  # 402 or an exhausted quota: money, not speed
    "not_found",  # 404: no such model
    "context_length",  # the prompt is longer than the model's window
    "content_filter",  # the provider refused the content
    "invalid_request",  # any other 4xx: the request itself is wrong
    "no_candidate",  # nothing to send to
    "all_failed",  # every attempt failed
    "deadline",  # the caller's own time ran out
    "budget",  # the caller's own money ran out; nothing was sent
    "loop",  # 508: the target leads back to where the request came from
    "outrun",  # hedging: another target answered sooner
    "shed",  # there is no place, and others that matter more wait for the next ones; nothing was sent
]
"""Why it failed; one code per row of the error taxonomy."""

_MAX_NAME = 100
"""How much of an unknown name is shown."""
_KIND_OF_CODE: dict[str, ErrorKind] = {
    "rate_limit": "rate_limit",
    "auth": "auth",
    "quota": "auth",
    "not_found": "auth",
    "context_length": "invalid",
    "content_filter": "invalid",
    "invalid_request": "invalid",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant by an unknown name, as the end of a message: `did you mean 'x'?`, or all known names."""
    from difflib import get_close_matches  # 3 ms that only a typo should cost

    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def as_provider_error(exc: Exception) -> ProviderError:
    """What a provider's exception means; one that no provider should raise is named by type and place only: its text may hold a key."""
    if isinstance(exc, ProviderError):
        return exc
    code: ErrorCode = "timeout" if isinstance(exc, TimeoutError) else "server"
    return ProviderError(f"the provider raised {type(exc).__name__}{_place(exc)}, a bug in it", code=code, maybe_billed=True)


def _place(exc: Exception) -> str:
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f" in {trace.tb_frame.f_globals.get('__name__')}, line {trace.tb_lineno}"


class RouterKitError(Exception):
    """Base of everything routerkit raises on purpose."""


class ConfigError(RouterKitError):
    """Configuration is wrong; the message names the place, the value and the remedy in one line."""


class StoreError(RouterKitError):
    """The ledger cannot be read or written: a folder, a database file or a query is wrong; the message is one line."""


class StateError(RouterKitError):
    """Budgets and limits that processes share cannot be reached; the message is one line without secrets."""


class WorkersLostError(RouterKitError):
    """The processes that serve keep dying, so that none is left."""


class ProviderError(RouterKitError):
    """A target could not answer.

    Providers translate their SDK's exceptions into this once; nobody else looks at status codes.
    """

    def __init__(
        self,
        message: str,
        *,
        code: ErrorCode,
        status: int | None = None,
        retry_after_s: float | None = None,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.kind: ErrorKind = _KIND_OF_CODE.get(code, "transient")
        self.status = status
        """HTTP status of the answer, None when there was none."""
        self.retry_after_s = retry_after_s
        """How long the provider asked us to stay away, in seconds from now; None when it did not say."""
        self.maybe_billed = maybe_billed
        """True when the provider may have processed, and so billed, the failed attempt."""


class UnknownModelError(ProviderError):
    """The request addresses a pool or target that does not exist."""

    def __init__(self, model: str, known: Iterable[str]) -> None:
        shown = model if len(model) <= _MAX_NAME else f"{model[:_MAX_NAME]}…"
        super().__init__(f"no pool or target named {shown!r}; {nearest(shown, known)}", code="not_found")
        self.kind = "invalid"


class NoCandidateError(ProviderError):
    """Every target was dropped before anything was sent; `decision` says why for each."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(f"no target of pool {decision.pool!r} can take this request: {decision.why_none()}", code="no_candidate")
        self.kind = "invalid" if decision.is_request_at_fault() else "transient"
        self.decision = decision


class AllAttemptsFailedError(ProviderError):
    """Every attempt failed; `record` holds them all and `__cause__` is the last failure."""

    def __init__(self, record: Record, last: ProviderError) -> None:
        tried = _counted([f"{a.target}: {a.error}" for a in record.attempts]) or f"nothing was sent: {last}"
        super().__init__(f"call {record.id} failed on every target tried ({tried})", code="all_failed", status=last.status)
        self.kind = last.kind
        self.retry_after_s = last.retry_after_s
        self.maybe_billed = any(a.maybe_billed for a in record.attempts)
        self.record = record
        self.last = last
        """The failure that ended the call."""


class StreamBrokenError(ProviderError):
    """The stream broke after content had been delivered, so no other target may continue it."""

    def __init__(self, record: Record, last: ProviderError) -> None:
        super().__init__(
            f"stream of call {record.id} from {record.target!r} broke after content was sent: {last}",
            code=last.code,
            status=last.status,
            maybe_billed=True,
        )
        self.record = record
        self.last = last
        """What broke it."""


def _counted(texts: list[str]) -> str:
    """The texts in order, each once."""
    times = {text: texts.count(text) for text in texts}
    return "; ".join(text if n == 1 else f"{text} ({n} times)" for text, n in times.items())
