"""Every page on a store that is too large to look at row by row; `ROUTERKIT_LARGE_CALLS=1000000` makes it a million calls."""

from __future__ import annotations

import os

import pytest

from tests.app.driving import PAGES, show

pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings are Streamlit's and altair's own
CALLS = int(os.environ.get("ROUTERKIT_LARGE_CALLS", "10000"))
MOST_ROWS = 1_000
"""Sent to the browser for one table, however much is stored."""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    from benchmarks.app import fill

    folder = tmp_path_factory.mktemp("large")
    fill(folder, CALLS, max(4_000, CALLS // 10))
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_page_counts_all_and_sends_few(page, large, monkeypatch):
    """No exception and no empty state; no table grows with the store."""
    monkeypatch.delenv("ROUTERKIT_APP_CONFIG", raising=False)
    shown = show(page, large, monkeypatch, time="all")
    assert page == "whatif" or not shown.info  # without a configuration there is nothing to turn
    assert all(len(table.value) <= MOST_ROWS for table in shown.dataframe)


def test_sums_are_of_all_calls(large, monkeypatch):
    """Whichever page adds them up, from the calls or from their attempts."""
    targets = show("overview", large, monkeypatch, time="all").dataframe[0].value
    agents = show("agents", large, monkeypatch, time="all").dataframe[0].value
    assert (CALLS, CALLS) == (targets["n"].sum(), agents["calls"].sum())
    assert targets["usd"].sum() == pytest.approx(agents["usd"].sum())
    assert show("health", large, monkeypatch, time="all").dataframe[0].value["attempts"].sum() >= CALLS
