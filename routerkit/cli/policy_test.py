"""`routerkit test`: expected decisions, for a user's own CI."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath

if TYPE_CHECKING:
    from routerkit.config.expectations import Outcome

_DEFAULT_TESTS: Final = Path("policy-tests.toml")
_SHOWN_CHARS: Final = 70


def policy_test(
    tests: Annotated[Path, typer.Argument(help="File of tests.")] = _DEFAULT_TESTS,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Check that requests are decided on as expected; nothing is called. Exit code 1 when one is not."""
    # pydantic, which `routerkit --help` should not pay for
    from routerkit.config import plan_state, read
    from routerkit.config.expectations import outcomes
    from routerkit.config.policy_tests import default_pool, read_policy_tests
    from routerkit.scorecard import load_scorecard

    settings = read(config)
    found = read_policy_tests(tests, settings)
    state = plan_state(settings, config.parent)
    if found.scorecard is not None:
        state = replace(state, scorecard=load_scorecard(tests.parent / Path(found.scorecard).expanduser()))
    results = [outcome for test in found.tests for outcome in outcomes(test, state, test.request.pool or default_pool(settings))]
    n_failed = sum(bool(outcome.mismatches) for outcome in results)
    if as_json:
        print(json.dumps([outcome.to_dict() for outcome in results], indent=2))
    else:
        for outcome in results:
            _print(outcome)
        print(f"{len(found.tests)} tests, {len(results)} requests: {len(results) - n_failed} as expected, {n_failed} not")
    raise typer.Exit(1 if n_failed else 0)


def _print(outcome: Outcome) -> None:
    text = " ".join(outcome.text.split())
    shown = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
    print(f"{'FAIL' if outcome.mismatches else 'ok':<5} {outcome.test}: {shown!r}")
    for mismatch in outcome.mismatches:
        print(f"        {mismatch.key}: expected {mismatch.expected}, found {mismatch.found}")
    if outcome.mismatches:
        print("\n".join(f"      | {line}" for line in outcome.decision.explain().splitlines()))
