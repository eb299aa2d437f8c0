"""A call from its decision to its end."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Generic, NoReturn, TypeVar

from routerkit.call import Call
from routerkit.errors import StreamBrokenError, as_provider_error
from routerkit.reign import HasProviders, Reign

S = TypeVar("S", bound=HasProviders)


class Running(Generic[S]):
    """Emits a call's Record exactly once, however it ends, and keeps its providers open until then."""

    __slots__ = ("_call", "_finish", "_reign")

    def __init__(self, call: Call, reign: Reign[S], finish: Callable[[Call], None]) -> None:
        self._call, self._reign, self._finish = call, reign, finish

    def __enter__(self) -> tuple[Call, S]:
        self._reign.enter()
        return self._call, self._reign.state

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(exc, Exception):
            self._call.crashed(exc)
        try:
            self._finish(self._call)
        finally:
            if self._call.purse is not None:
                self._call.purse.close()  # not before there is a row: a process killed in between leaves what that needs
            self._reign.leave()


def break_off(call: Call, exc: Exception) -> NoReturn:
    """End a stream that broke after its first content.

    Raises:
        StreamBrokenError: always.
    """
    error = as_provider_error(exc)
    call.failed(error)
    call.status = "error"
    call.around.failed(call.attempts[-1].target, error)
    raise StreamBrokenError(call.record(), error) from error
