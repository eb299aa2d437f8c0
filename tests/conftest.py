"""Fixtures for all tests."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.contracts.colours", "tests.contracts.provider", "tests.contracts.provider_faults")

from tests.canaries import no_leak, pytest_runtest_makereport  # noqa: E402 - after the rewriting of asserts is asked for
from tests.contracts.fixtures import call, stream_call, whole_call  # noqa: E402 - as above
from tests.servers.fixtures import openai_server  # noqa: E402 - as above

# The same examples every time: a red run must be red for everybody.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

__all__ = ["call", "no_leak", "openai_server", "pytest_runtest_makereport", "stream_call", "whole_call"]


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For tests that nest too deeply: what others left behind would be finalized where the stack is full, which counts as an error."""
    gc.disable()
    yield
    gc.enable()
