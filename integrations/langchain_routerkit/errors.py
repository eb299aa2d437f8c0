"""routerkit's failures as LangChain's: each is both a `ProviderError` and the `ModelError` that LangChain's middleware acts on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from langchain_core import exceptions
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from routerkit import AllAttemptsFailedError, NoCandidateError, ProviderError


class RoutedError(ModelError, ProviderError):
    """A routed call failed; `is_retryable` says whether the same call may succeed later."""

    def __init__(self, error: ProviderError) -> None:
        ProviderError.__init__(
            self,
            str(error),
            code=error.code,
            status=error.status,
            retry_after_s=error.retry_after_s,
            maybe_billed=error.maybe_billed,
        )
        self.kind = error.kind
        self.error = error
        """routerkit's own error, with its `record` or `decision`."""


class RoutedAPIError(RoutedError, ModelAPIError):
    """Every target failed on its side."""


class RoutedAuthenticationError(RoutedError, ModelAuthenticationError):
    """No target accepted its credential."""


class RoutedConnectionError(RoutedError, ModelConnectionError):
    """No target could be reached."""


class RoutedContextOverflowError(RoutedError, ContextOverflowError):
    """The prompt is longer than every target's window."""


class RoutedInvalidRequestError(RoutedError, ModelInvalidRequestError):
    """The request is wrong, or no target of the pool can do what it needs."""


class RoutedNotFoundError(RoutedError, ModelNotFoundError):
    """No such pool, target or model."""


class RoutedPermissionError(RoutedError, ModelPermissionDeniedError):
    """The credential works but may not do this, or its quota is used up."""


class RoutedRateLimitError(RoutedError, ModelRateLimitError):
    """Every target is rate limited."""


class RoutedTimeoutError(RoutedError, ModelTimeoutError):
    """Nothing answered in time."""


class RoutedRefusalError(RoutedError, getattr(exceptions, "ModelRefusalError", ModelInvalidRequestError)):  # type: ignore[misc]  # since core 1.7.5
    """The provider refused the content."""


_BY_CODE: Final[dict[str, type[RoutedError]]] = {
    "rate_limit": RoutedRateLimitError,
    "connect": RoutedConnectionError,
    "disconnected": RoutedConnectionError,
    "timeout": RoutedTimeoutError,
    "deadline": RoutedTimeoutError,
    "auth": RoutedAuthenticationError,
    "quota": RoutedPermissionError,
    "not_found": RoutedNotFoundError,
    "context_length": RoutedContextOverflowError,
    "content_filter": RoutedRefusalError,
    "invalid_request": RoutedInvalidRequestError,
}


@contextmanager
def as_langchain() -> Generator[None]:
    """Raise every `ProviderError` of the block as the matching `RoutedError`."""
    try:
        yield
    except RoutedError:
        raise
    except ProviderError as exc:
        raise routed(exc) from exc


def routed(error: ProviderError) -> RoutedError:
    """The LangChain error for one of ours."""
    cause = error.last if isinstance(error, AllAttemptsFailedError) else error
    if isinstance(cause, NoCandidateError):
        return _without_candidate(cause)(error)
    if cause.code == "auth" and cause.status == 403:
        return RoutedPermissionError(error)
    return _BY_CODE.get(cause.code, RoutedAPIError)(error)


def _without_candidate(error: NoCandidateError) -> type[RoutedError]:
    drops = [c.drop for c in error.decision.candidates if c.drop]
    if drops and all(d.by == "context" for d in drops):
        return RoutedContextOverflowError
    return RoutedInvalidRequestError if error.decision.is_request_at_fault() else RoutedAPIError
