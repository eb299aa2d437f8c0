"""The search for keys finds them: a check of the suite that cannot fail would prove nothing."""

from __future__ import annotations

import logging

import pytest

from tests.canaries import CANARY, Leaks, left_in

KEY = f"sk-test-{CANARY}"


@pytest.fixture
def leaks(no_leak: Leaks) -> Leaks:
    """The session's finds, cleared again of what a test put there."""
    before = list(no_leak.places)
    yield no_leak
    no_leak.places[:] = before


@pytest.mark.parametrize(
    "log", [lambda at: at.debug("key=%s", KEY), lambda at: at.warning(KEY), lambda at: at.error("x", exc_info=OSError(KEY))]
)
def test_key_in_a_log_line_at_any_level_or_in_its_traceback_is_found(leaks: Leaks, log) -> None:
    n = len(leaks.places)
    log(logging.getLogger("routerkit.anything"))
    assert n + 1 == len(leaks.places)


def test_key_in_a_file_is_found_and_a_key_file_is_let_be(tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "row.jsonl").write_text(f'{{"error": "{KEY}"}}')
    (tmp_path / "key").write_text(KEY)
    assert [tmp_path / "data" / "row.jsonl"] == list(left_in(tmp_path))
    (tmp_path / "data" / "row.jsonl").unlink()


def test_every_key_of_the_tests_carries_the_mark(served) -> None:
    assert served.first.api_key.endswith(CANARY)
    assert served.second.api_key.endswith(CANARY)
