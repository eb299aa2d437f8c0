"""`routerkit test`: a configuration proves what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routerkit.cli.app import LAZY
from routerkit.config import parse, plan_state
from routerkit.config.expectations import Outcome, outcomes
from routerkit.config.policy_tests import read_policy_tests
from routerkit.errors import ConfigError
from routerkit.scorecard import Cell, Scorecard
from tests.unit.config_text import GOOD
from tests.unit.test_cli import Run, run

__all__ = ["run"]

CONFIG = (
    GOOD
    + """
[[routes]]
name = "ports"
utterances = ["port this module to python 3"]
kind = "migrate"
prefer = ["local"]

[[routes]]
name = "checks"
utterances = ["add test coverage", "write unit tests"]
kind = "test_write"
"""
)


def results(tmp_path: Path, request: str, expect: str, config: str = CONFIG) -> list[Outcome]:
    """Outcomes of one test."""
    path = tmp_path / "policy-tests.toml"
    path.write_text(f'[[tests]]\nname = "it"\nrequest = {{ {request} }}\nexpect = {{ {expect} }}\n')
    settings = parse(config)
    (test,) = read_policy_tests(path, settings).tests
    return list(outcomes(test, plan_state(settings, tmp_path), test.request.pool or "coding"))


PORT = 'texts = ["Port the script to Python 3"]'
LEGACY = 'texts = ["Explain this"], tags = ["legacy"]'


@pytest.mark.parametrize(
    ("request_", "holds", "fails", "found"),
    [
        (PORT, 'picked = "local"', 'picked = "mini"', "local"),
        (PORT, 'not_picked = ["mini"]', 'not_picked = ["local", "mini"]', "local"),
        (PORT, 'ranked = ["local", "mini"]', 'ranked = ["mini"]', "local, mini"),
        (PORT, 'kind = "migrate"', 'kind = "unknown"', "migrate"),
        (PORT, 'route = "ports"', 'route = "none"', "ports"),
        ('texts = ["Hello."]', 'route = "none"', 'route = "ports"', "none"),
        (PORT, 'not_routes = ["checks"]', 'not_routes = ["ports"]', "ports: 0."),
        (PORT, "margin = 0.5", 'margin = 1.0, route = "ports"', ""),
        ('texts = ["Port this module to Python 3 and add test coverage"]', "margin = 0.05", "margin = 0.5", "next "),
        (
            LEGACY,
            'rules = ["legacy source never leaves the house"]',
            'not_rules = ["legacy source never leaves the house"]',
            "legacy source",
        ),
        (PORT, 'rules = ["route ports"]', 'rules = ["legacy source never leaves the house"]', "route ports"),
        (LEGACY, 'dropped = { mini = "rule" }', 'dropped = { local = "rule" }', "local: kept"),
        ('texts = ["Hi"], input_tokens = 500_000', 'dropped = { mini = "context" }', 'dropped = { mini = "rule" }', "mini: context"),
        ('texts = ["Hi"], needs = ["vision"]', 'dropped = { mini = "capability" }', 'picked = "mini"', "local"),
        ('texts = ["Hi"], pool = "coding/mini", max_tokens = 10', "max_usd = 0.001", "max_usd = 0.00001", "$"),
        ('texts = ["Hi"], pool = "coding/local"', 'picked = "local"', "max_usd = 100.0", "unknown"),
    ],
)
def test_expectation_holds_or_fails_with_what_was_found(tmp_path, request_, holds, fails, found):
    """Each kind of expectation, both ways; an unknown cost is under no limit."""
    assert () == results(tmp_path, request_, holds)[0].mismatches
    if fails != 'margin = 1.0, route = "ports"':
        assert found in results(tmp_path, request_, fails)[0].mismatches[0].found


def test_every_need_makes_a_request_that_needs_it(tmp_path):
    """Otherwise a test of a capability would pass for nothing."""
    for need in ("tools", "json_mode", "json_schema", "vision", "audio", "pdf"):
        (outcome,) = results(tmp_path, f'texts = ["Hi"], needs = ["{need}"]', 'not_picked = ["x"]'.replace("x", "mini"))
        assert {need} == outcome.decision.features.needs


def test_every_text_is_a_request_of_its_own(tmp_path):
    """Paraphrases must be decided alike; the one that is not is named."""
    found = results(tmp_path, 'texts = ["port the module to python 3", "Write a poem"]', 'route = "ports"')
    assert [("port the module to python 3", True), ("Write a poem", False)] == [(o.text, not o.mismatches) for o in found]


def test_random_policies_are_tested_with_the_same_dice(tmp_path):
    """Twice the same file, twice the same result."""
    config = CONFIG.replace("quality_floor = 0.70", "explore_share = 0.9")
    request = "texts = [" + ", ".join(f'"Hello {i}"' for i in range(8)) + "]"
    one, other = (results(tmp_path, request, 'picked = "mini"', config) for _ in range(2))
    assert [o.to_dict() for o in one] == [o.to_dict() for o in other]


@pytest.mark.parametrize(
    ("request_", "expect", "told"),
    [
        (PORT, 'picked = "min"', "tests[0].expect.picked: unknown target 'min'; did you mean 'mini'?"),
        (PORT, 'dropped = { x = "rule" }', "tests[0].expect.dropped: unknown target 'x'"),
        (PORT, 'route = "port"', "tests[0].expect.route: unknown route 'port'; did you mean 'ports'?"),
        (PORT, 'rules = ["legacy"]', "tests[0].expect.rules: unknown rule 'legacy'"),
        (PORT, 'kind = "port"', "tests[0].expect.kind: unknown task kind 'port'"),
        (PORT, "", "tests[0].expect: expects nothing, so it could not fail"),
        (PORT, 'pick = "mini"', "tests[0].expect.pick: unknown key; did you mean 'picked'?"),
        ("texts = []", 'picked = "mini"', "tests[0].request.texts: is empty; name at least one"),
        (
            PORT + ", input_tokens = 999_999_999_999",
            'picked = "none"',
            "request.input_tokens: 999999999999 should be less than or equal to 10000000",
        ),
        (PORT + ', pool = "codin"', 'picked = "mini"', "tests[0].request.pool: unknown pool 'codin'; did you mean 'coding'?"),
        (PORT + ', needs = ["visoin"]', 'picked = "mini"', "tests[0].request.needs: unknown need 'visoin'; did you mean 'vision'?"),
    ],
)
def test_test_that_names_what_does_not_exist_is_refused_in_one_line(tmp_path, request_, expect, told):
    """A misspelt name must not make a negative test pass."""
    with pytest.raises(ConfigError) as caught:
        results(tmp_path, request_, expect)
    assert told in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_command_is_0_if_all_holds_else_1_with_the_decision_explained(run: Run, tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    (tmp_path / "fixed.json").write_text(Scorecard((Cell("local", "explain", 10, 9.0),)).to_json())
    good = '[[tests]]\nname = "ports"\nrequest = { texts = ["Port the module to Python 3"] }\nexpect = { picked = "local" }\n'
    (tmp_path / "policy-tests.toml").write_text(f'scorecard = "fixed.json"\n{good}')
    code, out, _ = run("test")
    assert (0, "1 tests, 1 requests: 1 as expected, 0 not") == (code, out.splitlines()[-1])

    (tmp_path / "other.toml").write_text(good.replace('"local"', '"mini"'))
    code, out, _ = run("test", "other.toml")
    assert 1 == code
    assert "FAIL  ports: 'Port the module to Python 3'\n        picked: expected mini, found local\n" in out
    assert "      |   route 'ports': 0." in out

    code, out, _ = run("test", "other.toml", "--json")
    assert [{"key": "picked", "expected": "mini", "found": "local"}] == json.loads(out)[0]["mismatches"]


def test_command_with_a_broken_file_is_one_line_and_code_2(run: Run, tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    code, out, err = run("test")
    assert (2, "", "routerkit: policy-tests.toml: no such file; write [[tests]] with request and expect\n") == (code, out, err)
    assert "test" in LAZY
