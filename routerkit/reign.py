"""A state from being put in force until its last call has ended: only then may its providers be closed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Generic, Protocol, TypeVar

from routerkit.provider import Provider

_log: Final = logging.getLogger(__name__)


class HasProviders(Protocol):
    """What is needed of a state here."""

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Providers by name."""
        ...


S = TypeVar("S", bound=HasProviders)


class Reign(Generic[S]):
    """Counts the calls that run on one state. Thread-safe."""

    __slots__ = ("_calls", "_heirs", "state")

    def __init__(self, state: S) -> None:
        self.state = state
        self._calls: list[None] = []  # one entry each: to append and to pop one needs no lock
        self._heirs: Callable[[], Iterable[Provider]] | None = None

    def enter(self) -> None:
        """A call begins. One that comes too late finds closed providers, which open again as needed and are closed behind it."""
        self._calls.append(None)

    def leave(self) -> None:
        """A call has ended."""
        self._calls.pop()
        if self._heirs is not None:
            self._close_if_done()

    def end(self, heirs: Callable[[], Iterable[Provider]]) -> None:
        """Another state is in force: close what only this one used, now or after its last call.

        Args:
            heirs: Asked at that moment for the providers that must stay open.
        """
        self._heirs = heirs
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._heirs is None or self._calls:
            return
        kept = {id(provider) for provider in self._heirs()}
        for provider in self.state.providers.values():
            if id(provider) not in kept:
                close(provider)


def close(part: object) -> None:
    """Close what can be closed; one that fails is logged, so that the others are closed as well."""
    closing = getattr(part, "close", None)
    try:
        if closing is not None:
            closing()
    except Exception:  # noqa: BLE001  foreign code, and the others must still be closed
        _log.exception("%s could not be closed", type(part).__name__)
