"""Keys in tests carry a mark, and whatever the suite logs, prints, answers or leaves behind is searched for it.

Log lines are read at every level with their tracebacks, what tests print is read when they end, what the gateway sends is read as it is
sent, and files are read when the session ends. Fixtures and hooks of this module work wherever `tests/conftest.py` imports them.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import pytest

from routerkit.gateway import connection

CANARY: Final = "canary0123456789abcdef"
"""End of every provider key of the tests."""
_HOLDERS: Final = frozenset({"key", ".env", "litellm.yaml", "portkey.json"})
"""Files into which tests themselves write keys, as users do."""


class Leaks(logging.Handler):
    """Where the mark was seen."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.places: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Read a log line as it would be written."""
        self.look(self.format(record), f"log of {record.name}, {record.filename}:{record.lineno}")

    def look(self, text: str, place: str) -> None:
        """Search a text."""
        if CANARY in text:
            self.places.append(place)


_LEAKS: Final = Leaks()


def left_in(folder: Path) -> Iterator[Path]:
    """Files under a folder that hold the mark and are not meant to."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.name not in _HOLDERS and CANARY.encode() in path.read_bytes():
            yield path


@pytest.fixture(scope="session", autouse=True)
def no_leak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaks]:
    """Fails the session when a key got anywhere."""
    logging.getLogger().addHandler(_LEAKS)
    logging.getLogger("routerkit").setLevel(logging.DEBUG)
    send = connection.Connection.send

    def read_and_send(self: connection.Connection, data: bytes) -> None:
        _LEAKS.look(data.decode("latin-1"), "an answer of the gateway")
        send(self, data)

    connection.Connection.send = read_and_send  # type: ignore[method-assign]  # the one place all its answers pass
    yield _LEAKS
    connection.Connection.send = send  # type: ignore[method-assign]
    logging.getLogger().removeHandler(_LEAKS)
    places = [*_LEAKS.places, *map(str, left_in(tmp_path_factory.getbasetemp()))]
    assert not places, f"a provider's key was shown in {places}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Search what a test printed."""
    report = yield
    if report.when == "teardown":
        for name, text in report.sections:
            if "log" not in name:  # those lines were read when they were written
                _LEAKS.look(text, f"{name} of {item.nodeid}")
    return report
