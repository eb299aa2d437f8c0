"""The figures behind the pages, and files to take away: pure functions on small frames."""

from __future__ import annotations

import io

import pytest

pd = pytest.importorskip("pandas", reason="the app extra is not installed")


def test_saving_prices_each_call_as_the_strongest_would():
    """200 tokens to `small` would have cost 200 · 0.01 at `large`."""
    from routerkit_app.saving import saving_against_strongest

    cells = pd.DataFrame({"target": ["small", "large"], "kind": "", "n": [50, 50], "usd": [0.2, 1.0], "tokens": [200.0, 100.0]})
    found = saving_against_strongest(cells, pd.DataFrame({"target": ["small", "large"], "share": [0.5, 0.9]}))
    assert found is not None
    assert ("large", pytest.approx(1.8), pytest.approx(1.8 / 3.0), 0.9) == (found.strongest, found.usd, found.share, found.quality)


def test_saving_uses_the_price_of_the_kind_where_there_are_enough_calls():
    from routerkit_app.saving import saving_against_strongest

    cells = pd.DataFrame(
        {
            "target": ["large", "large", "small"],
            "kind": ["plan", "chat", "chat"],
            "n": [100, 100, 10],
            "usd": [9.0, 1.0, 0.0],
            "tokens": [100.0, 100.0, 100.0],
        }
    )
    found = saving_against_strongest(cells, pd.DataFrame({"target": ["large", "small"], "share": [0.9, 0.1]}))
    assert found is not None
    assert 1.0 == pytest.approx(found.usd)


def test_saving_of_a_single_target_is_unknown():
    from routerkit_app.saving import saving_against_strongest

    cells = pd.DataFrame({"target": ["one"], "kind": "", "n": [50], "usd": [1.0], "tokens": [10.0]})
    assert saving_against_strongest(cells, pd.DataFrame({"target": [], "share": []})) is None


def test_frontier_holds_whom_nobody_beats():
    """`bad` is dearer and worse than both others, so it is never on the frontier; a clear winner always is."""
    from routerkit_app.frontier import with_frontier

    frame = pd.DataFrame(
        {
            "target": ["cheap", "good", "bad"],
            "solved": [500.0, 900.0, 300.0],
            "n_tasks": 1_000,
            "share": [0.5, 0.9, 0.3],
            "x": [0.01, 0.1, 0.2],
            "x_low": [0.009, 0.09, 0.19],
            "x_high": [0.011, 0.11, 0.21],
        }
    )
    found = with_frontier(frame).set_index("target")
    assert [True, True, False] == list(found["is_frontier"])
    assert found["p_frontier"]["bad"] == 0.0
    assert found["p_frontier"]["good"] == 1.0


def test_difference_without_disagreement_is_not_credible():
    from routerkit_app.pairs import difference

    same = difference(pd.DataFrame({"a": [1.0, 0.0, 1.0], "b": [1.0, 0.0, 1.0], "cluster": ["x", "y", "z"]}))
    assert (0.0, 1.0, False) == (same.mean, same.p_value, same.is_credible)


def test_tasks_of_one_cluster_widen_the_interval():
    from routerkit_app.pairs import difference

    values = {"a": [1.0, 1.0, 1.0, 1.0, 0.0, 0.0], "b": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]}
    alone = difference(pd.DataFrame({**values, "cluster": list("uvwxyz")})).interval
    together = difference(pd.DataFrame({**values, "cluster": list("xxxyyy")})).interval
    assert together.high - together.low > alone.high - alone.low


def test_scorecard_change_says_what_was_added():
    from routerkit_app.scorecards import what_changed

    cell = {"target": "a", "kind": "plan", "p_low": 0.4, "p_high": 0.6}
    cards = pd.DataFrame(
        [
            {**cell, "revision": "r1", "made_at": pd.Timestamp("2026-01-01"), "n": 10.0, "passed": 5.0, "p_mean": 0.5},
            {**cell, "revision": "r2", "made_at": pd.Timestamp("2026-01-02"), "n": 20.0, "passed": 14.0, "p_mean": 0.7},
            {**cell, "target": "b", "revision": "r2", "made_at": pd.Timestamp("2026-01-02"), "n": 5.0, "passed": 1.0, "p_mean": 0.2},
        ]
    )
    found = what_changed(cards)
    assert found is not None
    why = found.cells.set_index("target")["why"]
    assert "+9 solved of +10 tasks; outside the old interval" == why["a"]
    assert "newly measured" == why["b"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\n=1"])
def test_exported_text_starts_no_formula(text):
    """Neither in cells nor in heads; numbers stay numbers."""
    from routerkit_app.export import as_csv

    assert f"'{text}" in as_csv(pd.DataFrame({text: [text]})).decode().replace('"', "")
    assert b"n\n-2\n" == as_csv(pd.DataFrame({"n": [-2]}))


def test_parquet_keeps_values():
    from routerkit_app.export import as_parquet

    frame = pd.DataFrame({"a": ["=1+1", None], "n": [1, -2], "tags": [["x"], []]})
    assert ["=1+1", None] == list(pd.read_parquet(io.BytesIO(as_parquet(frame)))["a"].astype(object).where(lambda v: v.notna(), None))
