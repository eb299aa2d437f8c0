"""What cascades are planned from: joint outcomes, and how well answers are checked; published with the scorecard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import routerkit
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.verifier import Verdict
from routerkit_evals import EvalError, Sample, publish
from routerkit_evals.checking import Checker
from routerkit_evals.cli import scores_app
from routerkit_evals.joint import check_answers, joint_outcomes
from routerkit_evals.publish import add_verifiers
from routerkit_evals.store import SampleLog
from tests.evals.making import make_sample

COUNTS = VerifierCounts("tests", "bug_fix", 9, 8, 5, 1)


def test_tasks_with_equal_outcomes_are_put_together_at_mean_costs() -> None:
    samples = [make_sample(t, target="mini", cost_usd=usd) for t, usd in (("a", 0.01), ("b", 0.03))]
    samples += [make_sample(t, target="large", verdict="fail", cost_usd=0.5) for t in "ab"]
    assert (JointOutcomes("bug_fix", ("large", "mini"), (Pattern(2, (0.0, 1.0), (0.5, 0.02)),)),) == joint_outcomes(samples)


def test_repetitions_are_averaged_and_unmeasured_stays_unknown() -> None:
    samples = [make_sample("a", epoch=i, verdict="pass" if i else "fail", cost_usd=None) for i in range(2)]
    samples += [make_sample("b", target="large"), make_sample("c", target="large", verdict="infra_provider")]
    (joint,) = joint_outcomes(samples)
    assert {Pattern(1, (None, 0.5), (None, None)), Pattern(1, (1.0, None), (0.01, None))} == set(joint.patterns)


def test_verdicts_on_known_answers_are_counted_per_kind() -> None:
    samples = [make_sample(str(i), verdict="pass" if i < 6 else "fail", answer="yes" if i % 3 else "no") for i in range(10)]
    samples += [make_sample("silent", answer="?"), make_sample("no text"), make_sample("lost", verdict="infra_provider", answer="yes")]

    def look(sample: Sample) -> Verdict:
        return Verdict(None if sample.answer == "?" else sample.answer == "yes", cost_usd=0.01)

    (checked,) = check_answers(samples, "v", look)
    assert (VerifierCounts("v", "bug_fix", 6, 4, 4, 2, 0.01), 1) == (checked.counts, checked.n_silent)
    assert "bug_fix: accepts right 0.67 [0.30, 0.90] (4 of 6), wrong 0.50 [0.15, 0.85] (2 of 4), could not look at 1" == checked.line()


def test_rates_are_added_to_the_published_scorecard_and_survive_the_next(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    publish([make_sample("a")], path)
    before = routerkit.load_scorecard(path)
    card = add_verifiers(path, [COUNTS])
    assert (before.cells, (COUNTS,)) == (card.cells, card.verifiers)
    add_verifiers(path, [replace(COUNTS, n_right=10)])
    publish([make_sample("a", kind="migrate")], path)
    read = routerkit.load_scorecard(path)
    assert (replace(COUNTS, n_right=10),) == read.verifiers
    assert ["migrate", "bug_fix"] == [j.kind for j in read.joint], "joint outcomes of a kind not measured this time stay"


CONFIG = """
[providers.p]
kind = "simulated"
[targets.mini]
provider = "p"
model = "mini-1"
[pools.coding]
targets = ["mini"]
policy = "careful"
[policies.careful]
kind = "cascade"
verify = ["parses"]
[policies.judged]
kind = "cascade"
verify = ["reviewer"]
[verifiers.reviewer]
kind = "judge"
model = "coding/mini"
[scorecard]
path = "scorecard.json"
"""


def test_checks_are_measured_and_published_from_the_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    (tmp_path / "routerkit.toml").write_text(CONFIG)
    samples = [make_sample(str(i), verdict="pass" if i < 3 else "fail", answer="x = 1" if i < 4 else "x = (") for i in range(6)]
    with SampleLog(tmp_path / "data") as log:
        for sample in samples:
            log.append(sample)
    publish(samples, tmp_path / "scorecard.json")
    where = ["careful", "-c", str(tmp_path / "routerkit.toml"), "--data", str(tmp_path / "data")]
    done = CliRunner().invoke(scores_app, ["verifier", *where, "--publish"], catch_exceptions=False)
    assert "  bug_fix: accepts right 1.00 [0.44, 1.00] (3 of 3), wrong 0.33 [0.06, 0.79] (1 of 3)" in done.output
    assert (VerifierCounts("parses", "bug_fix", 3, 3, 3, 1),) == routerkit.load_scorecard(tmp_path / "scorecard.json").verifiers
    shown = json.loads(CliRunner().invoke(scores_app, ["verifier", *where, "--json"], catch_exceptions=False).output)
    assert (3, [0.061, 0.792]) == (shown[0]["n_wrong"], [round(x, 3) for x in shown[0]["false_accept"]])


def test_policy_without_checks_and_judge_without_questions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    with routerkit.load(tmp_path / "routerkit.toml") as router:
        with pytest.raises(EvalError, match="'cheap' names no checks; policies with verify: careful, judged"):
            Checker(router, "cheap", {})
        with pytest.raises(EvalError, match="name their source with --tasks"):
            Checker(router, "judged", {})


def test_judge_is_not_measured_on_its_own_answers(tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    with routerkit.load(tmp_path / "routerkit.toml") as router:
        verdict = Checker(router, "judged", {"t": "question"}).look(make_sample(answer="x"))
    assert (None, "the judge may be the model itself") == (verdict.accepted, verdict.evidence)
