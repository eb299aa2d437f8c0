"""A short history with a kill (`benchmarks/reliability/histories.py` runs long ones): rows, budget and the upstreams' bill agree."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

PLACE = Path(__file__).parents[2] / "benchmarks" / "reliability" / "histories.py"


@pytest.fixture(scope="module")
def histories():
    spec = importlib.util.spec_from_file_location("histories", PLACE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its named tuples look for themselves there
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_rows_budget_and_bill_agree_after_a_kill(histories, tmp_path):
    """To the micro-dollar: rows and budget at once, the bill as well once it is reconciled, and then for good."""
    history = histories.live(tmp_path, kills=1, n_clients=4, seed=1)
    before = history.books()
    assert 0 == history.n_lost_answers
    assert history.n_hits <= history.n_attempts, "an attempt that reached the upstream is in no row"
    assert (pytest.approx(before.rows, abs=1e-9), 0.0) == (before.booked, before.set_aside)
    history.settle()
    after = history.books()
    assert [pytest.approx(after.billed, abs=1e-9)] * 2 == [after.rows, after.booked]
    assert "settled 0 requests" in history.settle()
    assert after == history.books()
