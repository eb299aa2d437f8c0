"""What the tests of both integrations need to pass on the newest releases too (`make newest`), not only on the pinned ones."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else whoever imports litellm first waits for downloads


def pytest_configure(config: pytest.Config) -> None:
    """litellm 1.109 declares TypedDicts of which Pydantic warns while litellm is imported; neither is ours to change."""
    config.addinivalue_line("filterwarnings", "ignore:Items? .* on TypedDict class:UserWarning")
