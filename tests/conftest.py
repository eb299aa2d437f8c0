"""Fixtures for all tests."""

import atexit
import gc
import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Whatever the shell says: without stored bytecode every worker and every command that a test starts compiles everything anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest.register_assert_rewrite("tests.contracts.colours", "tests.contracts.provider", "tests.contracts.provider_faults")

from tests.canaries import no_leak, pytest_runtest_makereport  # noqa: E402 - after the rewriting of asserts is asked for
from tests.contracts.fixtures import call, stream_call, whole_call  # noqa: E402 - as above
from tests.servers.fixtures import openai_server  # noqa: E402 - as above

# The same examples every time: a red run must be red for everybody.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

__all__ = ["call", "no_leak", "openai_server", "pytest_runtest_makereport", "stream_call", "whole_call"]


def pytest_collection() -> None:
    """What is imported now stays until the end, and looking through it again and again is a third of the time that collecting takes."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    atexit.register(gc.unfreeze)  # or extension modules complain of what was left behind
    gc.enable()


@pytest.fixture
def no_collection() -> Iterator[None]:
    """For tests that nest too deeply: what others left behind would be finalized where the stack is full, which counts as an error."""
    gc.disable()
    yield
    gc.enable()
