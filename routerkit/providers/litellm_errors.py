"""What litellm's exceptions mean. Their classes and statuses mislead, so the cause at the bottom of the chain decides."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from routerkit.errors import ErrorCode, ProviderError
from routerkit.providers.openai_errors import Upstream, error, error_event, gave_up

_CAUSES: Final[Mapping[str, tuple[ErrorCode, str]]] = {
    "ProxyError": ("connect", "cannot be reached through the proxy of the environment"),
    "ConnectError": ("connect", "cannot be reached"),
    "ConnectTimeout": ("connect", "cannot be reached in time"),
    "ClientConnectorError": ("connect", "cannot be reached"),
    "ReadTimeout": ("timeout", "was silent for too long"),
    "WriteTimeout": ("timeout", "was silent for too long"),
    "PoolTimeout": ("timeout", "was silent for too long"),
    "APITimeoutError": ("timeout", "was silent for too long"),
    "ReadError": ("disconnected", "cut the connection"),
    "WriteError": ("disconnected", "cut the connection"),
    "RemoteProtocolError": ("disconnected", "cut the connection"),
    "ConnectionResetError": ("disconnected", "cut the connection"),
    "JSONDecodeError": ("malformed", "sent an answer that is not JSON"),
    "UnicodeDecodeError": ("malformed", "sent an answer that is not text"),
}
"""By the name of the class, so that httpx and aiohttp need not be imported."""
_ODD_ANSWER: Final = "Empty or invalid response from LLM endpoint"
"""litellm's words for JSON that is no answer."""
_BROKEN: Final = "raised a streaming error - finish_reason: error"
"""litellm's words for a stream whose finish reason is that it broke; the rest of them is the event, which may hold any word."""
_CERTAINLY_UNSENT: Final = frozenset({"connect", "invalid_request"})


def translate(exc: BaseException, upstream: Upstream) -> ProviderError:
    """The provider error that an exception of litellm stands for; upstream text in it is redacted."""
    chain = list(_chain(exc))
    found = next((e for e in chain if isinstance(e, ProviderError)), None)
    return found or _answered(chain, upstream) or _failed(chain, upstream) or _by_status(exc, upstream)


def _chain(exc: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        original = getattr(exc, "original_exception", None)
        exc = original if isinstance(original, BaseException) else exc.__cause__ or exc.__context__


def _answered(chain: list[BaseException], upstream: Upstream) -> ProviderError | None:
    """From the server's own answer, if one of the exceptions carries it: an HTTP error, or an error event of a stream."""
    for exc in chain:
        status, body = getattr(exc, "status_code", None), getattr(exc, "body", None)
        module = type(exc).__module__.partition(".")[0]
        if module == "openai" and isinstance(status, int) and status >= 300:
            return error(upstream, status, _headers(chain), _bytes({"error": body} if isinstance(body, Mapping) else body))
        if type(exc) is Exception and isinstance(said := getattr(exc, "message", None), str):
            if _BROKEN in said:
                return gave_up("error")
            # How litellm raises an error that came with a 200; without a code of its own it makes it a 422, which nobody said.
            return error_event(upstream, {"error": {"message": said, "code": status if status != 422 else None}})
        if module == "openai" and isinstance(body, Mapping) and body:
            return error_event(upstream, {"error": dict(body)})
        if type(exc).__name__ == "HTTPStatusError" and _response_status(exc) >= 300:
            return error(upstream, _response_status(exc), _headers(chain), _text(chain))
    return None


def _failed(chain: list[BaseException], upstream: Upstream) -> ProviderError | None:
    """From what happened to the connection or to the reading of the answer."""
    names = [type(exc).__name__ for exc in chain]
    # A reset while connecting and a reset after sending both come as ConnectError; only the cause below tells them apart.
    ordered = ["ConnectionResetError", *_CAUSES] if "ClientConnectorError" not in names else list(_CAUSES)
    name = next((name for name in ordered if name in names), None)
    if name is None:
        is_odd = _ODD_ANSWER in str(chain[0])
        return ProviderError(f"{upstream.name} sent no chat completion", code="malformed", maybe_billed=True) if is_odd else None
    code, what = _CAUSES[name]
    return ProviderError(f"{upstream.name} {what} ({name})", code=code, maybe_billed=code not in _CERTAINLY_UNSENT)


def _by_status(exc: BaseException, upstream: Upstream) -> ProviderError:
    status = getattr(exc, "status_code", None)
    if not isinstance(status, int) or status < 300:
        text = upstream.redacted(str(exc))
        return ProviderError(f"{upstream.name}: litellm failed ({type(exc).__name__}): {text}", code="server", maybe_billed=True)
    return error(upstream, status, _headers([exc]), _text([exc]))


def _headers(chain: list[BaseException]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for exc in chain:
        response = getattr(exc, "response", None)
        for found in (getattr(exc, "litellm_response_headers", None), getattr(exc, "headers", None), getattr(response, "headers", None)):
            if isinstance(found, Mapping):
                headers.update((str(name).lower(), str(value)) for name, value in found.items() if str(name).lower() not in headers)
    return headers


def _response_status(exc: BaseException) -> int:
    return int(getattr(getattr(exc, "response", None), "status_code", 0))


def _text(chain: list[BaseException]) -> bytes:
    """What the server said, as far as litellm kept it: the JSON within the message, else the message."""
    message = str(getattr(chain[0], "message", None) or chain[0])
    start, end = message.find("{"), message.rfind("}")
    inner = message[start : end + 1]
    try:
        json.loads(inner)
    except ValueError:
        return message.encode()
    return inner.encode()


def _bytes(body: object) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body, default=str).encode() if body is not None else b""
