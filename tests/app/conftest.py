"""What tests of the app share."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

try:
    from streamlit.components.v2 import manifest_scanner
except ImportError:  # the tests that need it skip themselves
    manifest_scanner = None


@pytest.fixture(scope="session", autouse=True)
def components_are_looked_for_once() -> Iterator[None]:
    """Streamlit's driver reads the metadata of every installed package for each app it makes, which takes longer than the app itself."""
    with pytest.MonkeyPatch.context() as patch:
        if manifest_scanner is not None:
            patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield
