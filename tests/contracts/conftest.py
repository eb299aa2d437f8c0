"""Fixtures of the contracts."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.contracts.colours", "tests.contracts.provider", "tests.contracts.provider_faults")

from tests.contracts.colours import COLOURS, Call, Colour  # noqa: E402 - after the rewriting of asserts is asked for


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
