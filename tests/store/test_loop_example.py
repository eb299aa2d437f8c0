"""The example of the whole loop runs, without any model."""

from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "cascade_and_report.py"


def test_the_loop_measures_plans_reports_and_learns(capsys):
    """What the cascade costs and achieves is printed beside the best model alone; only reports of the latter speak for a target."""
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    shown = capsys.readouterr().out
    assert "note: cascade mini → middle: expected $" in shown
    assert "coding: 281 of 300 right for $0.0948 (simulated)" in shown
    assert "coding/large: 293 of 300 right for $0.7490 (simulated)" in shown
    assert 1 == shown.count("reported)") == shown.count("(+300 reported)")
