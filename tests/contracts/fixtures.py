"""Fixtures that run a test once per colour; tests get them through `tests/conftest.py`."""

from __future__ import annotations

import pytest

from tests.contracts.colours import COLOURS, Call, Colour


@pytest.fixture(params=COLOURS)
def call(request: pytest.FixtureRequest) -> Call:
    """Runs a request in each of the four colours."""
    colour: Colour = request.param
    return Call(colour)


@pytest.fixture(params=("stream", "astream"))
def stream_call(request: pytest.FixtureRequest) -> Call:
    """Runs a request in both streamed colours."""
    colour: Colour = request.param
    return Call(colour)


@pytest.fixture(params=("complete", "acomplete"))
def whole_call(request: pytest.FixtureRequest) -> Call:
    """Runs a request in both whole colours."""
    colour: Colour = request.param
    return Call(colour)
