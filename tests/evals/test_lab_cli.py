"""`routerkit eval simulate` and `routerkit scores fit` as a user calls them, on made-up recordings."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerkit.predictor import load_predictor
from routerkit_evals import EvalError
from routerkit_evals.cli import eval_app, scores_app
from routerkit_evals.lab.commands import _PLAIN
from routerkit_evals.lab.compare import POLICIES
from tests.evals.lab_making import EASY, FILLER, HARD, write_rows

METRICS = ("quality", "cost_usd", "saving_at_95", "apgr", "cpt50", "cpt80", "aiq", "aiq_gain_over_static")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models on 120 + 80 items; `mini` fails exactly on the hard kind, `x/large` is always right, `dear` is neither."""
    folder = tmp_path_factory.mktemp("recordings")
    words = [f"{(HARD if i % 2 else EASY)[i // 2 % 4]} {FILLER[i // 3 % 6]}" for i in range(200)]
    items = [
        {"benchmark": "b", "item_id": i, "category": "migrate" if i % 2 else "bug_fix", "repo": f"r{i % 9}", "prompt": words[i]}
        for i in range(200)
    ]
    right = {"mini": lambda i: i % 2 == 0, "x/large": lambda _: True, "dear": lambda i: i % 4 != 3}
    cost = {"mini": 0.01, "x/large": 0.1, "dear": 0.5}
    rows = [
        {"benchmark": "b", "item_id": i, "harness": "h", "model": m, "score": float(f(i)), "cost_usd": cost[m] * (1 + i % 3)}
        for i in range(200)
        for m, f in right.items()
    ]
    write_rows(folder / "items1.csv", items[:100])
    write_rows(folder / "items2.csv", items[100:])
    write_rows(folder / "fit.csv", [r for r in rows if int(str(r["item_id"])) < 120])
    write_rows(folder / "test.csv", [r for r in rows if int(str(r["item_id"])) >= 120])
    return folder


def simulate(folder: Path, *options: str, fit: str = "fit.csv") -> dict:
    """Result of `routerkit eval simulate` on the recordings; item files stand behind one `--items`, as a shell expands them."""
    files = ["--fit", str(folder / fit), "--test", str(folder / "test.csv")]
    items = ["--items", str(folder / "items1.csv"), str(folder / "items2.csv")]
    result = CliRunner().invoke(
        eval_app, ["simulate", *files, *items, "--resamples", "40", "--json", str(folder / "o.json"), *options], catch_exceptions=False
    )
    assert 0 == result.exit_code, result.output
    return json.loads((folder / "o.json").read_text())


def test_pair_is_routed_by_kind_at_half_the_price(recordings: Path) -> None:
    """`mini` for bug fixes, `large` for migrations: all right for 0.055 instead of 0.1 per item of unit length."""
    body = simulate(recordings, "--pair", "mini,large", "--seed", "1", "--policy", "table,random")
    table = body["policies"]["table"]
    assert ("b", 120, 80, 9) == (body["benchmark"], body["n_fit"], body["n_test"], body["n_clusters"])
    assert 0.75 == pytest.approx(table["apgr"]["value"], abs=0.01)
    assert 0.5 == pytest.approx(table["saving_at_95"]["value"], abs=0.03)
    assert table["apgr"]["low"] <= table["apgr"]["value"] <= table["apgr"]["high"]
    assert 0.5 == pytest.approx(body["policies"]["random"]["apgr"]["value"], abs=0.01)


@pytest.mark.slow
def test_every_policy_reports_every_metric_with_bounds(recordings: Path) -> None:
    policies = simulate(recordings, "--pair", "mini,large", "--verifier", "0.95,0.05", "--labels", "60")["policies"]
    plain = {name.split(":")[0] for name in policies}
    assert set(POLICIES) == plain
    assert all({"value", "low", "high"} == set(policies[name][m]) for name in policies for m in METRICS)


def test_more_labels_than_there_are_is_said(recordings: Path) -> None:
    body = simulate(recordings, "--pair", "mini,large", "--policy", "static", "--labels", "121")
    assert "b: --labels 121 is more than the 120 items there are to fit: all are used" in body["notes"]
    notes = simulate(recordings, "--pair", "mini,large", "--policy", "static", "--labels", "120")["notes"]
    assert not any("--labels" in note for note in notes)


def test_model_without_fitted_outcomes_is_named(recordings: Path) -> None:
    """Its expectations are assumptions, and the predictor has nothing to compare it with."""
    rows = [line for line in (recordings / "fit.csv").read_text().splitlines() if ",mini," not in line]
    (recordings / "without.csv").write_text("\n".join(rows))
    body = simulate(recordings, "--pair", "mini,large", "--policy", "corrected", fit="without.csv")
    assert "--fit holds no outcomes of mini: what is expected there is assumed, not learned" == body["comparison_notes"][0]
    assert "table only: 0 fitted items have outcomes of all of mini, x/large" == body["policies"]["corrected"]["note"]


def test_pool_is_cut_to_its_hull_and_the_dominated_model_left_out(recordings: Path) -> None:
    body = simulate(recordings, "--policy", "static", "--policy", "table,oracle")
    assert (["mini", "x/large"], "x/large") == (body["arms"], body["best"])
    assert ["static", "table", "oracle"] == list(body["policies"])
    assert body["policies"]["table"]["aiq_gain_over_static"]["value"] > 0.05


def test_cascade_plan_is_compared_with_what_it_really_did(recordings: Path) -> None:
    cascade = simulate(recordings, "--policy", "cascade", "--verifier", "1,0")["policies"]["cascade"]
    assert ["mini", "x/large"] == cascade["plan"]["steps"]
    assert not cascade["refused"]
    assert abs(cascade["error_share"]["quality"]) < 0.01
    assert cascade["plan"]["cost_low_usd"] <= cascade["realised"]["cost_usd"] <= cascade["plan"]["cost_high_usd"]
    assert 80 == cascade["plan"]["n_next"]
    assert {"escalations", "prices"} == set(cascade["cost_difference"])


def test_unknown_costs_give_no_dollars_but_areas_in_calls(recordings: Path, tmp_path: Path) -> None:
    for name in ("fit.csv", "test.csv"):
        lines = (recordings / name).read_text().splitlines()
        (tmp_path / name).write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    for name in ("items1.csv", "items2.csv"):
        (tmp_path / name).write_text((recordings / name).read_text())
    body = simulate(tmp_path, "--pair", "mini,large", "--policy", "table")
    table = body["policies"]["table"]
    assert not body["is_cost_known"]
    assert (None, None) == (table["cost_usd"]["value"], table["saving_at_95"]["value"])
    assert 0.75 == pytest.approx(table["apgr"]["value"], abs=0.01)


@pytest.mark.slow
def test_unpriced_pool_still_reports_quality(recordings: Path, tmp_path: Path) -> None:
    for name in ("fit.csv", "test.csv"):
        lines = (recordings / name).read_text().splitlines()
        (tmp_path / name).write_text("\n".join(line.rsplit(",", 1)[0] for line in lines))
    (tmp_path / "items1.csv").write_text("item_id\n1\n")
    (tmp_path / "items2.csv").write_text("item_id\n2\n")
    policies = simulate(tmp_path)["policies"]
    assert 1.0 == pytest.approx(policies["always:x/large"]["quality"]["value"])


def test_model_that_was_never_fitted_does_not_stop_the_others(recordings: Path, tmp_path: Path) -> None:
    fit = (recordings / "fit.csv").read_text().splitlines()
    for name in ("items1.csv", "items2.csv", "test.csv"):
        (tmp_path / name).write_text((recordings / name).read_text())
    (tmp_path / "fit.csv").write_text("\n".join(line for line in fit if "large" not in line))
    body = simulate(tmp_path, "--policy", "static,table,cascade")
    assert "x/large" == body["best"]
    assert "x/large" not in body["arms"]


def test_items_in_both_parts_are_pointed_out(recordings: Path, tmp_path: Path) -> None:
    for name in ("items1.csv", "items2.csv", "test.csv"):
        (tmp_path / name).write_text((recordings / name).read_text())
    (tmp_path / "fit.csv").write_text((recordings / "test.csv").read_text())
    assert "b: 80 of 80 test items were also fitted on: their figures flatter" in simulate(tmp_path, "--policy", "static")["notes"]


def test_items_in_both_parts_are_counted_for_each_benchmark_and_only_those_really_fitted(recordings: Path, tmp_path: Path) -> None:
    """A file may hold several benchmarks of which one is asked for, and labels may be drawn from it."""
    for name in ("items1.csv", "items2.csv"):
        (tmp_path / name).write_text((recordings / name).read_text())
    head, *rows = (recordings / "test.csv").read_text().splitlines(keepends=True)
    (tmp_path / "test.csv").write_text("".join([head, *rows, *(row.replace("b,", "c,", 1) for row in rows)]))
    (tmp_path / "fit.csv").write_text((tmp_path / "test.csv").read_text())
    for options, n in (((), 80), (("--labels", "60"), 60)):
        notes = simulate(tmp_path, "--policy", "static", "--benchmark", "b", *options)["notes"]
        assert [f"b: {n} of 80 test items were also fitted on: their figures flatter"] == [note for note in notes if "also fitted" in note]


@pytest.mark.slow
def test_picture_shows_every_policy(recordings: Path) -> None:
    simulate(recordings, "--pair", "mini,large", "--policy", "table,always", "--picture", str(recordings / "p.svg"))
    picture = (recordings / "p.svg").read_text()
    assert "<svg" in picture
    assert "always:mini" in picture


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--policy", "tabel"), "unknown policy 'tabel'"),
        (("--pair", "mini"), "WEAK,STRONG"),
        (("--pair", "mini,gpt"), "no model matches 'gpt'"),
        (("--verifier", "0.9"), "TPR,FPR"),
        (("--price", "mini"), "MODEL=USD"),
        (("--price", "mini=nan"), "MODEL=USD"),
        (("--price", "mini=-1"), "MODEL=USD"),
        (("--price", "mina=1"), "no model is called 'mina'; found dear, mini, x/large"),
        (("--verifier", "1,0,inf"), "TPR,FPR"),
        (("--benchmark", "c"), "no outcomes of benchmark 'c'"),
        (("--policy", "always:none"), "no such model"),
        (("--picture", "p.bmp"), "must end in"),
    ],
)
def test_wrong_option_is_answered_in_one_line(recordings: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(EvalError, match=message) as caught:
        simulate(recordings, *options)
    assert "\n" not in str(caught.value)


def test_names_of_policies_are_the_same_at_both_ends() -> None:
    assert _PLAIN == POLICIES


def test_scores_fit_writes_a_predictor_that_loads_and_shows_its_calibration(recordings: Path) -> None:
    out = recordings / "predictor.json"
    items = ["--items", str(recordings / "items1.csv"), "--items", str(recordings / "items2.csv")]
    options = ["fit", "--outcomes", str(recordings / "fit.csv"), *items, "--out", str(out), "--json", str(recordings / "c.json")]
    result = CliRunner().invoke(scores_app, options, catch_exceptions=False)
    assert 0 == result.exit_code, result.output
    predictor = load_predictor(out)
    assert ["mini", "x/large"] == list(predictor.heads)
    assert [False] == [gate.is_open for gate in predictor.gates]
    assert "off, only the length counts" in result.output
    calibration = json.loads((recordings / "c.json").read_text())["calibration"]
    assert {"mini", "x/large"} == {c["target"] for c in calibration}
    assert asdict(predictor.gates[0])["n_labels"] == 120


def test_fitting_without_prompts_is_refused(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\n1\n")
    options = ["fit", "--outcomes", str(recordings / "fit.csv"), "--items", str(tmp_path / "items.csv"), "--models", "mini,x/large"]
    with pytest.raises(EvalError, match="no item has a prompt"):
        CliRunner().invoke(scores_app, options, catch_exceptions=False)


def _only_outcomes(tmp_path: Path, rows: list[dict[str, object]]) -> Path:
    """The same outcomes to fit and to score."""
    for name in ("fit.csv", "test.csv"):
        write_rows(tmp_path / name, rows)
    for name in ("items1.csv", "items2.csv"):
        (tmp_path / name).write_text("item_id\n1\n")
    return tmp_path


def test_cascade_needs_items_that_all_its_models_answered(recordings: Path, tmp_path: Path) -> None:
    one_each = [
        {"item_id": i, "model": m, "score": i % 2, "cost_usd": 0.1} for i in range(60) for m in ("mini", "large") if i % 2 == len(m) % 2
    ]
    write_rows(_only_outcomes(tmp_path, one_each) / "test.csv", [{**row, "model": m} for row in one_each for m in ("mini", "large")])
    with pytest.raises(EvalError, match=r"no fitted item has outcomes of all of large, mini"):
        simulate(tmp_path, "--policy", "cascade")


@pytest.mark.filterwarnings("error")
def test_cascade_of_models_that_solve_nothing_says_so(tmp_path: Path) -> None:
    rows = [{"item_id": i, "model": m, "score": 0, "cost_usd": c} for i in range(30) for m, c in (("mini", 0.1), ("large", 1.0))]
    cascade = simulate(_only_outcomes(tmp_path, rows), "--policy", "cascade")["policies"]["cascade"]
    assert cascade["refused"]
    assert (0.0, None) == (cascade["realised"]["quality"], cascade["error_share"]["quality"])
    assert pytest.approx(0.1) == cascade["plan"]["cost_usd"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pair", [(), ("--pair", "mini,large")])
def test_cascade_without_known_costs_promises_no_dollars(tmp_path: Path, pair: tuple[str, ...]) -> None:
    rows = [{"item_id": i, "model": m, "score": 1} for i in range(30) for m in ("mini", "large")]
    cascade = simulate(_only_outcomes(tmp_path, rows), "--policy", "cascade", *pair)["policies"]["cascade"]
    assert (None, None, None) == (cascade["plan"]["cost_usd"], cascade["realised"]["cost_usd"], cascade["cost_difference"])
    assert "$" not in cascade["note"]
    assert pytest.approx(0.0) == cascade["error_share"]["quality"]


@pytest.mark.parametrize(("n", "has_interval"), [(1, False), (4, True)])
def test_few_clusters_are_said_to_decide_nothing(tmp_path: Path, n: int, has_interval: bool) -> None:
    rows = [{"item_id": i, "model": m, "score": i % 2, "cost_usd": c} for i in range(1, n + 1) for m, c in (("mini", 0.1), ("large", 1.0))]
    body = simulate(_only_outcomes(tmp_path, rows), "--policy", "always")
    assert f"{n} cluster{'s' if n > 1 else ''} to resample: too few to decide anything" in body["notes"][-1]
    assert has_interval == (body["policies"]["always:mini"]["quality"]["low"] is not None)


def test_what_no_resample_can_change_is_no_certainty(tmp_path: Path) -> None:
    """Thirty right of thirty is at least 0.886 (Wilson), as in `eval report`; what it saves is not known any better, so has no interval."""
    rows = [{"item_id": i, "model": m, "score": 1, "cost_usd": c} for i in range(30) for m, c in (("mini", 0.1), ("large", 1.0))]
    policies = simulate(_only_outcomes(tmp_path, rows), "--policy", "always,static", "--pair", "mini,large")["policies"]
    for metric in (policies["always:mini"]["quality"], policies["static"]["aiq"]):
        assert {"value": 1.0, "low": 0.8865, "high": 1.0} == pytest.approx(metric, abs=1e-4)
    assert {"value": 0.9, "low": None, "high": None} == policies["always:mini"]["saving"]


def test_what_holds_by_definition_is_certain(recordings: Path) -> None:
    """A mix of models that fail now and then gains nothing over itself, whatever is drawn."""
    static = simulate(recordings, "--policy", "static", "--pair", "mini,dear")["policies"]["static"]
    assert {"value": 0.0, "low": 0.0, "high": 0.0} == static["aiq_gain_over_static"]
    assert static["quality"]["low"] < static["quality"]["value"]
