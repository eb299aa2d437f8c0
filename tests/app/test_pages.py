"""Overview, Models, By kind, Compare and Runs on empty, generated and hostile data, run by Streamlit's own test driver."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerkit import Request
from routerkit.ledger import Ledger
from routerkit.state.interface import Facts, Lost, Tried
from routerkit.store import CALLS, OUTPUTS, RUNS, SAMPLES, Row, SegmentWriter, record_lost
from routerkit.testing import ScriptedProvider, make_reply, make_router
from tests.app.driving import prepare, show, titles

streamlit = pytest.importorskip("streamlit", reason="the app extra is not installed")
pytest.importorskip("streamlit.testing.v1", reason="the app extra is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # warnings are Streamlit's and altair's own

PAGES = ["overview", "models", "kinds", "compare", "runs"]
HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>![x](http://evil.example/x.png)$x^2$\x00\u202e" + "x" * 2_000


def write(folder: Path, stream: str, *rows: Row) -> None:
    writer: SegmentWriter[Row] = SegmentWriter(folder, stream)
    for row in rows:
        writer.append(row)
    writer.close()


def sample(target: str, task: str, *, is_solved: bool, **more: object) -> Row:
    return {
        "attempt_id": f"{target}/{task}/{more.get('epoch', 0)}",
        "sample_id": f"{target}/{task}/{more.get('epoch', 0)}",
        "run_id": "r1",
        "started_at": datetime.now(UTC).replace(tzinfo=None).isoformat(),
        "task_id": task,
        "kind": "bug_fix",
        "cluster": task,
        "target": target,
        "model": target,
        "epoch": 0,
        "verdict": "pass" if is_solved else "fail",
        "latency_s": 1.0,
        "cost_usd": 0.01,
        **more,
    }  # type: ignore[return-value]


def metrics(shown) -> Mapping[str, str]:
    return {m.label: m.value.replace("\\", "") for m in shown.metric}


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    from routerkit_app.demo import generate

    folder = tmp_path_factory.mktemp("demo")
    generate(folder, n_calls=120, n_tasks=12)
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_empty_page_says_which_command_fills_it(page, tmp_path, monkeypatch):
    shown = show(page, tmp_path, monkeypatch)
    assert shown.info[0].value.startswith("No ")
    assert "routerkit" in shown.code[0].value


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_generated_data_and_says_so(page, generated, monkeypatch):
    shown = show(page, generated, monkeypatch, is_demo=True)
    assert "Generated data" in shown.warning[0].value
    assert not shown.info
    assert len(shown.dataframe) > 0
    assert len(shown.get("vega_lite_chart")) <= len(titles(shown))


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_break_no_page(page, tmp_path, monkeypatch):
    """Nor does anything of them become a link, a picture or a formula in Markdown."""
    with Ledger(tmp_path, store_text=True) as ledger:
        router = make_router({"one": ScriptedProvider([make_reply(HOSTILE)])}, observers=[ledger])
        router.complete(Request("pool", ({"role": "user", "content": HOSTILE},), agent=HOSTILE, session=HOSTILE))
    rows = [
        sample(t, task, is_solved=t == "a" + HOSTILE, kind=HOSTILE, run_id=HOSTILE, why=HOSTILE, output_sha256=HOSTILE)
        for t in ("a" + HOSTILE, "b" + HOSTILE)
        for task in (HOSTILE, "t2")
    ]
    write(tmp_path, SAMPLES.name, *rows)
    write(tmp_path, OUTPUTS.name, {"output_sha256": HOSTILE, "n_chars": len(HOSTILE), "output": HOSTILE})
    write(tmp_path, RUNS.name, {"run_id": HOSTILE, "status": "running", "n_planned": 9, "recorded_at": rows[0]["started_at"]})
    shown = show(page, tmp_path, monkeypatch)
    words = [e.value for kind in (shown.markdown, shown.caption, shown.info) for e in kind]
    assert not [w for w in words if re.search(r"(?<!\\)(<script|!\[|\$x)", w)]


def test_overview_counts_what_the_ledger_holds(generated, monkeypatch):
    assert "120" == metrics(show("overview", generated, monkeypatch))["Calls"]


def test_calls_without_price_leave_the_spend_unknown(tmp_path, monkeypatch):
    """Unknown is not free."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    write(tmp_path, CALLS.name, {"record_id": "r1", "called_at": now, "status": "ok", "target": "a", "input_tokens": 9, "output_tokens": 9})
    shown = show("overview", tmp_path, monkeypatch)
    assert "unknown" == metrics(shown)["Spent"]
    assert "saved is unknown" in " ".join(c.value for c in shown.caption)


@pytest.mark.parametrize("page", PAGES)
def test_call_lost_with_its_process_breaks_no_page(page, tmp_path, monkeypatch):
    """How long it took and how it was decided nobody wrote down."""
    at = datetime.now(UTC).timestamp()
    facts = Facts(at, at, "r1", "mini", "mini-1", "7", "coding", "planner", "", "", "cheapest", "")
    record_lost(Lost(tmp_path, "17-ab", (Tried(facts, 2_000),)))
    assert not show(page, tmp_path, monkeypatch, record="r1").exception


def call(record_id: str, **more: object) -> Row:
    """Row of `calls`, answered just now."""
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    return {"record_id": record_id, "called_at": now, "status": "ok", "target": "a", "n_attempts": 1, "cost_usd": 0.5, **more}  # type: ignore[return-value]


def test_kept_alive_counts_failures_and_no_rejected_answers(tmp_path, monkeypatch):
    """The second call went on because a check said so, not because anything failed."""
    failed, fine = {"target": "a", "error_code": "overloaded"}, {"target": "b", "error_code": None}
    rows = [call("r1", n_attempts=2, attempts=[failed, fine]), call("r2", n_attempts=2, n_steps=2, attempts=[fine, fine]), call("r3")]
    write(tmp_path, CALLS.name, *rows)
    assert "1" == metrics(show("overview", tmp_path, monkeypatch))["Kept alive"]


def test_repeated_answers_are_counted_with_what_the_first_ones_cost(tmp_path, monkeypatch):
    write(tmp_path, CALLS.name, call("r1"), *(call(f"r{i}", n_attempts=0, cost_usd=0.0, cached_from="r1") for i in (2, 3)))
    shown = show("overview", tmp_path, monkeypatch)
    (card,) = [m for m in shown.metric if m.label == "Repeated"]
    assert "66.7%" == card.value.replace("\\", "")
    assert "cost $1" in card.help.replace("\\", "")


def test_filter_in_the_address_narrows(generated, monkeypatch):
    shown = show("overview", generated, monkeypatch, agent="ci")
    assert int(metrics(shown)["Calls"]) < 120
    assert ["ci"] == shown.sidebar.multiselect(key="agent").value


def test_shared_view_of_unknown_value_shows_nothing_rather_than_everything(generated, monkeypatch):
    assert "120 are stored" in show("overview", generated, monkeypatch, agent="gone").info[0].value


def test_filter_survives_a_change_of_page(generated, monkeypatch):
    """By kind looks at the kind that Models was narrowed to."""
    at = prepare(generated, monkeypatch).run().switch_page("screens/models.py").run()
    at.sidebar.multiselect(key="kind").set_value(["explain"]).run()
    shown = at.switch_page("screens/kinds.py").run()
    assert {"explain"} == set(shown.dataframe[0].value["kind"])


def test_unmeasured_cells_are_in_the_heat_map(tmp_path):
    """Once for each target and kind, without a share."""
    import pandas as pd

    from routerkit_app.screens.kinds import every_cell

    cells = pd.DataFrame({"target": ["a", "b"], "kind": ["x", "y"], "share": [0.5, 1.0], "low": 0.1, "high": 1.0, "n_tasks": [2, 3]})
    found = every_cell(cells)
    assert 4 == len(found)
    assert 2 == found["share"].isna().sum()


def test_compare_shows_the_right_answer_beside_the_wrong_one(tmp_path, monkeypatch):
    rows = [sample(t, f"t{i}", is_solved=t == "good" or i > 2, output_sha256=t) for t in ("good", "poor") for i in range(9)]
    write(tmp_path, SAMPLES.name, *rows)
    write(tmp_path, OUTPUTS.name, *({"output_sha256": t, "n_chars": 4, "output": f"of {t}"} for t in ("good", "poor")))
    shown = show("compare", tmp_path, monkeypatch)
    assert ["of good", "of poor"] == [c.value for c in shown.code[:2]]
    assert "+33.3%" == metrics(shown)["A less B"]


@pytest.mark.parametrize("page", ["models", "kinds"])
def test_targets_that_were_asked_other_tasks_are_named(page, tmp_path, monkeypatch):
    """A share of easy tasks beside one of hard tasks says nothing about the targets."""
    rows = [sample(t, f"t{i}", is_solved=i < 3) for t in ("a", "b") for i in range(4)]
    write(tmp_path, SAMPLES.name, *rows)
    assert not show(page, tmp_path, monkeypatch).warning
    write(tmp_path, SAMPLES.name, *(sample("c", f"easy{i}", is_solved=True) for i in range(3)))
    streamlit.cache_data.clear()
    (warning,) = show(page, tmp_path, monkeypatch).warning
    assert "c (0 of 3 in common)" in warning.value.replace("\\", "")


def test_infrastructure_failures_are_in_no_share(tmp_path, monkeypatch):
    write(tmp_path, SAMPLES.name, sample("a", "t1", is_solved=True), sample("a", "t2", is_solved=False, verdict="infra_provider"))
    (row,) = show("models", tmp_path, monkeypatch).dataframe[0].value.to_dict("records")
    assert (1, 1.0) == (row["n_tasks"], row["share"])


def test_running_run_shows_how_far_it_is(tmp_path, monkeypatch):
    now = datetime.now(UTC).replace(tzinfo=None).isoformat()
    write(tmp_path, RUNS.name, {"run_id": "r1", "status": "running", "n_planned": 4, "n_known": 0, "recorded_at": now, "started_at": now})
    write(tmp_path, SAMPLES.name, sample("a", "t1", is_solved=True))
    shown = show("runs", tmp_path, monkeypatch)
    assert "1 of 4 answers" in shown.get("progress")[0].proto.text
    assert ["running"] == list(shown.dataframe[0].value["status"])
