"""What eval tests share: one sandbox for the session, and a task."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from routerkit_evals import Sandbox, SandboxUnavailableError, Task, open_sandbox
from tests.evals.making import make_task


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    try:
        opened = open_sandbox()
    except SandboxUnavailableError as exc:
        pytest.skip(str(exc))
    with opened:
        yield opened


@pytest.fixture
def add_task() -> Task:
    return make_task("add")
