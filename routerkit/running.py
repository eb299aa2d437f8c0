"""A call from its decision to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import NoReturn, Self

from routerkit.as_written import PassOn
from routerkit.call import Call
from routerkit.catalog import Target
from routerkit.errors import NoCandidateError, StreamBrokenError, as_provider_error
from routerkit.messages import Chunk, Request
from routerkit.provider import Provider, lets_pass
from routerkit.reign import Reign
from routerkit.router_state import RouterState


class Running(Call):
    """Emits its Record exactly once, however it ends, and keeps its providers open until then."""

    reign: Reign[RouterState]
    state: RouterState
    """That of the reign."""
    finish: Callable[[Call], None]
    """Takes note of a call that has ended."""

    def astream(self, provider: Provider, sent: Request) -> AsyncIterator[Chunk]:
        """What the provider streams, but for what goes straight to the caller, if call, provider and caller know how."""
        onward = self.request.pass_on
        is_alike = (sent.written is None) == (self.request.written is None)  # what passes is in the form that the caller expects
        if onward is not None and is_alike and self.late_after is None and lets_pass(provider):  # of two at once none may go ahead
            object.__setattr__(sent, "pass_on", self._counted(onward))  # a fresh copy nobody else has seen yet
        return provider.astream(sent)

    def _counted(self, onward: PassOn) -> PassOn:
        def pass_on(n_chars: int, more: object) -> bool:
            is_taken = onward(n_chars, more)
            if is_taken:
                self._chars += n_chars
            return is_taken

        return pass_on

    @property
    def targets(self) -> list[Target]:
        """Kept targets in the order they are tried.

        Raises:
            NoCandidateError: there are none.
        """
        if not self.decision.ranked:
            self.status = "error"
            raise NoCandidateError(self.decision)
        return self.state.targets(self.decision)

    def __enter__(self) -> Self:
        self.reign.enter()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        if kind is not None and isinstance(exc, Exception):
            self.crashed(exc)
        try:
            self.finish(self)
        finally:
            if self.purse is not None:
                self.purse.close()  # not before there is a row: a process killed in between leaves what that needs
            self.reign.leave()


def break_off(call: Call, exc: Exception) -> NoReturn:
    """End a stream that broke after its first content.

    Raises:
        StreamBrokenError: always.
    """
    error = as_provider_error(exc)
    call.failed(error)
    call.status = "error"
    call.went_wrong(call.attempts[-1].target, error)
    raise StreamBrokenError(call.record(), error) from error
