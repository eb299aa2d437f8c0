"""Listeners are told everything once, and cannot hurt a call or each other."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from routerkit import Report
from routerkit.observe import notify
from routerkit.testing import Recorder

EVENT = Report("id", datetime(2026, 1, 1, tzinfo=UTC), success=True)


class Broken:
    """Observer that raises what it was given."""

    def __init__(self, exc: BaseException) -> None:
        self._exc = exc

    def observe(self, event):
        raise self._exc


def test_all_are_told_in_order():
    """Each listener hears each event once."""
    first, second = Recorder(), Recorder()
    notify([first, second], EVENT)
    assert [EVENT] == first.reports == second.reports


def test_broken_listener_is_logged_and_passed_over(caplog):
    """The log names it; the next one is still told."""
    after = Recorder()
    notify([Broken(OSError("disk full")), after], EVENT)
    assert [EVENT] == after.reports
    assert "observer Broken failed on Report" in caplog.text


def test_interrupt_is_not_swallowed():
    """Ctrl-C in a listener is the user's, not the listener's."""
    with pytest.raises(KeyboardInterrupt):
        notify([Broken(KeyboardInterrupt())], EVENT)
