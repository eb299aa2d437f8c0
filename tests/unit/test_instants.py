"""Instants are written as the standard library writes them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from routerkit.instants import Seconds, day_of

AT = datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC)


def test_instants_read_as_those_of_the_standard_library_whatever_came_before() -> None:
    rng, seconds = random.Random(3), Seconds()
    for _ in range(3_000):
        at = AT + timedelta(microseconds=rng.choice((0, 1, 999_999, rng.randrange(4_000_000), -rng.randrange(4_000_000))))
        assert at.isoformat() == f"{seconds.text(at)}+00:00"
        assert at.date().isoformat() == day_of(at)


def test_the_first_and_last_instants_there_are_can_be_written() -> None:
    for at in (datetime.min.replace(tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 58, 5, UTC)):
        assert at.isoformat() == f"{Seconds().text(at)}+00:00"
