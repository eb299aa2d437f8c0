"""Fixtures that other test modules import through `tests/conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.strict_openai import StrictOpenAI


@pytest.fixture
def openai_server() -> Iterator[StrictOpenAI]:
    """A fresh strict server, stopped after the test."""
    with StrictOpenAI() as server:
        yield server
