"""The gateway of `tests/gateway`, as seen by somebody who means harm."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.gateway.conftest import Served, make_served, serving

__all__ = ["make_served"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running gateway without keys; one for a whole module, which must not change it."""
    with serving(tmp_path_factory.mktemp("gateway")) as make:
        found = make()
        found.start()
        yield found


@pytest.fixture
def n_sent(served: Served) -> Callable[[], int]:
    """Counts the requests that have reached an upstream since the test began."""
    before = served.first.hits + served.second.hits
    return lambda: served.first.hits + served.second.hits - before
