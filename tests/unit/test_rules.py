"""When a rule holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import Rule, When, features
from routerkit.rules import matching
from routerkit.testing import make_request

FACTS = replace(
    features(make_request("x" * 4_000)),
    kind="refactor",
    kind_source="hint",
    tags=("legacy", "cobol"),
    agent="planner",
    needs=frozenset({"tools"}),
)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(), True),
        (When(kind="refactor"), True),
        (When(kind="explain"), False),
        (When(kinds=("explain", "refactor")), True),
        (When(kinds=("explain",)), False),
        (When(tags=("legacy",)), True),
        (When(tags=("cobol", "legacy")), True),
        (When(tags=("legacy", "java")), False),
        (When(agent="planner"), True),
        (When(agent="coder"), False),
        (When(min_input_tokens=1_001), True),
        (When(min_input_tokens=1_002), False),
        (When(max_input_tokens=1_001), True),
        (When(max_input_tokens=1_000), False),
        (When(needs=("tools",)), True),
        (When(needs=("tools", "vision")), False),
        (When(kind="refactor", agent="coder"), False),
    ],
)
def test_every_part_that_is_set_must_hold(when, holds):
    """Bounds are inclusive; all tags and needs must be there."""
    assert holds == when.holds(FACTS)


def test_all_rules_that_hold_apply_in_order():
    """There is no first match: rules add up."""
    rules = [Rule("a", When()), Rule("b", When(kind="explain")), Rule("c", When(agent="planner"))]
    assert ["a", "c"] == [r.name for r in matching(rules, FACTS).rules]
