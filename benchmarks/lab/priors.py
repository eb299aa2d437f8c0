"""Derive the shipped facts in routerkit/priors/ from public leaderboard tables.

python benchmarks/lab/priors.py FOLDER     # FOLDER holds prior_aider_{edit,polyglot,refactor}.csv and prior_openhands_index.csv
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

OUT = Path(__file__).parents[2] / "routerkit" / "priors"
AIDER = "Aider-AI/aider, aider/website/_data/{}.yml, Apache-2.0"
KIND_OF_INDEX = {
    "bug_fix": "bug_fix",
    "test_generation": "test_write",
    "library_implementation": "multi_file",
    "frontend_bug_fix": "frontend_bug_fix",
}


def positive(text: str) -> float | None:
    """A number, or nothing where it is missing or zero: these tables write 0 for `not recorded`."""
    return float(text) if text and float(text) > 0 else None


def aider(folder: Path, name: str, kind: str, share: str) -> list[dict[str, object]]:
    facts = []
    for row in csv.DictReader((folder / f"prior_aider_{name}.csv").open(encoding="utf-8")):
        n, total = int(float(row["test_cases"])), positive(row["total_cost"])
        facts.append(
            {
                "model": row["model"],
                "kind": kind,
                "passed_share": round(float(row[share]) / 100, 4),
                "n_tasks": n,
                "cost_usd": None if total is None else round(total / n, 6),
                "latency_s": positive(row["seconds_per_case"]),
                "harness": f"aider, {row['edit_format']} edits",
                "date": row["date"],
            }
        )
    return facts


def openhands(folder: Path) -> list[dict[str, object]]:
    return [
        {
            "model": row["model"],
            "kind": KIND_OF_INDEX[row["category"]],
            "passed_share": round(float(row["score_pct"]) / 100, 4),
            "n_tasks": None,
            "cost_usd": positive(row["cost_per_instance_usd"]),
            "latency_s": positive(row["average_runtime_s"]),
            "harness": f"openhands {row['agent_version']}",
            "benchmark": row["benchmark"],
            "date": row["submitted"][:10],
        }
        for row in csv.DictReader((folder / "prior_openhands_index.csv").open(encoding="utf-8"))
        if row["category"] in KIND_OF_INDEX
    ]


def write(name: str, benchmark: str, source: str, facts: list[dict[str, object]]) -> None:
    head = json.dumps({"benchmark": benchmark, "source": source}, indent=1)[:-2]
    lines = ",\n  ".join(json.dumps(fact, sort_keys=True) for fact in facts)
    (OUT / f"{name}.json").write_text(f'{head},\n "facts": [\n  {lines}\n ]\n}}\n', "utf-8")
    print(f"{name}: {len(facts)} facts")


def main() -> None:
    folder = Path(sys.argv[1])
    write("aider_edit", "aider_edit", AIDER.format("edit_leaderboard"), aider(folder, "edit", "synthesize", "pass_rate_2"))
    write("aider_polyglot", "aider_polyglot", AIDER.format("polyglot_leaderboard"), aider(folder, "polyglot", "synthesize", "pass_rate_2"))
    write("aider_refactor", "aider_refactor", AIDER.format("refactor_leaderboard"), aider(folder, "refactor", "refactor", "pass_rate_1"))
    write("openhands_index", "openhands_index", "OpenHands/openhands-index-results, MIT", openhands(folder))


if __name__ == "__main__":
    main()
