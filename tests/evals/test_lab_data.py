"""Reading recorded outcomes, completing their costs, and the table over them."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerkit import priors as shipped
from routerkit_evals import EvalError
from routerkit_evals.lab.costs import with_costs
from routerkit_evals.lab.facts import costs_for, priors_for
from routerkit_evals.lab.reading import read_items, read_outcomes
from routerkit_evals.lab.recorded import record, several_harnesses
from routerkit_evals.lab.table import Prior, fit_table, harness_weights
from tests.evals.lab_making import make_item, make_outcome, make_recorded, write_rows

ROWS = (
    {"benchmark": "b", "item_id": "1", "model": "mini", "score": 1.0, "cost_usd": 0.5, "trial": 0},
    {"benchmark": "b", "item_id": "1", "model": "mini", "score": 0.0, "cost_usd": 0.7, "trial": 1},
    {"benchmark": "b", "item_id": "2", "model": "mini", "score": None, "cost_usd": None, "trial": 0},
)


def test_json_lines_end_at_newlines_only(tmp_path: Path) -> None:
    """Prompts may hold Unicode's own line separators as they are."""
    item = {"benchmark": "b", "item_id": "1", "category": "bug_fix", "prompt": "one\u2028line"}
    (tmp_path / "i.jsonl").write_text(json.dumps(item, ensure_ascii=False) + "\n", "utf-8")
    assert "one\u2028line" in repr(read_items([tmp_path / "i.jsonl"])).replace("\\u2028", "\u2028")


@pytest.mark.parametrize("text", ["one\u2028line", "a\fpage", "next\x85line", "group\x1dmark", "two\r\nlines", "x" * 200_000])
def test_csv_keeps_whatever_a_prompt_holds(tmp_path: Path, text: str) -> None:
    path = write_rows(tmp_path / "i.csv", [{"item_id": "1", "prompt": text}, {"item_id": "2", "prompt": "y"}])
    assert [text, "y"] == [item.prompt for item in read_items([path])]


@pytest.mark.parametrize("name", ["o.csv", "o.csv.gz", "o.jsonl"])
def test_mark_that_spreadsheets_begin_a_file_with_is_no_part_of_it(tmp_path: Path, name: str) -> None:
    text = '{"item_id": "1", "model": "a", "score": 1}' if "jsonl" in name else "item_id,model,score\n1,a,1\n"
    body = text.encode("utf-8-sig")
    (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith("gz") else body)
    assert ["1"] == [outcome.item_id for outcome in read_outcomes([tmp_path / name])]


def test_csv_json_lines_and_parquet_read_the_same(tmp_path: Path) -> None:
    from pyarrow import Table
    from pyarrow.parquet import write_table

    write_rows(tmp_path / "o.csv", ROWS)
    (tmp_path / "o.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    write_table(Table.from_pylist(list(ROWS)), tmp_path / "o.parquet")
    seen = {repr(read_outcomes([tmp_path / f"o.{suffix}"])) for suffix in ("csv", "jsonl", "parquet")}
    assert 1 == len(seen)


def test_whole_ids_are_the_same_whether_stored_as_floats_or_not(tmp_path: Path) -> None:
    for name, number in (("i", "7"), ("o", "7.0")):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"item_id": {number}, "model": "a", "score": 1, "prompt": "p"}}\n')
    recorded = record(read_items([tmp_path / "i.jsonl"]), read_outcomes([tmp_path / "o.jsonl"]))
    assert ("7", "p") == (recorded.items[0].item_id, recorded.items[0].prompt)


def test_trials_are_averaged_and_unknown_scores_dropped_and_counted(tmp_path: Path) -> None:
    recorded = record((), read_outcomes([write_rows(tmp_path / "o.csv", ROWS)]))
    assert [[0.5]] == recorded.score.tolist()
    assert 0.6 == pytest.approx(recorded.cost_usd[0, 0])
    assert "1 outcomes without a known score were dropped" in recorded.notes


def test_later_item_file_adds_to_the_earlier_one(tmp_path: Path) -> None:
    one = write_rows(tmp_path / "1.csv", [{"item_id": "1", "prompt": "old"}])
    two = write_rows(tmp_path / "2.csv", [{"item_id": "1", "prompt": "new"}, {"item_id": "2", "prompt": "x"}])
    assert ["new", "x"] == [item.prompt for item in read_items([one, two])]


def test_items_without_a_benchmark_are_found_by_id() -> None:
    recorded = record([replace(make_item(1, prompt="p"), benchmark="")], [make_outcome(1, "mini", 1.0)])
    assert ("p", "made") == (recorded.items[0].prompt, recorded.items[0].benchmark)


def test_same_id_in_another_benchmark_is_another_item() -> None:
    recorded = record([make_item(1, prompt="p", benchmark="other")], [make_outcome(1, "mini", 1.0)])
    assert "" == recorded.items[0].prompt


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item_id,model\n1,a\n", "no column 'score'"),
        ("item_id,model,score\n1,a,good\n", "row 1: score 'good' is not a number"),
        ("item_id,model,score\n,a,1\n", "row 1: item_id is empty"),
        ("item_id,model,score\n1,,1\n", "row 1: model is empty"),
        ("item_id,model,score\n1,a,7\n", "outside 0..1"),
    ],
)
def test_wrong_file_is_named_with_row_and_value(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "o.csv").write_text(text)
    with pytest.raises(EvalError, match=message):
        read_outcomes([tmp_path / "o.csv"])


def test_unreadable_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "o.parquet").write_bytes(b"not parquet")
    (tmp_path / "numbers.jsonl").write_text("1\n")
    with pytest.raises(EvalError, match=r"numbers\.jsonl: row 1 is not a JSON object but '1'"):
        read_items([tmp_path / "numbers.jsonl"])
    with pytest.raises(EvalError, match="cannot be read as Parquet"):
        read_outcomes([tmp_path / "o.parquet"])


@pytest.mark.parametrize("damage", [slice(0, -30), slice(40, None)])
def test_damaged_archive_is_one_line(tmp_path: Path, damage: slice) -> None:
    body = gzip.compress("".join(f'{{"item_id": "i{i * i}"}}\n' for i in range(99)).encode())
    (tmp_path / "i.jsonl.gz").write_bytes(body[:20] + body[damage])
    with pytest.raises(EvalError, match=r"i\.jsonl\.gz: cannot be read as Parquet, CSV or JSON lines"):
        read_items([tmp_path / "i.jsonl.gz"])


def test_number_beyond_all_floats_and_cell_without_a_column_are_named(tmp_path: Path) -> None:
    (tmp_path / "o.jsonl").write_text(f'{{"item_id": "i", "model": "m", "score": {10**400}}}')
    with pytest.raises(EvalError, match=r"o\.jsonl: row 1: int too large"):
        read_outcomes([tmp_path / "o.jsonl"])
    (tmp_path / "o.csv").write_text("item_id,model,score\ni,m,0,5\n")
    with pytest.raises(EvalError, match=r"o\.csv: row 1 has more cells than there are columns"):
        read_outcomes([tmp_path / "o.csv"])


def test_model_in_two_harnesses_of_one_benchmark_is_two_arms() -> None:
    rows = [make_outcome(1, "mini", 1.0), make_outcome(1, "mini", 0.0, harness="g"), make_outcome(1, "large", 1.0)]
    assert ("large", "mini@g", "mini@h") == record((), rows, split_arms=several_harnesses(rows)).arms


def test_missing_and_zero_costs_are_never_free() -> None:
    """One of three costs is zero: it becomes the mean of the others. An arm without costs stays unknown."""
    rows = [make_outcome(i, "mini", 1.0, cost=c) for i, c in enumerate((0.2, 0.4, 0.0))]
    rows += [make_outcome(i, "large", 1.0, cost=0.0) for i in range(3)]
    priced = with_costs(record((), rows), {})
    assert [0.2, 0.3, 0.4] == pytest.approx(sorted(priced.recorded.cost_usd[:, 1]))
    assert ("large",) == priced.unpriced
    assert np.isnan(priced.recorded.cost_usd[:, 0]).all()


def test_list_price_stands_in_for_costs_nobody_recorded() -> None:
    """400 characters are 100 tokens; at 5 dollars per million that is 0.0005."""
    priced = with_costs(record([make_item(0, prompt="x" * 400)], [make_outcome(0, "mini", 1.0, cost=0.0)]), {"mini": 5.0})
    assert 0.0005 == pytest.approx(priced.recorded.cost_usd[0, 0])
    assert ("mini",) == priced.estimated


def test_small_cell_is_pulled_toward_the_kind_and_a_large_one_is_not() -> None:
    items = [make_item(i, kind="migrate" if i < 2 else "bug_fix") for i in range(202)]
    rows = [make_outcome(i, "mini", 1.0 if i < 2 or i % 2 else 0.0) for i in range(202)]
    table = fit_table(record(items, rows))
    rare, common = table.predict_quality([items[0], items[100]])[:, 0]
    assert 0.5 < rare < 0.7
    assert 0.5 == pytest.approx(common, abs=0.02)


def test_kind_never_seen_gets_the_overall_rate() -> None:
    recorded = make_recorded({"mini": 0.3, "large": 0.9}, 400)
    table = fit_table(recorded)
    unseen = table.predict_quality([make_item(9999, kind="translate", benchmark="elsewhere")])[0]
    assert table.quality[0][()].tolist() == unseen.tolist()


def test_table_trusts_kinds_more_when_they_really_differ() -> None:
    """Empirical Bayes: the strength of the parent falls as the spread between kinds grows."""

    def strength(spread: float) -> float:
        rng = np.random.default_rng(3)
        items = [make_item(i, kind=f"k{i % 8}") for i in range(800)]
        rates = 0.5 + spread * np.linspace(-1, 1, 8)
        return fit_table(record(items, [make_outcome(i, "mini", float(rng.random() < rates[i % 8])) for i in range(800)])).n0[2].common

    assert strength(0.4) < strength(0.1) < strength(0.0)


def test_predicted_cost_of_a_dear_kind_is_higher() -> None:
    items = [make_item(i, kind="migrate" if i % 2 else "bug_fix") for i in range(200)]
    table = fit_table(record(items, [make_outcome(i, "mini", 1.0, cost=0.4 if i % 2 else 0.1) for i in range(200)]))
    fix, migrate = table.predict_cost(items[:2])[:, 0]
    assert 0.1 <= fix < 0.15 < 0.3 < migrate


def test_samples_of_another_harness_count_half() -> None:
    fit, test = make_recorded({"mini": 0.5}, 20), make_recorded({"mini": 0.5}, 20)
    other = replace(test, harnesses={"mini": frozenset({"elsewhere"})})
    assert [1.0] == harness_weights(fit, test).tolist()
    assert [0.5] == harness_weights(fit, other).tolist()


def test_prior_speaks_where_nothing_was_measured() -> None:
    recorded = make_recorded({"mini": 0.5}, 20).columns(("mini", "new"))
    table = fit_table(recorded, priors={"new": Prior(0.9, 10.0, "leaderboard")})
    assert 0.9 == pytest.approx(table.quality[0][()][1])


def test_every_shipped_fact_has_a_date_a_share_and_no_free_task() -> None:
    facts = shipped.facts()
    assert len(facts) > 300
    assert all(0.0 <= f.passed_share <= 1.0 and f.date[:2] == "20" and f.model and f.kind for f in facts)
    assert all(f.cost_usd is None or f.cost_usd > 0.0 for f in facts)
    assert all(p.usd_per_mtok > 0.0 and p.source and p.date for p in shipped.list_prices())


def test_facts_are_found_whatever_the_prefix_and_spelling() -> None:
    assert shipped.facts_about("anthropic/Claude-Opus-4-8@openhands", "bug_fix")[0].model == "claude-opus-4-8"
    assert () == shipped.facts_about("no-such-model")


def test_facts_become_priors_and_costs_of_the_commonest_kind() -> None:
    items = [make_item(0, kind="test_generation")]
    arms = ("claude-opus-4-8", "unheard-of")
    assert {"claude-opus-4-8"} == set(priors_for(arms, items)) == set(costs_for(arms, items))
    assert 0.5 < priors_for(arms, items)["claude-opus-4-8"].quality < 1.0
