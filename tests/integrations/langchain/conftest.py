"""What LangChain's standard suites expect around them, without the internet and without benchmarking."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace

import pytest

from tests.integrations.langchain import pools

os.environ.setdefault("LANGSMITH_TRACING", "false")

_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==")
_BYTES = {"pdf": b"%PDF-1.4\n%%EOF\n", "wav": b"RIFF$\x00\x00\x00WAVEfmt ", "png": _PNG}


def pytest_configure(config: pytest.Config) -> None:
    """The suites mark tests for plugins that are switched off here."""
    config.addinivalue_line("markers", "benchmark: measured by pytest-benchmark, which is off")


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suites download their pictures, documents and sounds; tiny ones do as well."""
    suite = pytest.importorskip("langchain_tests.integration_tests.chat_models")

    def get(url: str, **_: object) -> SimpleNamespace:
        return SimpleNamespace(content=next((b for end, b in _BYTES.items() if url.endswith(end)), _PNG))

    monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "routerkit tests, which send nothing")
    monkeypatch.setattr(suite, "httpx", SimpleNamespace(get=get))


@pytest.fixture
def benchmark() -> Callable[[Callable[[], object]], object]:
    """Run what would be measured, once."""
    return lambda function: function()


@pytest.fixture(scope="session")
def vcr_config() -> dict[str, object]:
    """Loopback is never recorded."""
    return {"ignore_localhost": True}


@pytest.fixture(autouse=True)
async def _closed_with_the_loop() -> AsyncIterator[None]:
    """Each test has an event loop of its own, and idle connections must not outlive it."""
    yield
    await pools.aclose_idle()


@pytest.fixture(scope="session", autouse=True)
def _servers() -> Iterator[None]:
    yield
    pools.stop_all()
